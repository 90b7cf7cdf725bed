"""Which files a fix may change, and how much of them."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import PurePosixPath

from services.error_analyzer.domain import InvalidFix, Suggestion
from services.error_analyzer.repair import diffs
from services.error_analyzer.repair.diffs import FileDiff
from services.error_analyzer.secret_files import is_secret
from services.error_analyzer.settings import Settings

_MOST_TEST_LINES, _MOST_TEST_BYTES = 300, 64 * 1024
_FOLDERS = frozenset({"test", "tests", "testing", "ci", "migrations", "node_modules", "site-packages"})
_NAMES = (
    *("conftest.py", "test_*.py", "*_test.py", "setup.py", "noxfile.py", "fabfile.py", "sitecustomize.py"),
    "usercustomize.py",
)
_GUARDS = re.compile(r"/error_analyzer/|/chassis/(?:redaction|logs|settings|shipping)\.py$", re.IGNORECASE)
"""What finds errors, judges and proves fixes, and what keeps secrets out of logs."""

TEXT = """\
- The diff changes lines of existing Python files only: nothing new, deleted, renamed or binary, no modes.
- It changes no tests, no configuration of tools, and nothing that decides how fixes are proven.
- The test is one new file, named test_*.py, directly in the folder for tests of fixes; at most 300 lines.
- It imports a changed module and uses it; it reads no source files. It skips nothing and patches no `os`,
  `sys` or `builtins`. It fails without the diff, by an assertion or by the error itself, and passes with it.
- Neither reads the environment, uses the network, starts processes, runs text as code or removes files.
- New imports: plain standard modules (collections, datetime, json, re, ...) and modules of the repository
  that it imports somewhere already. No modules as values, no attributes by computed names or in formats.
- No `except Exception` that does not always raise again, no `return` in `finally`: the error's cause is
  mended, not hidden. Comments alone mend nothing.
- UTF-8 without encoding declarations, form feeds and byte order marks.
"""
"""The rules in words, for those who write fixes."""


def judge_form(suggestion: Suggestion, settings: Settings) -> tuple[FileDiff, ...]:
    """What of a suggestion can be judged without the repository. InvalidFix says which rule it breaks."""
    files = diffs.read(suggestion.diff)
    if len(files) > settings.auto_fix_max_files:
        raise InvalidFix(f"it changes {len(files)} files; at most {settings.auto_fix_max_files} are allowed")
    changed = sum(hunk.count("+-") for file in files for hunk in file.hunks)
    if changed > settings.auto_fix_max_lines:
        raise InvalidFix(
            f"it adds and removes {changed} lines; at most {settings.auto_fix_max_lines} are allowed"
        )
    for file in files:
        _judge_path(file.path, settings)
    _judge_test_file(suggestion, settings)
    return files


def _judge_path(path: str, settings: Settings) -> None:
    parts = PurePosixPath(path.lower()).parts
    if not path.endswith(".py"):
        raise InvalidFix(f"{path} is no Python file: a fix changes no others")
    if _FOLDERS & set(parts[:-1]) or path.startswith(f"{settings.auto_fix_tests}/"):
        raise InvalidFix(f"{path} is in a folder that no fix may change")
    if _GUARDS.search(f"/{path}"):
        raise InvalidFix(f"{path} decides about fixes or about secrets in logs: no fix may change it")
    if is_secret(path) or any(PurePosixPath(parts[-1]).match(name) for name in _NAMES):
        raise InvalidFix(f"{path} is a file that no fix may change")
    if not allowed(path, settings.auto_fix_paths):
        raise InvalidFix(f"{path} is not among the allowed paths: {', '.join(settings.auto_fix_paths)}")


def _judge_test_file(suggestion: Suggestion, settings: Settings) -> None:
    path, code = suggestion.test_path, suggestion.test_code
    parent, _, name = path.rpartition("/")
    if not diffs.is_plain_path(path) or parent != settings.auto_fix_tests.strip("/"):
        raise InvalidFix(f"the test's path {path[:100]!r} is not directly in {settings.auto_fix_tests}")
    if not re.fullmatch(r"test_\w+\.py", name):
        raise InvalidFix(f"the test's name {name[:100]!r} is not like test_*.py")
    if diffs.holds_controls(code):
        raise InvalidFix("the test holds control characters")
    if code.count("\n") > _MOST_TEST_LINES or len(code.encode("utf-8", "surrogatepass")) > _MOST_TEST_BYTES:
        raise InvalidFix(
            f"the test is longer than {_MOST_TEST_LINES} lines or {_MOST_TEST_BYTES // 1024} KiB"
        )


def allowed(path: str, globs: Iterable[str]) -> bool:
    """True where one of the globs matches the whole path.

    `*` and `?` match within one part of a path; `**` as a whole part matches any number of parts, none, too.
    Upper and lower case differ.
    """
    return any(_pattern(glob).fullmatch(path) is not None for glob in globs)


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    written = ""
    parts = glob.strip("/").split("/")
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if part == "**":
            written += ".+" if last else "(?:[^/]+/)*"
            continue
        written += "".join(
            "[^/]*" if letter == "*" else "[^/]" if letter == "?" else re.escape(letter) for letter in part
        )
        written += "" if last else "/"
    return re.compile(written)
