"""What a migration must not do while the version before it still runs: expand first, contract later."""

import re
from collections.abc import Iterator

_QUOTED = re.compile(
    r"--[^\n]*|/\*.*?\*/"  # comments
    r"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$"  # bodies of functions
    r"|'(?:[^']|'')*'",
    re.DOTALL,
)
_TABLE = r"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:ONLY\s+)?(?P<table>[\w.]+)"
_CREATED = re.compile(rf"CREATE\s+(?:UNLOGGED\s+)?TABLE\s+{_TABLE}", re.IGNORECASE)
_ALTERED = re.compile(rf"ALTER\s+TABLE\s+{_TABLE}\s+(?P<actions>.*)", re.IGNORECASE | re.DOTALL)

_TAKES_AWAY = "takes away what the version before may use"
_REFUSES = "refuses rows that the version before writes"
_STATEMENTS = {
    # Whatever they are about was there before, or dropping it would be pointless.
    r"DROP\s+(?!INDEX\b)(?P<table>)": _TAKES_AWAY,
    r"ALTER\s+(?!TABLE\b|INDEX\b|TYPE\s+\S+\s+ADD\s+VALUE\b)(?P<table>)": "changes what it may use",
    r"CREATE\s+OR\s+REPLACE\b(?P<table>)": "changes what it may call",
    rf"TRUNCATE\s+(?:TABLE\s+)?{_TABLE}": "takes away rows",
    rf"DELETE\s+FROM\s+{_TABLE}": "takes away rows",
    rf"CREATE\s+UNIQUE\s+INDEX\s+(?:\w+\s+)?ON\s+{_TABLE}": _REFUSES,
    rf"CREATE\s+(?:CONSTRAINT\s+)?TRIGGER\s+.*?\sON\s+{_TABLE}": "acts on what the version before writes",
    rf"CREATE\s+RULE\s+.*?\sTO\s+{_TABLE}": "acts on what the version before writes",
}  # fmt: skip
_ACTIONS = {
    r"RENAME\b": "gives it another name",
    r"DROP\b(?!\s+NOT\s+NULL)": _TAKES_AWAY,
    r"ALTER\s+(?:COLUMN\s+)?\w+\s+(?:SET\s+DATA\s+)?TYPE\b": "gives a column another type",
    r"ALTER\s+(?:COLUMN\s+)?\w+\s+SET\s+NOT\s+NULL\b": _REFUSES,
    r"ALTER\s+(?:COLUMN\s+)?\w+\s+DROP\s+DEFAULT\b": _REFUSES,
    r"ADD\s+(?:CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)\b": _REFUSES,
    r"(?:ENABLE|FORCE)\s+ROW\b": "hides rows",
    r"SET\s+SCHEMA\b": "moves it",
}
_ADDED = re.compile(
    r"ADD\s+(?:COLUMN\s+)?(?!CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)\S", re.IGNORECASE
)


def statements(sql: str) -> list[str]:
    """The statements, without comments, and what is quoted as empty quotes."""
    bare = _QUOTED.sub(lambda found: "''" if found[0][0] in "'$" else " ", sql)
    return [" ".join(statement.split()) for statement in bare.split(";") if statement.strip()]


def breaks_old_code(sql: str) -> Iterator[tuple[str, str]]:
    """Each statement that the version before may not survive, and why.

    Tables that the same migration makes are free: the version before does not know them. What a statement
    does to rows, other than taking them away, and what functions do inside, is not looked at.
    """
    found = statements(sql)
    own = {match["table"] for statement in found if (match := _CREATED.match(statement))}
    for statement in found:
        for pattern, why in _STATEMENTS.items():
            match = re.match(pattern, statement, re.IGNORECASE)
            if match and match["table"] not in own:
                yield statement, why
        match = _ALTERED.match(statement)
        if match and match["table"] not in own:
            yield from ((statement, why) for action in _split(match["actions"]) for why in _breaks(action))


def _breaks(action: str) -> Iterator[str]:
    yield from (why for pattern, why in _ACTIONS.items() if re.match(pattern, action, re.IGNORECASE))
    if _ADDED.match(action):
        words = action.upper()
        filled = " DEFAULT " in words or " GENERATED " in words
        if ("NOT NULL" in words or "PRIMARY KEY" in words) and not filled:
            yield _REFUSES
        if " UNIQUE" in words:
            yield _REFUSES


def _split(actions: str) -> Iterator[str]:
    """The actions of one ALTER TABLE: what stands between commas that no bracket encloses."""
    depth, start = 0, 0
    for at, letter in enumerate(actions):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            yield actions[start:at].strip()
            start = at + 1
    yield actions[start:].strip()
