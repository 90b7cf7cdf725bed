"""Makes up the tokens and passwords of a platform that runs in containers; the standard library is enough.

    python3 cli/new_secrets.py env .env         fills in those lines of .env that are empty or missing
    python -m cli.new_secrets files FOLDER      a file for each secret, in a folder for each kind of reader

What is there already stays: run twice, it changes nothing. `files` takes what the environment says first.
"""

import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

TOKENS, MODEL_KEY, DATABASE_URL = "AIARTIST_TOKENS", "AIARTIST_MODEL_API_KEY", "AIARTIST_DATABASE_URL"
POSTGRES, GRAFANA_READS, GRAFANA_ADMIN = (
    "POSTGRES_PASSWORD",
    "AIARTIST_GRAFANA_PASSWORD",
    "GRAFANA_ADMIN_PASSWORD",
)
PASSWORD_CHANGED = "POSTGRES_PASSWORD_CHANGED"
"""Set, it says that the database has another password now."""
_BYTES = 24
"""Of chance in a secret: 32 characters of URL-safe Base64."""


def _random() -> str:
    return secrets.token_urlsafe(_BYTES)


def _tokens() -> str:
    """One for the services among themselves, one to operate the label with, one to look only."""
    roles = {"platform": "service", "owner": "operator", "guest": "viewer"}
    return ",".join(f"{name}:{role}:{_random()}" for name, role in roles.items())


MAKERS: Mapping[str, Callable[[], str]] = {
    TOKENS: _tokens,
    POSTGRES: _random,
    MODEL_KEY: _random,
    GRAFANA_READS: _random,
    GRAFANA_ADMIN: _random,
}


def token_of(tokens: str, role: str) -> str:
    """The first token with a role; ValueError where there is none."""
    for entry in tokens.split(","):
        _, _, rest = entry.strip().partition(":")
        has, _, token = rest.partition(":")
        if has == role and token:
            return token
    raise ValueError(f"{TOKENS} has no entry name:{role}:token")


def fill_env(path: Path) -> list[str]:
    """Writes what a `.env` lacks; the names of what was new. The file is its owner's alone afterwards."""
    lines = path.read_text(encoding="utf-8").splitlines()
    made = []
    for name, make in MAKERS.items():
        given = [number for number, line in enumerate(lines) if _name(line) == name]
        if any(_value(lines[number]) for number in given):
            continue
        made.append(name)
        for number in given[:1]:
            lines[number] = f"{name}={make()}"
        if not given:
            lines.append(f"{name}={make()}")
    _replace(path, "\n".join(lines) + "\n", mode=0o600)
    return made


def write_files(folder: Path, given: Mapping[str, str]) -> None:
    """A folder for each kind of reader, each with the secrets that it needs and no other.

    Raises OSError where the folder can't be written, ValueError where the tokens lack a role or the
    database's password was changed here only.
    """
    kept = folder / "cli"
    _refuse_another_password(_kept(kept / POSTGRES.lower()), given)
    values = {name: given.get(name) or _kept(kept / name.lower()) or make() for name, make in MAKERS.items()}
    password = quote(values[POSTGRES], safe="")
    url = given.get(DATABASE_URL) or f"postgresql://aiartist:{password}@postgres:5432/aiartist"
    service = {
        TOKENS: values[TOKENS],
        "AIARTIST_TOKEN": token_of(values[TOKENS], "service"),
        MODEL_KEY: values[MODEL_KEY],
    }
    # The commands' folder holds them all: from it, the next start knows what this one made up.
    operator = {**values, "AIARTIST_TOKEN": token_of(values[TOKENS], "operator"), DATABASE_URL: url}
    readers: Mapping[str, Mapping[str, str]] = {
        "with_database": {**service, DATABASE_URL: url},
        "without_database": service,
        "postgres": {"password": values[POSTGRES]},
        "grafana": {"postgres_password": values[GRAFANA_READS], "admin_password": values[GRAFANA_ADMIN]},
        "cli": operator,
    }
    for reader, files in readers.items():
        (folder / reader).mkdir(parents=True, exist_ok=True)
        for name, value in files.items():
            # Each reader has a user of its own, and nobody else can look into its folder.
            _replace(folder / reader / name.lower(), value, mode=0o444)


def _refuse_another_password(kept: str, given: Mapping[str, str]) -> None:
    """The database has the password that it was set up with, and no file changes that."""
    if kept and given.get(POSTGRES, kept) not in ("", kept) and not given.get(PASSWORD_CHANGED):
        raise ValueError(
            f"{POSTGRES} is not the one that the database was set up with: take it out of .env to keep the "
            "old one, or change that of the database first (docs/operations.md, Rotate tokens) and set "
            f"{PASSWORD_CHANGED}=yes"
        )


def _name(line: str) -> str:
    return line.partition("=")[0].strip().removeprefix("export ").strip()


def _value(line: str) -> str:
    """As Compose reads it: what follows a # is a note, unless it is in quotes."""
    text = line.partition("=")[2].strip()
    if text[:1] in ("'", '"'):
        return text[1:].partition(text[0])[0]
    return "" if text.startswith("#") else text.partition(" #")[0].rstrip()


def _kept(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def _replace(path: Path, text: str, *, mode: int) -> None:
    """Whole or not at all, and never readable for longer than `mode` says."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    # In a container the number is the same at each start: one that was killed left its draft.
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def main(arguments: list[str]) -> int:
    """Exit status: 2 where the arguments or the values are wrong, 1 where a file can't be written."""
    match arguments:
        case ["env", path]:
            return _told(lambda: _fill(Path(path)))
        case ["files", folder]:
            return _told(lambda: write_files(Path(folder), os.environ))
        case ["token", path]:
            return _told(lambda: _show_token(Path(path)))
    sys.stderr.write((__doc__ or "") + "\n")
    return 2


def _told(work: Callable[[], None]) -> int:
    try:
        work()
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        return 1
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _fill(path: Path) -> None:
    made = fill_env(path)
    text = f"made {', '.join(made)}" if made else "has all that is needed; nothing changed"
    sys.stdout.write(f"{path}: {text}\n")


def _show_token(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    values = {_name(line): _value(line) for line in lines if "=" in line}
    sys.stdout.write(token_of(values.get(TOKENS, ""), "operator") + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
