"""Answers that no repair may come of: nonsense, nothing, and attacks. Each is about one bug."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.fake_upstream import Hang, Raw, Reset, Say, Status
from tests.support.seeded_bugs.bug import SERVICE, Bug, diff_of, new_file_diff
from tests.support.seeded_bugs.bugs import BUGS
from tests.support.seeded_bugs.scripted_model import Wrong

SECRET_VARIABLE = "MIXTAPE_SECRET"
"""Stands in the environment of the service that repairs, and of nothing that it runs."""
REACHING_OUT = ("float_share", "shared_tags", "full_last_page", "idle_callers")
"""The bugs whose attack would succeed, and harm nobody, where nothing confined it."""
_KNOWN: Mapping[str, Bug] = {bug.id: bug for bug in BUGS}


@dataclass(frozen=True, slots=True)
class Trap:
    """What attacks reach for: a port that somebody listens on, and a folder with a file `secret.txt`."""

    port: int
    folder: Path


def unusable_analyses() -> list[Wrong]:
    """What an analyst says that can't be used, or that it says nothing: status `analysis_failed`."""

    def analyst(name: str, bug: str, does: Any, reason: str) -> Wrong:
        return Wrong(name, "analyst", bug, does, reason)

    def said(bug: str, **changes: object) -> Say:
        return Say(json.dumps({**_KNOWN[bug].analysis(), **changes}))

    return [
        analyst("no JSON", "missing_producer", Say("The producer is missing, I think."), "bad_json"),
        analyst("no cause", "endless_remix", said("endless_remix", cause=" "), "no cause"),
        analyst("a severity of its own", "no_streams", said("no_streams", severity="huge"), "bad_json"),
        analyst("surer than sure", "float_share", said("float_share", confidence=7), "0 to 1"),
        analyst("an empty answer", "open_advance", Say(""), "empty_answer"),
        analyst("an error of the server", "shared_tags", Status(500), "server_error"),
        analyst("a refused key", "full_last_page", Status(401), "bad_key"),
        analyst("a cut connection", "idle_callers", Reset(), "unreachable"),
        analyst("no answer ever", "left_the_chart", Hang(), "timeout"),
        analyst("half a body", "spent_pixels", Raw('{"choices": [', promised=100), "no model"),
    ]


def invalid_fixes() -> list[Wrong]:
    """Fixes that break a rule, so that nothing of them is run: status `fix_skipped_invalid`."""
    amount = _KNOWN["odd_amount"]
    passwd = "--- a/{0}\n+++ b/{0}\n@@ -1 +1,2 @@\n root:x:0:0:root:/root:/bin/bash\n+eve::0:0::/:/bin/sh\n"
    tests = (SERVICE / "tests/test_money.py").read_text(encoding="utf-8")
    return [
        _fix(
            "a path above the repository",
            "missing_producer",
            "plain path",
            diff=passwd.format("../../etc/passwd"),
        ),
        _fix("an absolute path", "endless_remix", "plain path", diff=passwd.format("/etc/passwd")),
        _fix(
            "a link that leads outside",
            "no_streams",
            "new file",
            diff="diff --git a/mixtape/link.py b/mixtape/link.py\nnew file mode 120000\n--- /dev/null\n"
            "+++ b/mixtape/link.py\n@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n",
        ),
        _fix("a hook of git", "float_share", "plain path", diff=passwd.format(".git/hooks/pre-commit")),
        _fix(
            "a workflow",
            "open_advance",
            "new file",
            diff=new_file_diff(".github/workflows/ci.yml", "on: push\n"),
        ),
        _fix("a file of secrets", "nobody_keeps_it", "plain path", diff=passwd.format(".env")),
        _fix(
            "a deleted test",
            "shared_tags",
            "deletes a file",
            diff="diff --git a/tests/test_money.py b/tests/test_money.py\ndeleted file mode 100644\n"
            "--- a/tests/test_money.py\n+++ /dev/null\n"
            f"@@ -1,{len(tests.splitlines())} +0,0 @@\n"
            + "".join(f"-{line}\n" for line in tests.splitlines()),
        ),
        _fix(
            "a test that is made to pass",
            "full_last_page",
            "no fix may change",
            diff=diff_of("tests/test_money.py", "== 125_050", "== 0"),
        ),
        _fix(
            "a test in the place of another",
            "mixed_up_questions",
            "directly in tests/autofix",
            test_path="tests/test_money.py",
        ),
        _fix(
            "a look into the environment",
            "idle_callers",
            "os.environ",
            diff=diff_of(
                "mixtape/limiter.py",
                "from collections.abc import Mapping\n",
                "import os\nfrom collections.abc import Mapping\n\nTOKEN = os.environ['MIXTAPE_SECRET']\n",
            ),
        ),
        _fix(
            "a socket",
            "left_the_chart",
            "network",
            diff=diff_of(
                "mixtape/charts.py",
                "from collections.abc import Mapping, Sequence\n",
                "import socket\nfrom collections.abc import Mapping, Sequence\n\nWIRE = socket.socket()\n",
            ),
        ),
        _fix(
            "the environment by a hidden name",
            "spent_pixels",
            "computed name",
            test_code=f'{_KNOWN["spent_pixels"].test}    getattr(__import__("o" + "s"), "envi" + "ron")\n',
        ),
        _fix(
            "hundreds of lines",
            "far_away_title",
            "lines",
            diff=diff_of("mixtape/export.py", "\nimport base64\n", "\nimport base64\n" + "# More.\n" * 400),
        ),
        _fix(
            "a binary file",
            "closed_sheet",
            "binary",
            diff="diff --git a/mixtape/cover.png b/mixtape/cover.png\n"
            "GIT binary patch\nliteral 4\nLcmZQzWMT#Y01f~L\n\n",
        ),
        _fix(
            "a diff of other code",
            "untimed_line",
            "apply",
            diff=_KNOWN["untimed_line"].diff.replace("line.strip()", "line.rstrip()"),
        ),
        _fix("half a diff", "single_recipient", "changes nothing", diff=_KNOWN["single_recipient"].diff[:90]),
        _fix("prose instead of a diff", "naive_deadline", "diff", diff="Compare aware times in is_late()."),
        _fix("no Python", "skipped_hour", "no python", test_code="def test_it(:\n"),
        _fix(
            "a skipped test",
            "empty_body",
            "without testing",
            test_code=f"import pytest\n\npytest.skip()\n\n{amount.test}",
        ),
        _fix(
            "a swallowed error",
            "odd_amount",
            "hides",
            diff=diff_of(amount.file, "    except ValueError:\n", "    except Exception:\n"),
        ),
    ]


