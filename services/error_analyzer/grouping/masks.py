"""Lines of the same error made equal: what changes from time to time becomes what kind of thing it was.

A line is masked in three steps, each a pure function: what is remembered of one is what it would give.

    spans    what goes over several words: quoted text, JSON, colours      spans.py
    words    each by itself; its digits are all alike, so that few forms of words are ever looked at
    kinds    what stands side by side: `<number> ms`, `<time> <time>`, `limit: <number>`

Numbers that say which error it is stay: `HTTP 404`, `[Errno 2]`, `exit code=1`, `ORA-00942`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from services.error_analyzer.grouping.spans import TELLING_KEYS, without_colours, without_spans

MAX_TEMPLATE = 500
MAX_WORDS = 64
"""Words of a line that its template knows; whole ones, for a cut within one would fall anywhere."""
_MAX_READ = 8_192
_REMEMBERED = 16_384
_LONGEST_REMEMBERED = 48
"""Characters of a word, at most, that is remembered: what is longer hardly comes again."""

# Words that have digits in their names. Their digits tell; those of others are numbers.
_NAMES_WITH_DIGITS = re.compile(
    r"utf(?:8|16|32)|latin1|ascii85|base(?:16|32|58|64|85)|sha(?:[1-3]|224|256|384|512)|md[45]|crc32|blake(?:[23]|2[bs])"
    r"|adler32|[ex]d?25519|x509|pkcs(?:[178]|12)|[reh]s256|aes(?:128|256)|mp[234]|m3u8|m4a|[hx]26[45]|libx26[45]"
    r"|vp[89]|av1|u?int(?:8|16|32|64)|b?f(?:loat|p)?(?:16|32|64)|[iu](?:8|16|32|64)|ipv[46]|http[23]|h2c?|oauth2|[srd][23]|ec2"
    r"|k8s|i18n|l10n|b(?:zip|z)2|lz4|7z|x86|(?:amd|arm|aarch|win)(?:32|64)|py(?:thon)?[23]|log4j|2fa|p(?:50|9[059]|999)"
    r"|sqlite3|boto3|urllib3|html5|iso8601|rfc(?:3339|5424)|id3|v1(?:alpha|beta)1|web3|[23]d",
    re.IGNORECASE,
)
_ALIKE = str.maketrans("123456789", "000000000")
_HEX = "[0-9a-fA-F]"
_DURATION_UNITS = (
    "ns|us|µs|ms|msecs?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|weeks?"
    "|milliseconds?|microseconds?|nanoseconds?"
)
_SIZE_UNITS = "[kKMGTPE]i?[Bb]|[kKGT]|B|bytes?|[kKMG]bit/s|[kKMG]?i?B/s"
_NUMBER = r"[-+]?0++(?:[_,]000)*+(?:\.0++)?+"
_SUFFIX = "py|js|ts|go|c|cc|cpp|h|hpp|rs|rb|java|kt|php|sql|sh"

# Looked at in this order at each place of a word; every digit is a 0 by then.
_KINDS = re.compile(
    "|".join(
        (
            r"(?P<redacted>\[(?:redacted|REDACTED|filtered|Filtered|FILTERED|masked|MASKED|hidden|HIDDEN)\]|\*{3,}+)",
            r"(?P<url>(?<![A-Za-z0-9])[A-Za-z][A-Za-z0+.-]{1,20}://[^\s\"'<>]*[^\s\"'<>.,;:!?)\]}])",
            r"(?P<mail>(?<![\w.%+-])[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})",
            rf"(?P<id>\b{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}\b|\b[a-z]{{2,8}}_[0-9a-hjkmnp-tv-z]{{26}}\b)",
            r"(?P<time>\b0000[-/]00[-/]00(?:[T_]00:?00(?::?00(?:[.,]0++)?)?(?:Z|[+-]00:?00)?)?(?![\w-])"
            r"|\b00/[A-Z][a-z]{2}/0000(?::00){3}|\b00?:00:00(?:[.,]0++)?(?:Z|[+-]00:?00)?(?![\w:])"
            r"|\bPT?(?:0+[DHMS])+\b)",
            rf"(?P<address>(?<![\w:-])(?:{_HEX}{{2}}[:-]){{5}}{_HEX}{{2}}(?![\w:-])"
            rf"|(?<![\w:])\[{_HEX}{{0,4}}:[0-9a-fA-F:.]{{0,60}}(?:%\w{{1,16}})?\](?::0{{1,5}})?"
            rf"|(?<![\w:.])(?=[0-9a-fA-F]{{0,4}}:[0-9a-fA-F]{{0,4}}:){_HEX}{{0,4}}(?::{_HEX}{{0,4}}){{2,7}}(?:\.0{{1,3}}){{0,3}}"
            r"(?:%\w{1,16})?(?![\w:])"
            r"|(?<![\w.])0{1,3}(?:\.0{1,3}){3}(?::0{1,5}|/0{1,2})?(?![\w.]*\w)"
            r"|(?<![\w.-])(?:localhost|[A-Za-z][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9-]{1,63}){1,8})"
            rf"(?<!\.py)(?<!\.(?:js|ts|go|rs|rb|sh|cc))(?<!\.java):0{{1,5}}(?![\w:])"
            r"|(?<![\w.-])[A-Za-z0][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.(?:com|org|net|local|internal|lan)"
            r"(?![\w-])(?!\.\w)|(?<=ip-)0{1,3}(?:-0{1,3}){3}(?![\w-]))",
            r"(?P<path>(?<![\w<>/.])(?:[A-Za-z]:[\\/]|\\\\(?=\w)|~?/(?=[^\s/])|\.{1,2}/)[^\s'\"`()<>,;:|\]}]*+"
            r"|(?<![\w<>/.-])[\w.-]{1,64}(?:/[\w.<>-]{1,128}){1,16}\.[A-Za-z0]{1,5}\b"
            r"|(?<![\w<>/\\.-])[\w.-]{1,64}(?:\\[\w.-]{1,128}){1,16})",
            # A blob has capitals, small letters and digits, or ends as base 64 does.
            r"(?P<blob>(?<![\w+/=-])(?=[\w+/-]{0,40}[A-Z])(?=[\w+/-]{0,40}[a-z])(?=[\w+/-]{0,40}0)[\w+/-]{24,}+={0,2}"
            r"|(?<![\w+/=-])[A-Za-z0+/]{16,}+={1,2}(?![\w=]))",
            r"(?P<pair>(?<![\w.-])[A-Za-z_][\w.-]{0,60}=(?:<[a-z]+>|[^\s,;&)\]}=\"'][^\s,;&)\]}\"']*+)?)",
            # Pods: `label-7f9c6d5b4-x2x9z`, also `..._namespace(uid)`; Kubernetes uses no vowels there.
            r"(?P<pod>(?<=[a-z0]-)(?:[bcdfghjklmnpqrstvwxz0]{8,10}-)?+(?:(?<=-)(?=[a-z]{0,4}0)|(?<=[a-z0]{8}-))"
            r"[bcdfghjklmnpqrstvwxz0]{5}(?<=[a-z0]{5})(?![A-Za-z0-9-]))",
            rf"(?P<percent>(?<![A-Za-z0-9.]){_NUMBER}%)",
            rf"(?P<duration>(?<![A-Za-z0-9])(?:{_NUMBER}(?:{_DURATION_UNITS})(?![A-Za-z])){{1,6}}+(?![A-Za-z0-9])"
            r"|(?<![A-Za-z0-9])(?:0{1,4}(?:ms|[dhms])){2,5}(?![A-Za-z0-9]))",
            rf"(?P<size>(?<![A-Za-z0-9]){_NUMBER}(?:{_SIZE_UNITS})(?![A-Za-z0-9]))",
            # Hexadecimal: one mask with plain numbers, for a digest may happen to hold no letter.
            rf"(?P<hex>\b0[xX]{_HEX}++\b|(?<![A-Za-z0-9])(?=[a-fA-F]{{0,64}}0)(?=0{{0,64}}[a-fA-F]){_HEX}{{7,}}+(?![A-Za-z0-9]))",
            r"(?P<version>(?<![A-Za-z0-9.])(?:v0+(?:\.0+){1,4}|0+(?:\.0+){2,4})(?:[-+.]?[A-Za-z][\w.+-]{0,40})?(?![A-Za-z0-9])"
            r"|(?<![A-Za-z0-9.])0+(?:\.0+)+(?:[-.]?(?:rc|a|b|alpha|beta|dev|post)[0.]*)(?![A-Za-z0-9]))",
            r"(?P<number>(?<![A-Za-z0-9])[-+]?0++(?:[_.,]0++)*+(?:[eE][-+]?0++)?+(?![A-Za-z0-9]))",
            r"(?P<word>(?<![A-Za-z0-9])(?=[A-Za-z]{0,64}0)[A-Za-z0-9]++)",
        )
    )
)
_WORD_FORM = re.compile(r"(?P<letters>[A-Za-z]+)(?P<tail>0+)|(?P<head>0+)(?P<rest>[A-Za-z]+)")
_SPECIAL = re.compile(
    r"[0-9/\\@=*:\[]|\.(?:com|org|net|local|internal|lan)|-[bcdfghjklmnpqrstvwxz]{8,10}-[bcdfghjklmnpqrstvwxz]{5}"
    r"|_[a-hjkmnp-tv-z]{26}"
)
_MOST_PAIRS = 4
"""Pairs within the value of a pair that are looked at: `error=refused(code=5)`."""
_TRIMMED = ".,;:!?()[]{}\"'"
# Side by side. Runs on what is masked already, and has few forms.
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY = "(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?"
# `<path> Song (final).wav`: a file named by a title. Words that begin small are the message's, but for a few.
_TITLED = (
    r"<path>(?: (?:[A-Z(\[&+#!-][^\s<>]*+|<number>[^\s<>]*+|of|the|and|a)){0,11}? "
    r"(?:<number>)?[^\s<>/:;,]*?\."
    r"(?:wav|flac|mp[34]|ogg|opus|m4a|aac|aiff?|midi?|png|jpe?g|gif|webp|tiff?|svg|pdf|mov|mkv|webm|txt|csv|zip)"
    r"(?![\w/.-]*\w)"
)
_BESIDE: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("<time>", re.compile(rf"{_DAY}{_MONTH} <number> <time>(?: <number>)?"), "<time>"),
    ("<time>", re.compile(rf"{_DAY}<number> {_MONTH} <number> <time>"), "<time>"),
    ("<time>", re.compile(r"<time>(?: (?:<time>|UTC\b|GMT\b|AM\b|PM\b))+"), "<time>"),
    ("<number> ", re.compile(rf"<number> (?:{_DURATION_UNITS})(?![\w/])"), "<duration>"),
    ("<number> ", re.compile(rf"<number> (?:{_SIZE_UNITS})(?![\w/])"), "<size>"),
    ("<number> %", re.compile(r"<number> %"), "<percent>"),
    ("<duration>", re.compile(r"<duration>(?:,? (?:and )?<duration>)+"), "<duration>"),
    ("=<value> ", re.compile(rf"=<value> (?:{_DURATION_UNITS}|{_SIZE_UNITS})(?![\w/])"), "=<value>"),
    ("<path> ", re.compile(_TITLED), "<path>"),
    ("<path> ", re.compile(r"(<path>)(?: <path>)+(?=:)"), r"\1"),
    # A value may be a number today and a word tomorrow.
    (
        ": ",
        re.compile(
            r"(?<![\w<>/])([A-Za-z_][\w.-]*): (?:<[a-z]+>|None|none|null|nil|[tT]rue|[fF]alse|NaN|nan|inf)"
            r"(?=[\s,;)\]}.]|$)"
        ),
        r"\1: <value>",
    ),
    ("[", re.compile(r"\[<(?:number|text|id|value)>\]"), "<data>"),
)

_DIGITS = "0123456789"
# Letters to no rule and digits to none: what a word's code is written in while the rest of it is masked.
_MARKED = "".join(chr(0xFF10 + digit) for digit in range(10))
_MARK = str.maketrans(_DIGITS, _MARKED)
_UNMARK = str.maketrans(_MARKED, _DIGITS)
_BEGINS_WITH_CODE = re.compile(rf"[-(]?[{_MARKED}]")

# Within one word whose digits are all 0 already. Codes of places and people name no error.
_CODE = re.compile(
    r"(?<![\w-])(?:(?:ORA|TNS|PLS|DPI|DPY)-0{4,5}|E0{3,5}|ERR[-_]?0{2,5}|HTTP[-_]?000"
    r"|(?i:SQLSTATE)(?:\[|\(|[:=])[0A-Z]{5}"
    r"|(?i:(?!(?:zip|post|area|country|promo|pin)\w{0,4}[_-])(?:[a-z]{1,16}[_-]){0,2}"
    r"(?:status|code|errno|winerror|signal)|(?:status|exit|return|error)code|exit|rc)"
    r"[:=]\(?-?(?:0[xX][0-9a-fA-F]{1,8}|0{1,5}))(?![\w%-]|\.\w)"
)
# In every word with a code, and in few others: found in much less time.
_LIKE_CODE = re.compile(r"[=:\[(][-(]?[0A-Z]|[DOPT][A-Z]{2}-0|E(?:RR)?[-_]?00|HTTP[-_]?0")
# The next word after these is a code, where it has the form of one. Runs on what is masked already.
_TELLS = re.compile(
    r"(?<![A-Za-z0-9<_-])(?:(?P<http>HTTP(?: (?:error|status|code|response))?)|sqlstate(?:\[\w{5}\])?"
    r"|errno|winerror|signal|(?:[a-z]{1,16}_)?(?:status|code)|(?:status|exit|return|error)code"
    r"|exit(?:ed)?(?: with)?|(?-i:ERROR)(?= <number> \(<(?:number|id)>\)))"
    r"(?: ?[:=]| is| was| of)? (?P<code>[\[(]?<(?:number|id)>)"
    r"(?! (?:[nuµm]?s|m?secs?|seconds?|min(?:ute)?s?|hours?|days?|[kKMGT]i?B|bytes?|times|%)(?![A-Za-z]))",
    re.IGNORECASE,
)
_TELLING = ("code", "status", "http", "errno", "signal", "exit", "sqlstate", "winerror")
"""One of these is in every line that `_TELLS` finds something in, but for those of MySQL."""
_CODE_EDGES = ".,;:!?()[]{}"
_CODE_NUMBER = re.compile(r"-?[0-9]{1,5}|0[xX][0-9a-fA-F]{1,8}|[0-9A-Z]{5}")
_HTTP_STATUS = re.compile(r"[1-5][0-9]{2}")


@dataclass(frozen=True, slots=True)
class _Told:
    """The place of a word, from 0, that a word before it makes a code; `http`: a status of HTTP."""

    place: int
    http: bool


def template(text: str) -> str:
    """What a line has in common with all others of its error: at most 500 characters, single spaces."""
    text = without_colours(text[:_MAX_READ])
    if "<*>" in text:
        # Only families of templates have this mark.
        text = text.replace("<*>", "*")
    if text.startswith("{"):
        # The whole line is a record: its words are all that there is.
        text = text.replace('"', " ")
    words = without_spans(text).split()[:MAX_WORDS]
    masked = [_word(word) if len(word) <= _LONGEST_REMEMBERED else _masked_word(word) for word in words]
    line, told = _joined(" ".join(masked)[:_MAX_READ])
    if told and (kept := _told_words(words, told)):
        for place in kept:
            masked[place] = words[place]
        line, _ = _joined(" ".join(masked)[:_MAX_READ])
    return line


@lru_cache(maxsize=_REMEMBERED)
def _word(word: str) -> str:
    return _masked_word(word)


def _masked_word(word: str) -> str:
    if _SPECIAL.search(word) is None:
        return word
    name = word.strip(_TRIMMED)
    if len(name) < 10 and name.isalnum() and _NAMES_WITH_DIGITS.fullmatch(name):
        return word
    alike = word.translate(_ALIKE)
    masked = _form(alike) if len(alike) <= _LONGEST_REMEMBERED else _masked_form(alike)
    if masked is None:
        return _kinds_masked(_with_codes(word, alike)).translate(_UNMARK)
    return masked


@lru_cache(maxsize=_REMEMBERED)
def _form(word: str) -> str | None:
    return _masked_form(word)


def _masked_form(word: str) -> str | None:
    """None where it holds a code: then it depends on the digits what the word is masked as."""
    return None if _LIKE_CODE.search(word) and _CODE.search(word) else _kinds_masked(word)


def _kinds_masked(word: str) -> str:
    return _KINDS.sub(_kind, word)


def _kind(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "word":
        return _numbered(match[0])
    if kind == "pair":
        return _pair(match[0])
    if kind == "hex":
        return "<number>"
    if kind == "pod" or kind == "blob":
        return "<id>"
    if kind == "mail":
        return "<redacted>"
    return f"<{kind}>"


def _numbered(word: str) -> str:
    """`worker3`, `3rd`: the letters tell; `x2x9z`: nothing does."""
    form = _WORD_FORM.fullmatch(word)
    if form is None:
        return "<id>"
    return f"{form['letters']}<number>" if form["letters"] else f"<number>{form['rest']}"


def _pair(pair: str) -> str:
    key, _, value = pair.partition("=")
    if _begins_with_code(value):
        return pair
    if TELLING_KEYS.fullmatch(key) and value and value[0].isalpha() and value.count("=") <= _MOST_PAIRS:
        return f"{key}={_kinds_masked(value)}"
    return f"{key}=<value>"


@lru_cache(maxsize=4_096)
def _joined(line: str) -> tuple[str, Sequence[_Told]]:
    """The line with what stands side by side masked, and which of its words may be a code."""
    told = _places_told(line)
    for trigger, pattern, mask in _BESIDE:
        if trigger in line:
            line = pattern.sub(mask, line)
    return line[:MAX_TEMPLATE].strip(), told


def _with_codes(word: str, alike: str) -> str:
    """The word with all its digits alike, but for those of codes, which are marked."""
    return _CODE.sub(lambda match: word[match.start() : match.end()].translate(_MARK), alike)


def _begins_with_code(text: str) -> bool:
    """True where a marked digit comes first."""
    return _BEGINS_WITH_CODE.match(text) is not None


def _places_told(line: str) -> Sequence[_Told]:
    """Which words of a masked line may be codes."""
    small = line.lower()
    for telling in _TELLING:
        if telling in small:
            break
    else:
        if "ERROR <number> (" not in line:
            return ()
    return tuple(
        _Told(line.count(" ", 0, match.start("code")), match["http"] is not None)
        for match in _TELLS.finditer(line)
    )


def _told_words(words: Sequence[str], told: Sequence[_Told]) -> Sequence[int]:
    """Places of those that have the form of a code: short numbers; of HTTP, its statuses."""
    return [
        one.place
        for one in told
        if (_HTTP_STATUS if one.http else _CODE_NUMBER).fullmatch(words[one.place].strip(_CODE_EDGES))
    ]
