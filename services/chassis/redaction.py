r"""Takes secrets out of text by their form: errors come from everywhere and quote anything, prompts too.

    names that say it       password, api_key, AIARTIST_TOKEN: what follows goes, whatever it is
    names that prose knows  secret, pass, token, signature, key: what follows goes if it looks like a secret
    headers                 authorization, cookie: the rest of the line goes, unless it is plain words
    known forms             private keys, passwords in URLs, tokens known by their first letters, e-mail

Every rule takes time in proportion to the text: it runs only where its trigger stands in the text, and of
what it does not consume it looks at a bounded number of characters, never at the same ones again and again.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial

REDACTED = "[redacted]"

_LONGEST_LOOK = 128
"""Characters of a value that are looked at to tell whether it is a secret."""
_LONGEST_BEFORE = 48
_LONGEST_QUALIFIER = 14
_MOST_DIGITS_OF_A_COUNT = 9
_SHORTEST_SECRET = 8
_SHORTEST_BARE = 16
"""Where neither `:` nor `=` says that a value follows: `bearer 0123...`, `token 0123...`."""

# What a name ends in; its first letter by itself, for then the search is fast. What stands before tells
# `api_key` from `monkey` and `db_pass` from `low_pass`.
_WORD = (
    r"(?P<word>[ACKPSTackpst](?i:(?<=p)ass(?:words?|wd|phrase|code)?|(?<=p)wd|(?<=s)ecrets?|(?<=t)okens?"
    r"|(?<=c)redentials?|(?<=k)eys?|(?<=a)uth(?:orization)?|(?<=c)ookie2?|(?<=s)ession[ _-]?id"
    r"|(?<=s)ig(?:nature)?))"
    r"(?i:[_-](?:value|hash|id))?(?:[_-]?\d{1,3})?"
)
# Between a name and its value: `=`, `: `, `": "`, the same with escaped quotes, `', '` in pairs, a space.
_NAMED = re.compile(
    _WORD + r"""(?:(?:\\{0,8}["'`]|\*\*)?(?:[^\S\n]is)?\s{0,4}(?P<joint>=>|:=|={1,3}|:(?!//))"""
    r"""|\\{0,8}["']\s{0,4},(?=\s{0,4}[bru]{0,2}\\{0,8}["'])"""
    r"""|(?P<space>[^\S\n]{1,4}(?:is[^\S\n]{1,4})?(?=[^\s\[])))"""
)
_FIELD = re.compile(_WORD + r"\Z")
# A value may stand on the next line, indented, behind the marks of a quotation or of a list.
_GAP = re.compile(
    r"(?:\*\*|__)?[^\S\n]*+"
    r"(?:(?:[|>][+-]?[^\S\n]*+(?=\n))?(?P<lines>(?:(?:\n|\\r|\\n)(?:[^\S\n]|>)*+){1,3})(?:-[^\S\n]++)?+)?"
)
_NEXT_NAME = re.compile(r"""["']?[^\W\d][\w.-]{0,60}["']?(?::(?=\s|\Z)|=(?=[^\s=]))""")

_QUOTED = (
    r"""[bruf]{0,2}(?:"{3}[^"]*+"{0,3}|'{3}[^']*+'{0,3}|"(?:[^"\\\n]++|\\.)*+"?|'(?:[^'\\\n]++|\\.)*+'?)"""
    r"""|`[^`\n]*+`?|\\{1,8}["'][^"'\n]*+["']?"""
)
_BRACKETED = r"<[^>\n]*+>?\S*+|[\[({][^\])}\n]*+[\])}]?"
_VALUE = re.compile(rf"{_QUOTED}|{_BRACKETED}|\S+")
# A header's value has spaces, and quotes after `=`: `Bearer abc`, `a=1; b="2"`.
_LINE = re.compile(rf"""{_QUOTED}|{_BRACKETED}|[^\n"']++(?:(?<==)"[^"\n]*+"[^\n"']*+)*+""")
_RUN = re.compile(r"[^\s\"'`&;,]+")
_SHAPE = re.compile(rf"{_QUOTED}|{_BRACKETED}|{_RUN.pattern}")
_LONG = re.compile(rf"\S{{{_SHORTEST_SECRET}}}")
_SEPARATORS = re.compile(r"[\s\"'`&;,()\[\]{}<>\\]+")

_QUALIFIED = re.compile(
    r"(?:api|access|account|app|auth|bearer|bot|client|consumer|csrf|encryption|jwt|master|private|refresh|secret"
    r"|session|shared|signing|subscription|webhook|xsrf)(?P<space>[ _-]?)\Z",
    re.IGNORECASE,
)
_WITH_PASS = re.compile(
    r"(?:db|user|admin|root|login|smtp|imap|e?mail|ftp|ssh|sudo|proxy|http|redis|mysql|pg|postgres|mongo|rabbitmq)"
    r"[_-]?\Z",
    re.IGNORECASE,
)
# Filters and workflows, not passwords: `LOW_PASS=200`.
_OTHER_PASS = re.compile(r"(?:low|high|band|all|by|first|second|one|two|single|multi)[_-]?\Z", re.IGNORECASE)
_HEADER = re.compile(r"(?<![\w-])[xX]-[\w-]*-\Z")
_OPTION = re.compile(r"(?<![\w-])--[\w-]*\Z")

# Pieces that prose, music and code are full of: words, `SoundCloud`, `808s`, `120bpm`, `Bbmaj7`, `01T10`.
_LOWER = r"[^\W\d_A-Z]"
_PROSE = (
    rf"(?:[A-Z]?{_LOWER}*|[^\W\d_a-z]+s?|[A-Z]?{_LOWER}+[A-Z]{_LOWER}{{2,}}"
    r"|\d{1,4}(?:st|nd|rd|th|s|x|x\d{1,2}|bpm|BPM|k?[hH]z|d[bB]|ms|min|sec|bars?|k|h|d|Z|T\d\d)?"
    r"|[A-G]?b?(?:maj|min|dim|aug|sus|add|[mM])?\d{0,2}(?:(?:b|sus|add|maj)\d{1,2}){0,2})"
)
_SUSPECT = re.compile(rf"(?<![^\W_])(?!{_PROSE}(?![^\W_]))[^\W_]+")
# Rules most prose out at little cost.
_TELLING = re.compile(rf"[\d$%^~*@!A-Z](?:(?<=[\d$%^~*@!])|(?<={_LOWER}[A-Z])|(?<=[A-Z]{{2}})(?={_LOWER}))")
_SYMBOLS = re.compile(r"(?:(?<=[^\W_])[$%^~*@!]+(?=[^\W_]).*?){2}")
_ID = r"[a-z]{2,8}_[0-9a-hjkmnp-tv-z]{26}"
# A path's part with both digits and capitals may well be a secret. Each text matches in one way only.
_PART = r"(?![^/]*[A-Z][^/]*\d|[^/]*\d[^/]*[A-Z])[\w.-]++"
_HARMLESS = re.compile(rf"{_ID}|[+-]?\d{{1,6}}[.,]\d+|(?:~|\.{{0,2}})/(?:{_PART}/)*+{_PART}")
# What a bare `key` may be beside a secret: an id, a digest, the path of an object.
_NO_KEY = re.compile(rf"(?:[\w-]+:)*{_ID}|[0-9a-fA-F-]+|.*[/:].*")
_STRONG_PIECE = re.compile(r"(?=[^\W_]*\d)(?=[^\W_]*[a-z])(?:(?=[^\W_]*[A-Z])[^\W_]{8,}|[^\W_]{16,})")
_PLAIN_WORDS = re.compile(r"(?:[A-Z]?[a-z'’]{1,15}+[,.!?]?(?:[^\S\n]{1,4}|\Z))+")
_SCHEME = re.compile(r"(?:bearer|basic|digest|token|api-?key|negotiate)\s", re.IGNORECASE)

_EDGES = "\"'`.,;:!?()[]{}<>*"


def _looks_secret(run: str, least: int = _SHORTEST_SECRET) -> bool:
    """A run without spaces that is no word, number or chord, nor several joined by hyphens and the like."""
    run = run.strip(_EDGES)
    if len(run) < least or not _TELLING.search(run) or _HARMLESS.fullmatch(run):
        return False
    return _SUSPECT.search(run) is not None or _SYMBOLS.search(run) is not None


# What follows a name, or its first characters: is it a secret?
_Check = Callable[[str], bool]


def _always(_value: str) -> bool:
    return True


def _never(_value: str) -> bool:
    return False


def _any_secret(value: str) -> bool:
    shape = _SHAPE.match(value)
    return shape is not None and any(map(_looks_secret, _SEPARATORS.split(shape[0])))


def _unless_count(value: str) -> bool:
    """`prompt_tokens=512` is a number that helps, not a secret."""
    shape = _SHAPE.match(value)
    count = shape[0].strip(_EDGES).lower() if shape else ""
    return count not in ("none", "null") and not (count.isdigit() and len(count) <= _MOST_DIGITS_OF_A_COUNT)


def _any_secret_but_counts(value: str) -> bool:
    return _unless_count(value) and _any_secret(value)


def _strong_key(value: str) -> bool:
    """After a mere `key`, which may be a musical one, an object's path, a digest or an id."""
    run = _SHAPE.match(value)
    stripped = run[0].strip(_EDGES) if run else ""
    return _STRONG_PIECE.search(stripped) is not None and not _NO_KEY.fullmatch(stripped)


def _more_than_plain_words(value: str) -> bool:
    """Not so: `Authorization: none`, `authorization: required by the label`."""
    line = value.partition("\n")[0].strip(_EDGES)
    return line != "" and (_SCHEME.match(line) is not None or _PLAIN_WORDS.fullmatch(line) is None)


def _cookies(value: str) -> bool:
    return "=" in value.partition("\n")[0] or _any_secret(value)


_OF_A_LINE = (_more_than_plain_words, _cookies)
_OF_AN_OPTION: Mapping[_Check, _Check] = {
    _always: _always,
    _any_secret: _always,
    _unless_count: _unless_count,
    _any_secret_but_counts: _unless_count,
}


def _qualifier(before: str) -> re.Match[str] | None:
    """The `api_` of `api_key`, the `access ` of `access token`."""
    near = before[-1:].isalpha() or before.endswith((" ", "_", "-"))
    return _QUALIFIED.search(before[-_LONGEST_QUALIFIER:]) if near else None


def _check_of(word: str, before: str, *, assigned: bool) -> _Check:
    """What tells whether the value of a name is a secret.

    `word`: the name's last. `before`: what stands before it. `assigned`: `=` follows, as in an environment.
    """
    name = word.lower()
    camel = before[-1:].islower() and word[0].isupper()
    joined = before[-1:].isalpha() and not camel
    assigned = assigned and word.isupper()
    if name.startswith(("passw", "passp", "passc", "pwd")):
        return _always
    if name.startswith("key"):
        if qualified := _qualifier(before):
            return _any_secret if qualified["space"] == " " and qualified[0].lower() != "api " else _always
        if before.endswith(("?", "&")):
            return _any_secret
        return _never if before[-1:].isalnum() or before.endswith(("_", "-")) else _strong_key
    if name.startswith(("token", "secret", "credential")):
        qualified = _qualifier(before)
        compound = (
            camel
            or before.endswith("_")
            or (before.endswith("-") and _HEADER.search(before))
            or (qualified and qualified["space"] != " ")
        )
        if compound or assigned:
            return _unless_count if name == "tokens" else _always
        return _any_secret_but_counts if name == "tokens" else _any_secret
    if name == "pass" and (
        _WITH_PASS.search(before[-_LONGEST_QUALIFIER:]) or (assigned and not _OTHER_PASS.search(before))
    ):
        return _always
    if joined:
        return _never
    if name.startswith("cookie"):
        return _cookies
    return _more_than_plain_words if name == "authorization" else _any_secret


def _named(match: re.Match[str]) -> tuple[int, int] | int:
    """The place of the value that belongs to a name, if it is a secret; else where to look on."""
    text = match.string
    before = text[max(0, match.start() - _LONGEST_BEFORE) : match.start()]
    if match["space"] and "--" not in before and not _LONG.match(text, match.end()):
        return match.end()
    check = _check_of(match["word"], before, assigned=match["joint"] == "=")
    on_the_same_line = match.end()
    gap = _GAP.match(text, match.end())
    start = gap.end() if gap and not match["space"] else match.end()
    if check is _never or start == len(text) or text.startswith(REDACTED, start):
        return on_the_same_line
    if gap and gap["lines"] and _NEXT_NAME.match(text, start):
        return on_the_same_line
    look = text[start : start + _LONGEST_LOOK]
    if match["space"]:
        found = _follows_a_space(look, check, option=_OPTION.search(before) is not None)
    else:
        found = check(look)
    value = (_LINE if check in _OF_A_LINE else _VALUE).match(text, start) if found else None
    return value.span() if value else on_the_same_line


def _follows_a_space(look: str, check: _Check, *, option: bool) -> bool:
    """`--token abc`, `apikey 12345abcdef`, `the password is 12345abcdef`; not `the secret of the harbour`."""
    if check not in _OF_AN_OPTION or look.startswith("-"):
        return False
    if option:
        return _OF_AN_OPTION[check](look)
    run = _RUN.match(look)
    return run is not None and _looks_secret(run[0], _SHORTEST_SECRET if check is _always else _SHORTEST_BARE)


def _user_of_url(match: re.Match[str]) -> tuple[int, int] | int:
    """The place of `user:password` in `scheme://user:password@host`.

    Up to the last @, for a password may hold a slash or an @ itself; but not in `https://host/@artist`.
    """
    text = match.string
    if match["scheme"].lower() in _WEB and (host := _HOST.match(text, match.end())):
        return host.end()
    run = _URL_REST.match(text, match.end())
    if run is None or "@" not in run[0]:
        return run.end() if run else match.end()
    last = match.end() + run[0].rindex("@")
    return last if text[match.end() : last] == REDACTED else (match.end(), last)


def _http_login(match: re.Match[str]) -> tuple[int, int] | int:
    return match.span("value") if _looks_secret(match["value"], _SHORTEST_BARE) else match.end()


_WEB = ("http", "https", "ws", "wss")
_URL = re.compile(r"(?<![A-Za-z0-9])(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,20})://")
_URL_REST = re.compile(r"[^\s\"'<>]++")
_HOST = re.compile(r"[\w.-]+(?::\d{1,5})?(?=[/?#])")
_LOGIN = re.compile(r"(?i:\b(?:bearer|basic))[^\S\n]{1,4}(?P<value>[A-Za-z0-9._~+/=-]{16,}+)")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY.*?(?:-----END [A-Z0-9 ]{0,40}KEY-----|\Z)", re.DOTALL
)
# Known by their first letters. Some are names of packages, too: theirs hold a digit.
_PREFIXED = re.compile(
    r"\bsk-[A-Za-z0-9_-]{6,}+|\b[prs]k_(?:live|test)_[A-Za-z0-9]{6,}+"
    r"|\b(?:gh[oprsu]|github_pat|glpat|whsec|do[opr]_v1|dckr_pat)[_-][A-Za-z0-9_-]{16,}+"
    r"|\b(?:hf|r8|gsk|npm|xai|pplx|sk)[_-](?=[A-Za-z_-]{0,40}[0-9])[A-Za-z0-9_-]{16,}+"
    r"|\bxox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{8,}+|\bxapp-[A-Za-z0-9-]{8,}+|\b(?:AKIA|ASIA)[A-Z0-9]{12,}+"
    r"|\bAIza[A-Za-z0-9_-]{20,}+|\bAQ\.[A-Za-z0-9_-]{20,}+|\bya29\.[A-Za-z0-9_-]{20,}+"
    r"|\bSG\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+"
    r"|(?:(?<=hooks\.slack\.com/services/)|(?<=hooks\.slack\.com/workflows/)|(?<=hooks\.slack\.com/triggers/))"
    r"[A-Za-z0-9/_-]+"
)
_DISCORD = re.compile(r"(?i)(\bdiscord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/)[0-9]+/[A-Za-z0-9_-]+")
_WEB_TOKEN = re.compile(r"(?<![A-Za-z0-9_])eyJ[A-Za-z0-9_-]{8,}+(?P<rest>(?:\.[A-Za-z0-9_-]++){1,4})?")
_BOT_TOKEN = re.compile(r"(?<![0-9])[0-9]{6,12}:[A-Za-z0-9_-]{30,}+")
_MAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")


def _without(
    text: str, pattern: re.Pattern[str], place: Callable[[re.Match[str]], tuple[int, int] | int]
) -> str:
    """The text with the places replaced; where there is none, `place` tells where to search on."""
    kept, done, at = [], 0, 0
    while match := pattern.search(text, at):
        found = place(match)
        if isinstance(found, tuple):
            kept += [text[done : found[0]], REDACTED]
            done = found[1]
        at = found[1] if isinstance(found, tuple) else found
    return "".join([*kept, text[done:]])


# What must stand in the text, in lower case, for a rule to be worth a look; and the rule.
_RULES: tuple[tuple[tuple[str, ...], Callable[[str], str]], ...] = (
    (("-----begin",), partial(_PRIVATE_KEY.sub, REDACTED)),
    (
        ("pass", "pwd", "secret", "token", "credential", "key", "auth", "cookie", "session", "sig"),
        partial(_without, pattern=_NAMED, place=_named),
    ),
    (("bearer", "basic"), partial(_without, pattern=_LOGIN, place=_http_login)),
    (("://",), partial(_without, pattern=_URL, place=_user_of_url)),
    (
        (
            *(
                "sk-",
                "k_live",
                "k_test",
                "sk_",
                "gh",
                "glpat",
                "whsec",
                "_v1",
                "dckr",
                "hf",
                "r8",
                "gsk",
                "npm",
            ),
            *("xai", "pplx", "xox", "xapp", "akia", "asia", "aiza", "aq.", "ya29", "sg.", "slack"),
        ),
        partial(_PREFIXED.sub, REDACTED),
    ),
    (("discord",), partial(_DISCORD.sub, rf"\1{REDACTED}")),
    (("eyj",), partial(_WEB_TOKEN.sub, lambda match: REDACTED if match["rest"] else match[0])),
    ((":",), partial(_BOT_TOKEN.sub, REDACTED)),
    (("@",), partial(_MAIL.sub, REDACTED)),
)


def redact(text: str) -> str:
    """The text with everything that looks like a secret or an e-mail address replaced."""
    lowered = text.lower()
    for triggers, rule in _RULES:
        for trigger in triggers:
            if trigger in lowered:
                text = rule(text)
                break
    return text


def redact_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields of a log record: one named like a secret loses its value, the others are redacted."""
    kept = {}
    for name, value in fields.items():
        found = _FIELD.search(name)
        secret = found is not None and value != "" and _check_of_field(name, found)(value[:_LONGEST_LOOK])
        kept[redact(name)] = REDACTED if secret else redact(value)
    return kept


def _check_of_field(name: str, found: re.Match[str]) -> _Check:
    """A field's name is no prose: a `token` is one, whatever it looks like; a signature may be of a bar."""
    check = _check_of(found["word"], name[: found.start()][-_LONGEST_BEFORE:], assigned=False)
    if check in _OF_A_LINE:
        return _always
    if found["word"].lower() in ("pass", "sig", "signature"):
        return check
    return _OF_AN_OPTION.get(check, check)
