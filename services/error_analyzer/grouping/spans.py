"""What spans several words of a line: quoted text, JSON and the like, fields of a message that are one."""

import re

TEXT, DATA = "<text>", "<data>"

TELLING_KEYS = re.compile(
    r"msg|message|err|errors?|exc|exception|reason|cause|details?|event|op|operation|action|kind|type|code|stage|step"
    r"|state|status|level|severity|lvl|phase|method|verb|command|cmd|sqlstate|errno",
    re.IGNORECASE,
)
"""Of `key=word` the word tells of which error it is; of other keys it is a value."""

_COLOURS = re.compile(
    r"(?:\x1b|\N{REPLACEMENT CHARACTER})\[[0-9;?]{0,16}[A-Za-z]|\x1b\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)"
)
_DATA_BEGINS = re.compile(
    r"""\{(?=\s?(?:<text>|\x02|["'\[{}]|-?\d[\w.]*[,}]))|\[(?=<text>|["'\[{]|-?\d[\d.]{0,20},|\])"""
)
_STRUCTURE = re.compile(r""""(?:[^"\\]|\\.)*+"?|'(?:[^'\\]|\\.)*+'?|[\[{]|[\]}]""", re.DOTALL)
# A quote opens where no word ends: the apostrophe of `can't` is none, and closes none. Nor does a quote that
# is escaped.
_QUOTE = (
    r"""(?<![A-Za-z0-9\\])(?:[brfu]{0,2}(?:"(?:[^"\\\n]|\\.)*+"|"""
    r"""'(?:[^'\\\n]++|\\.|(?<=[A-Za-z])'(?=[A-Za-z]))*+')|`[^`\n]*+`)(?![A-Za-z0-9])"""
    r"""|\\"[^"\\]*+\\"|“[^”]{0,200}”|«[^»]{0,200}»|‘[^’]{0,200}’"""
)
_QUOTED = re.compile(_QUOTE)
_SAID = re.compile(
    r"(?<![A-Za-z0-9_.-])(?P<key>[A-Za-z_][A-Za-z0-9_.-]{0,40})="
    rf"""(?P<said>"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')|{_QUOTE}"""
)

# `{'error': 'disk full'}`: what is said under such a key is the message, though the rest is data.
_TOLD_KEY = (
    "(?:err|errors?|msg|message|reason|cause|exc|exception|detail|code|status|errno|sqlstate"
    "|(?:error|status)_?code|error_?(?:type|message|description))"
)
_TOLD_KEYS = re.compile(rf"""["']{_TOLD_KEY}["']\s?:""", re.IGNORECASE)
_TOLD_IN_DATA = re.compile(
    rf"""(?<![A-Za-z0-9\\])(?P<quote>["'])(?P<key>{_TOLD_KEY})(?P=quote)\s?:\s?"""
    rf"""(?:(?P<said>"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')|(?P<code>-?\d{{1,5}})(?![\w.]))|{_QUOTE}""",
    re.IGNORECASE,
)
_BRACKETS = str.maketrans("[]{}\"'\x02\x03", " " * 8)
_TOLD = re.compile(r"\x02([^\x03]*+)\x03")
# What PostgreSQL quotes of a row: `Key (email)=(bob smith) already exists.`
_ROW = re.compile(r"(?P<before>\)=|row contains )\((?:[^()\n]|\([^()\n]{0,100}\)){0,1000}+\)++")
_NGINX = re.compile(
    r", client: [^,\s]*+(?:, (?:server|request|subrequest|upstream|host|referrer|login|bytes from/to client"
    r"""|bytes from/to upstream): ?(?:"(?:[^"\\]|\\.)*+"?|[^,"]*+))*+"""
)
_ANSWERED = re.compile(r"""(HTTP/\d(?:\.\d)?["']?) (?=[1-5]\d\d(?!\S))""")


def without_colours(text: str) -> str:
    """Without what colours a terminal, also where its control characters were replaced already."""
    if "\x1b" in text or "\N{REPLACEMENT CHARACTER}" in text:
        return _COLOURS.sub("", text)
    return text


def without_spans(text: str) -> str:
    """The text with `<text>` and `<data>` for what it quotes. Takes time in proportion to the text."""
    if ")=(" in text or "row contains (" in text:
        text = _ROW.sub(r"\g<before>(<value>)", text)
    if ", client: " in text:
        text = _NGINX.sub(f", {DATA}", text)
    if "HTTP/" in text:
        text = _ANSWERED.sub(r"\1 status ", text)
    if '"' in text or "'" in text or "`" in text or "“" in text or "«" in text or "‘" in text:
        if "{" in text and _TOLD_KEYS.search(text):
            text = _TOLD_IN_DATA.sub(_told, text)
        text = _SAID.sub(_masked, text) if '="' in text or "='" in text else _QUOTED.sub(TEXT, text)
    if ("{" in text or "[" in text) and _DATA_BEGINS.search(text):
        text = _without_data(text)
    return _TOLD.sub(r"\1", text) if "\x02" in text else text


def _masked(match: re.Match[str]) -> str:
    """`error="cannot open the file"` says what happened: its words are the line's."""
    key = match["key"]
    if key is None:
        return TEXT
    if TELLING_KEYS.fullmatch(key):
        return f"{key}: {match['said'][1:-1]} "
    return f"{key}=<value>"


def _told(match: re.Match[str]) -> str:
    if match["key"] is None:
        return match[0]
    said = match["code"] or _QUOTED.sub(TEXT, match["said"][1:-1])
    return f"\x02{match['key'].lower()}: {said.translate(_BRACKETS)}\x03"


def _without_data(text: str) -> str:
    kept, done = [], 0
    while begins := _DATA_BEGINS.search(text, done):
        kept += [text[done : begins.start()], DATA]
        done = _end_of_data(text, begins.start())
        kept += [f" {told} " for told in _TOLD.findall(text, begins.start(), done)]
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
