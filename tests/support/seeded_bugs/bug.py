"""What is known of a seeded bug: how it shows, and what a good analyst and a good engineer answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any, Literal

SERVICE = Path(__file__).parent / "service"
"""The repository's content, bugs and all."""
TESTS = "tests/autofix"


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the worker's input."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bug:
    """One bug. `before` and `after`: the same lines of its file, as they are and as they should be."""

    id: str
    kind: str
    """What sort of mistake it is."""
    function: str
    """The innermost function of the service on the way to the error, as `mixtape.royalties.owed`."""
    error: str
    """What the traceback's last line begins with: the type with its module, and the text."""
    log: Literal["plain", "json"]
    """How the worker logs that meets it."""
    jobs: tuple[Job, ...]
    """What the worker does until it fails: the last one meets the bug."""
    cause: str
    severity: Literal["low", "medium", "high", "critical"]
    evidence: str
    """The line of its file that shows the cause."""
    note: str
    """What that line shows."""
    before: str
    after: str
    test: str
    """Fails before, passes after."""
    explanation: str

    @property
    def exception_type(self) -> str:
        return self.error.partition(":")[0]

    @property
    def file(self) -> str:
        """From the repository's root."""
        package, module, _ = self.function.split(".")
        return f"{package}/{module}.py"

    @property
    def test_path(self) -> str:
        return f"{TESTS}/test_{self.id}.py"

    @property
    def diff(self) -> str:
        """The right change."""
        return diff_of(self.file, self.before, self.after)

    def analysis(self) -> dict[str, Any]:
        """What a good analyst answers."""
        lines = (SERVICE / self.file).read_text(encoding="utf-8").splitlines()
        place = {"source": self.file, "line": lines.index(self.evidence) + 1}
        return {
            "cause": self.cause,
            "component": self.file,
            "severity": self.severity,
            "confidence": 0.9,
            "fixable": True,
            "evidence": [{**place, "text": self.evidence, "note": self.note}],
        }

    def fix(self) -> dict[str, Any]:
        """What a good engineer answers."""
        return {
            "diff": self.diff,
            "test_path": self.test_path,
            "test_code": self.test,
            "explanation": self.explanation,
        }


def diff_of(file: str, before: str, after: str) -> str:
    """A unified diff of one file of the service, in which `before` stands once."""
    text = (SERVICE / file).read_text(encoding="utf-8")
    if text.count(before) != 1:
        raise ValueError(f"{file} has these lines {text.count(before)} times:\n{before}")
    changed = text.replace(before, after)
    lines = unified_diff(
        text.splitlines(keepends=True), changed.splitlines(keepends=True), f"a/{file}", f"b/{file}"
    )
    return "".join(lines)


def new_file_diff(file: str, text: str) -> str:
    """A unified diff that adds a file."""
    lines = text.splitlines(keepends=True)
    head = f"diff --git a/{file} b/{file}\nnew file mode 100644\n--- /dev/null\n+++ b/{file}\n"
    return head + f"@@ -0,0 +1,{len(lines)} @@\n" + "".join(f"+{line}" for line in lines)
