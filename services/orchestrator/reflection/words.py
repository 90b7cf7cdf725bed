"""Texts from outside before a reflector reads them: one line, short, without addresses and handles. Pure."""

import re
import unicodedata

LINK = "[link]"
MOST_LOOKED_AT = 5_000
"""Characters that are looked at; the rest of a text is of no use here."""

_ADDRESS = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,15}://\S*|\bwww\.\S+"
    r"|(?<![\w@.-])(?:[\w-]{1,63}\.){1,6}(?:com|net|org|io|ai|app|dev|co|me|ly|gg|fm|tv|de|uk|eu|ru|cn|xyz|info|link)"
    r"\b(?:[/?#:]\S*)?"
    # Any other host is one where a path or a port follows it.
    r"|(?<![\w@.-])(?:[\w-]{1,63}\.){1,6}(?:[a-z]{2,24}|\d{1,3})(?::\d{2,5}|/[^\s/])\S*",
    re.IGNORECASE,
)  # fmt: skip
# From the beginning of a word only: else a long one is gone through from each of its letters.
_HANDLE = re.compile(r"(?<!\S)\S*@\S+")


def without_addresses(text: str) -> str:
    """The text with `[link]` for what looks like an address or a handle."""
    return _HANDLE.sub(LINK, _ADDRESS.sub(LINK, text))


def cleaned(text: str, most: int) -> str:
    """At most `most` characters on one line; what looks like an address or a handle reads `[link]`."""
    printable = "".join(
        " " if sign.isspace() else sign
        for sign in unicodedata.normalize("NFKC", text[:MOST_LOOKED_AT])
        if sign.isspace() or unicodedata.category(sign)[0] != "C"
    )
    plain = " ".join(without_addresses(printable).split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
