"""Takes secrets out of text by their form: errors come from everywhere and quote anything.

Better one word too many than one too few: what follows `token=` goes, whatever it is.
"""

import re
from collections.abc import Callable, Mapping

REDACTED = "[redacted]"

# Names end in one of these: `OPENAI_API_KEY`, `x-auth-token`, `dbPassword`; but not `author`.
_WORDS = (
    r"pass(?:word|wd|phrase|code)?|pwd|secrets?|tokens?|auth|credentials?|session[_-]?id|sig(?:nature)?"
    r"|(?:api|access|account|client|private|secret|signing|encryption)[_-]?keys?"
)
_NAME = (
    rf"(?:(?<![A-Za-z])(?i:{_WORDS})|(?<=[a-z0-9])(?:Pass(?:word|wd)|Secret|Token|ApiKey))"
    r"(?i:[_-](?:value|hash|id|\d{1,3}))?"
)
_HEADER = r"(?i:(?:proxy-)?authorization|(?:set-)?cookie2?)"
# Between a name and its value: `=`, `: `, `": "`, and the same with escaped quotes.
_JOINED = r"""(?:\\{0,8}["'])?\s{0,4}(?:=>|==|[=:])\s{0,4}"""
_QUOTED = r"""[bru]{0,2}"(?:[^"\\\n]|\\.)*"?|[bru]{0,2}'(?:[^'\\\n]|\\.)*'?|\\{1,8}["'][^"'\n]*["']?"""
_BRACKETED = r"[\[({<][^\])}>\n]*[\])}>]?"
_VALUE = rf"(?:{_QUOTED}|{_BRACKETED}|\S+)"
# A header's value has spaces: `Bearer abc`, `a=1; b=2`.
_LINE = rf"""(?:{_QUOTED}|{_BRACKETED}|[^\n"']+)"""
_MOST_DIGITS_OF_A_COUNT = 9

_Replacement = str | Callable[[re.Match[str]], str]


def _unless_count(match: re.Match[str]) -> str:
    """`prompt_tokens=512` is a number that helps, not a secret."""
    if _is_count(match["name"], match["value"].strip("\"',;)]}")):
        return match[0]
    return f"{match['name']}{match['joined']}{REDACTED}"


def _is_count(name: str, value: str) -> bool:
    return name.lower().endswith("tokens") and value.isdigit() and len(value) <= _MOST_DIGITS_OF_A_COUNT


_RULES: tuple[tuple[re.Pattern[str], _Replacement], ...] = (
    # Private keys in PEM, also cut off before their end.
    (
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY.*?(?:-----END [A-Z0-9 ]{0,40}KEY-----|\Z)", re.DOTALL
        ),
        REDACTED,
    ),
    (re.compile(rf"(?P<name>{_HEADER})(?P<joined>{_JOINED}){_LINE}"), rf"\g<name>\g<joined>{REDACTED}"),
    (re.compile(r"(?i)\b(bearer)\s{1,4}(?!\[redacted\])[^\s\"']{4,}"), rf"\1 {REDACTED}"),
    (re.compile(r"\b((?i:basic))\s{1,4}(?=[a-z+/]{0,200}[A-Z0-9=])[A-Za-z0-9+/=]{6,}"), rf"\1 {REDACTED}"),
    # `scheme://user:password@host`, up to the last @: a password may hold a slash or an @ itself.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}://)[^\s\"'<>]{1,400}@"), rf"\1{REDACTED}@"),
    (re.compile(rf"(?P<name>{_NAME})(?P<joined>{_JOINED})(?P<value>{_VALUE})"), _unless_count),
    # `('password', 'x')`, as headers and metadata are printed, and `--password x`.
    (re.compile(rf"((?:{_NAME}|{_HEADER})['\"]\s{{0,4}},\s{{0,4}})(?:{_QUOTED})"), rf"\1{REDACTED}"),
    (re.compile(rf"((?<![\w-])--[a-z0-9-]{{0,40}}?{_NAME}\s{{1,4}})(?!-){_VALUE}"), rf"\1{REDACTED}"),
    # Keys that are known by their first letters.
    (
        re.compile(
            r"\bsk-[A-Za-z0-9_-]{6,}|\b[prs]k_(?:live|test)_[A-Za-z0-9]{6,}"
            r"|\b(?:gh[oprsu]|github_pat|hf|r8|gsk|npm|glpat|xai|pplx|whsec)[_-][A-Za-z0-9_-]{16,}"
            r"|\bxox[a-z]-[A-Za-z0-9-]{8,}|\b(?:AKIA|ASIA)[A-Z0-9]{12,}|\bAIza[A-Za-z0-9_-]{20,}"
        ),
        REDACTED,
    ),
    # JSON web tokens, and the tokens of Telegram bots.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){1,4}"), REDACTED),
    (re.compile(r"(?<![0-9])[0-9]{6,12}:[A-Za-z0-9_-]{30,}"), REDACTED),
    # E-mail addresses.
    (re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), REDACTED),
)
_SECRET_FIELD = re.compile(rf"(?:.*(?:{_NAME})|{_HEADER})", re.DOTALL)


def redact(text: str) -> str:
    """The text with everything that looks like a secret or an e-mail address replaced."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def redact_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields of a log record: one named like a secret loses its value, the others are redacted."""
    kept = {}
    for name, value in fields.items():
        secret = _SECRET_FIELD.fullmatch(name) is not None and not _is_count(name, value)
        kept[redact(name)] = REDACTED if secret and value else redact(value)
    return kept
