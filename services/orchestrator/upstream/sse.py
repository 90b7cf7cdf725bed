"""Server-sent events, as the WHATWG's HTML standard, section 9.2.6, has them: only their data."""

import codecs
import re
from collections.abc import AsyncIterator

MAX_EVENT = 1024 * 1024
"""Longest event in characters."""
_LINE_END = re.compile(r"\r\n|\n|\r")


async def data_of(parts: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """The data of each event; ValueError where one is longer than MAX_EVENT.

    Lines end with LF, CR or both, an event may have several `data:` lines, and a byte order mark may come
    first. The last event counts also where the stream ends before its empty line.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    rest, lines = "", list[str]()
    async for part in parts:
        text = rest + decoder.decode(part)
        # A CR at the very end may be the first half of a line's end.
        held = "\r" if text.endswith("\r") else ""
        *whole, rest = _LINE_END.split(text.removesuffix(held))
        rest += held
        if len(rest) + sum(map(len, lines)) > MAX_EVENT:
            raise ValueError("an event is too long")
        for line in whole:
            if line:
                _note(lines, line)
            elif lines:
                yield "\n".join(lines)
                lines.clear()
    _note(lines, rest.removesuffix("\r"))
    if lines:
        yield "\n".join(lines)


def _note(lines: list[str], line: str) -> None:
    name, _, value = line.partition(":")
    if name == "data":
        lines.append(value.removeprefix(" "))
