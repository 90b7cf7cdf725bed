"""What spans several words of a line: quoted text, JSON and the like, fields of a message that are one."""

import re

TEXT, DATA = "<text>", "<data>"

TELLING_KEYS = re.compile(
    r"msg|message|err|errors?|exc|exception|reason|cause|details?|event|op|operation|action|kind|type|code|stage|step"
    r"|state|status|level|severity|lvl|phase|method|verb|command|cmd",
    re.IGNORECASE,
)
"""Of `key=word` the word tells of which error it is; of other keys it is a value."""

_COLOURS = re.compile(
    r"(?:\x1b|\N{REPLACEMENT CHARACTER})\[[0-9;?]{0,16}[A-Za-z]|\x1b\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)"
)
_DATA_BEGINS = re.compile(
    r"""\{(?=\s?(?:<text>|["'\[{}]|-?\d[\w.]*[,}]))|\[(?=<text>|["'\[{]|-?\d[\d.]{0,20},|\])"""
)
_STRUCTURE = re.compile(r""""(?:[^"\\]|\\.)*+"?|'(?:[^'\\]|\\.)*+'?|[\[{]|[\]}]""", re.DOTALL)
# A quote opens where no word ends: the apostrophe of `can't` is none. Nor does a quote that is escaped.
_QUOTE = (
    r"""(?<![A-Za-z0-9\\])(?:[brfu]{0,2}(?:"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+')|`[^`\n]*+`)(?![A-Za-z0-9])"""
    r"""|\\"[^"\\]*+\\"|“[^”]{0,200}”|«[^»]{0,200}»|‘[^’]{0,200}’"""
)
_QUOTED = re.compile(_QUOTE)
_SAID = re.compile(
    r"(?<![A-Za-z0-9_.-])(?P<key>[A-Za-z_][A-Za-z0-9_.-]{0,40})="
    rf"""(?P<said>"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')|{_QUOTE}"""
)


def without_colours(text: str) -> str:
    """Without what colours a terminal, also where its control characters were replaced already."""
    if "\x1b" in text or "\N{REPLACEMENT CHARACTER}" in text:
        return _COLOURS.sub("", text)
    return text


def without_spans(text: str) -> str:
    """The text with `<text>` and `<data>` for what it quotes. Takes time in proportion to the text."""
    if '"' in text or "'" in text or "`" in text or "“" in text or "«" in text or "‘" in text:
        text = _SAID.sub(_masked, text) if '="' in text or "='" in text else _QUOTED.sub(TEXT, text)
    if ("{" in text or "[" in text) and _DATA_BEGINS.search(text):
        return _without_data(text)
    return text


def _masked(match: re.Match[str]) -> str:
    """`error="cannot open the file"` says what happened: its words are the line's."""
    key = match["key"]
    if key is None:
        return TEXT
    if TELLING_KEYS.fullmatch(key):
        return f"{key}: {match['said'][1:-1]} "
    return f"{key}=<value>"


def _without_data(text: str) -> str:
    kept, done = [], 0
    while begins := _DATA_BEGINS.search(text, done):
        kept += [text[done : begins.start()], DATA]
        done = _end_of_data(text, begins.start())
    return "".join([*kept, text[done:]])


def _end_of_data(text: str, start: int) -> int:
    """Where the brackets of `start` are closed: where not, the data was cut off, and goes on to the end."""
    depth = 0
    for part in _STRUCTURE.finditer(text, start):
        sign = part[0]
        if sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
            if depth == 0:
                return part.end()
    return len(text)
