"""Small elements, put together and written in one way."""

import re
from xml.etree import ElementTree as ET

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 allows in no form, not even as a reference (production 2, Char)."""
_BREAKS = re.compile(r"\s*[\t\n\r]\s*")

Content = ET.Element | str | None


def element(name: str, *content: Content, **attributes: str) -> ET.Element:
    """An element with text or children; None among them is left out.

    What XML cannot hold becomes U+FFFD, and a line break in text a space.
    """
    made = ET.Element(name, {key: clean(value) for key, value in attributes.items()})
    for part in content:
        if isinstance(part, str):
            made.text = clean(part)
        elif part is not None:
            made.append(part)
    return made


def clean(text: str) -> str:
    """Text as XML can hold it, on one line."""
    return _BREAKS.sub(" ", _FORBIDDEN.sub("\ufffd", text))


def document(root: ET.Element) -> bytes:
    """The whole document: UTF-8, two spaces a level, a line feed at its end."""
    ET.indent(root, "  ")
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()