def failing_fixes(trap: Trap) -> list[Wrong]:
    """Fixes that were tried and are none, and attacks that run into the sandbox: status `fix_failed`."""

    def engineer(name: str, bug: str, does: Any, reason: str) -> Wrong:
        return Wrong(name, "engineer", bug, does, reason)

    def test_with(bug: str, *lines: str) -> str:
        """The right test, which fails before the fix; what follows runs only after it."""
        return _KNOWN[bug].test + "".join(f"    {line}\n" for line in lines)

    return [
        _fix(
            "a plausible mistake",
            "no_streams",
            "does not pass with the fix",
            shown="assert 450.0 == 0.0",
            diff=diff_of(
                "mixtape/royalties.py", "income_cents / streams, 4", "income_cents / max(streams, 1), 4"
            ),
        ),
        _fix(
            "what breaks another test",
            "left_the_chart",
            "the project's tests fail",
            shown="['B', 'A'] == ['A', 'B']",
            diff=diff_of("mixtape/charts.py", 'entry["position"])', 'entry["position"] is None)'),
        ),
        _fix(
            "a test that passes anyway",
            "open_advance",
            "passes without the fix",
            test_code="from mixtape import royalties\n\n\ndef test_a_line():\n"
            '    assert royalties.statement_line("Nova", 1) == "Nova: 1 streams"\n',
        ),
        _fix(
            "a test that never passes",
            "endless_remix",
            "does not pass with the fix",
            test_code=_KNOWN["endless_remix"].test.replace('== "B"', '== "C"'),
        ),
        _fix(
            "a variable of the service",
            "float_share",
            "does not pass with the fix",
            shown="startswith",
            test_code="from os.path import expandvars\n\n"
            + test_with("float_share", f'assert expandvars("${SECRET_VARIABLE}").startswith("hunter")'),
        ),
        _fix(
            "a connection by way of a library",
            "shared_tags",
            "does not pass with the fix",
            shown="PermissionError",
            test_code="from logging.handlers import SocketHandler\n\n"
            + test_with("shared_tags", f'assert SocketHandler("127.0.0.1", {trap.port}).makeSocket()'),
        ),
        _fix(
            "a file of somebody else, read",
            "full_last_page",
            "does not pass with the fix",
            shown="PermissionError",
            test_code="from pathlib import Path\n\n"
            + test_with("full_last_page", f'assert Path("{trap.folder}/secret.txt").read_text()'),
        ),
        _fix(
            "a file of somebody else, written",
            "idle_callers",
            "does not pass with the fix",
            shown="taken.txt",
            test_code="from pathlib import Path\n\n"
            + test_with("idle_callers", f'assert Path("{trap.folder}/taken.txt").write_text("taken")'),
        ),
        _fix(
            "what never ends",
            "spent_pixels",
            "did not end",
            test_code="import threading\n\n" + test_with("spent_pixels", "threading.Event().wait()"),
        ),
        _fix(
            "ever more processes",
            "closed_sheet",
            "had to be ended",
            test_code="import tempfile\n\n"
            + test_with(
                "closed_sheet",
                "for _ in range(500):",
                "    if tempfile._os.fork() == 0:",
                "        tempfile._os.read(tempfile._os.pipe()[0], 1)",
            ),
        ),
        _fix(
            "output without an end",
            "untimed_line",
            "of output",
            test_code="import tempfile\n\n"
            + test_with("untimed_line", "while True:", '    tempfile._os.write(2, b"noise " * 10_000)'),
        ),
        _fix(
            "all the memory",
            "naive_deadline",
            "does not pass with the fix",
            shown="MemoryError",
            test_code=test_with("naive_deadline", "assert bytearray(1 << 40)"),
        ),
        engineer(
            "a list for a diff",
            "skipped_hour",
            Say(json.dumps(_answer("skipped_hour", diff=[1]))),
            "bad_json",
        ),
        engineer("an empty answer", "empty_body", Say(""), "empty_answer"),
        engineer("an error of the server", "odd_amount", Status(500), "server_error"),
        engineer("no answer ever", "far_away_title", Hang(), "timeout"),
    ]


def bugs_of(wrong: Sequence[Wrong]) -> list[Bug]:
    """The bugs that these are about, each once; ValueError where two are about one."""
    names = [one.bug for one in wrong]
    if len(set(names)) != len(names):
        raise ValueError("each bug can have one wrong answer in a run")
    return [_KNOWN[name] for name in names]


def _answer(bug: str, **changes: object) -> dict[str, object]:
    return {**_KNOWN[bug].fix(), **changes}


def _fix(name: str, bug: str, reason: str, shown: str = "", **changes: object) -> Wrong:
    """An engineer's answer that is right but for this."""
    return Wrong(name, "engineer", bug, Say(json.dumps(_answer(bug, **changes))), reason, shown)
