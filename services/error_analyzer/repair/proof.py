"""Proves a fix: its test fails without it and passes with it, and the project's tests pass with it.

Each run has a fresh working tree that it can't write to, in the sandbox, so that none can prepare the next.
The project's tests are run without the new test: that one, in the same process, could make them all pass.

An exit code alone proves little: `os._exit(0)` gives the best of all. Of pytest, a report is asked for, which
it writes last, with each test's outcome: those of the fix must be in it, and all that passed without the fix.
"""

import asyncio
import os
import shlex
import shutil
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from services.chassis.redaction import redact
from services.error_analyzer.domain import Fix, FixFailed, Proof, RepairUnavailable
from services.error_analyzer.repair.candidate import Trees
from services.error_analyzer.repair.git import Repository
from services.error_analyzer.repair.sandbox.runner import Outcome, Policy, python_of, run
from services.error_analyzer.repair.workspace import Workspace, remove
from services.error_analyzer.settings import Settings

_PLACES = "/usr/local/bin:/usr/bin:/bin"
_LONGEST_LOG, _LONGEST_OF_A_RUN, _LOOKED_AT = 8000, 2600, 20_000
_LARGEST_REPORT = 32 << 20
_FAILED, _PASSED = "failed", "passed"


@dataclass(frozen=True, slots=True)
class _Run:
    """`tests`: outcome of each by name; None: the command is not pytest's, or left no report."""

    title: str
    outcome: Outcome
    tests: Mapping[str, str] | None
    reports: bool

    @property
    def log(self) -> str:
        """The end of what was printed."""
        how = self.outcome.ended or f"exit code {self.outcome.exit_code}"
        return f"== {self.title}: {how}\n{self.outcome.output.strip()[-_LONGEST_OF_A_RUN:]}\n"

    @property
    def passed(self) -> bool:
        """The best exit code, and a report where there should be one."""
        return not self.outcome.ended and self.outcome.exit_code == 0 and self._reported()

    def _reported(self) -> bool:
        return not self.reports or self.tests is not None


class Prover:
    """Runs test commands on trees of one repository. Knows which bases pass the project's tests."""

    def __init__(self, settings: Settings, repository: Repository, workspace: Workspace) -> None:
        self._settings, self._repository, self._workspace = settings, repository, workspace
        self._bases: dict[str, frozenset[str]] = {}
        self._base_run = asyncio.Lock()

    async def prove(self, fix: Fix, trees: Trees) -> Proof:
        """FixFailed, with what was printed, where it is no fix; RepairUnavailable: that can't be told."""
        passing = await self._base(fix.base_commit)
        alone, whole = self._settings.auto_fix_test_command, self._settings.auto_fix_command
        runs = [await self._run("the test without the fix", alone, trees.test, fix.test_path)]
        _must_fail(runs)
        runs.append(await self._run("the test with the fix", alone, trees.both, fix.test_path))
        _must_pass(runs, runs[0].tests)
        runs.append(await self._run("the project's tests with the fix", whole, trees.patch))
        _must_pass_still(runs, passing)
        return Proof(_log(runs))

    async def ready(self, commit: str) -> None:
        """RepairUnavailable where no fix of this commit could be proven: its own tests fail or can't run."""
        _program(shlex.split(self._settings.auto_fix_test_command))
        await self._base(commit)

    async def _base(self, commit: str) -> frozenset[str]:
        """The project's tests that pass without the fix; they all must."""
        async with self._base_run:
            return await self._passing(commit)

    async def _passing(self, commit: str) -> frozenset[str]:
        if commit not in self._bases:
            found = await self._run(
                "the project's tests without the fix", self._settings.auto_fix_command, commit
            )
            if not found.passed:
                raise RepairUnavailable(
                    f"the project's own tests fail without any fix, at {commit[:12]}, in the sandbox: "
                    f"AIARTIST_AUTO_FIX_COMMAND must pass there first. {_log([found])[-1500:]}"
                )
            self._bases = {commit: _passed(found)}
        return self._bases[commit]

    async def _run(self, title: str, command: str, tree: str, test: str = "") -> _Run:
        settings = self._settings
        words = _program([word.replace("{test}", test) for word in shlex.split(command)])
        reports = _is_pytest(words)
        scratch = self._workspace.place("scratch")
        scratch.mkdir()
        report = scratch / "report.xml"
        if reports:
            words += ["-p", "no:cacheprovider", f"--junitxml={report}", "-o", "junit_logging=no"]
        try:
            async with self._workspace.checkout(self._repository, tree) as folder:
                outcome = await run(
                    Policy(
                        command=words,
                        folder=folder,
                        environment=_environment(scratch),
                        readable=(folder, *_its_environment(words[0])),
                        writable=(scratch,),
                        timeout_s=settings.auto_fix_timeout_s,
                        memory=settings.auto_fix_memory_mb << 20,
                        file_size=settings.auto_fix_disk_mb << 20,
                        disk=4 * settings.auto_fix_disk_mb << 20,
                    )
                )
            shown = outcome.output[-_LOOKED_AT:].replace(f"{folder}/", "").replace(str(scratch), "/tmp")
            told = Outcome(outcome.exit_code, outcome.ended, redact(shown), outcome.isolation)
            return _Run(title, told, _read(report) if reports else None, reports)
        finally:
            remove(scratch)


def _must_fail(runs: list[_Run]) -> None:
    """Failing is the exit code 1, and in a report a failure of a test, none of a fixture or an import."""
    last = runs[-1]
    code, states = last.outcome.exit_code, set((last.tests or {}).values())
    if last.outcome.ended:
        raise FixFailed(f"without the fix the test had to be ended: {last.outcome.ended}", _log(runs))
    if code == 0:
        raise FixFailed("the test passes without the fix, so it shows nothing", _log(runs))
    if code != 1 or (last.reports and (_FAILED not in states or states - {_FAILED, _PASSED})):
        raise FixFailed(
            f"without the fix the test does not fail, it can't be run: exit code {code}", _log(runs)
        )


def _must_pass(runs: list[_Run], before: Mapping[str, str] | None) -> None:
    last = runs[-1]
    if last.outcome.ended:
        raise FixFailed(f"with the fix the test had to be ended: {last.outcome.ended}", _log(runs))
    if not last.passed:
        raise FixFailed(
            f"the test does not pass with the fix: exit code {last.outcome.exit_code}", _log(runs)
        )
    if last.reports and (
        set(last.tests or {}) != set(before or {}) or set((last.tests or {}).values()) != {_PASSED}
    ):
        raise FixFailed("with the fix not all of the same tests pass that failed without it", _log(runs))


def _must_pass_still(runs: list[_Run], before: frozenset[str]) -> None:
    last = runs[-1]
    if last.outcome.ended:
        raise FixFailed(f"with the fix the project's tests had to be ended: {last.outcome.ended}", _log(runs))
    if not last.passed:
        raise FixFailed(
            f"the project's tests fail with the fix: exit code {last.outcome.exit_code}", _log(runs)
        )
    if missing := sorted(before - _passed(last)):
        raise FixFailed(
            f"{len(missing)} of the project's tests passed before and are not run with the fix: {missing[0]}",
            _log(runs),
        )


def _passed(found: _Run) -> frozenset[str]:
    return frozenset(name for name, state in (found.tests or {}).items() if state == _PASSED)


def _log(runs: list[_Run]) -> str:
    return "\n".join(each.log for each in runs)[-_LONGEST_LOG:]


def _program(words: list[str]) -> list[str]:
    """With the program's whole path; `python` is this service's own. RepairUnavailable: there is none."""
    if not words:
        raise RepairUnavailable(
            "AIARTIST_AUTO_FIX_COMMAND, AIARTIST_AUTO_FIX_TEST_COMMAND: they must name a program"
        )
    if words[0] in ("python", "python3"):
        return [sys.executable, *words[1:]]
    found = shutil.which(words[0], path=f"{os.path.dirname(sys.executable)}:{_PLACES}")
    if found is None:
        raise RepairUnavailable(f"AIARTIST_AUTO_FIX_COMMAND: there is no program {words[0]!r} in {_PLACES}")
    return [found, *words[1:]]


def _its_environment(program: str) -> list[Path]:
    """What a program of another virtual environment than this service's reads there."""
    place = Path(program).parent.parent
    return python_of(place) if (place / "pyvenv.cfg").is_file() else []


def _is_pytest(words: list[str]) -> bool:
    pairs = list(pairwise(words))
    return ("-m", "pytest") in pairs or os.path.basename(words[0]) in ("pytest", "py.test")


def _environment(scratch: Path) -> dict[str, str]:
    """Made from nothing: no variable of the service, and so no secret, is in it."""
    return {
        "PATH": f"{os.path.dirname(sys.executable)}:{_PLACES}",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "XDG_CACHE_HOME": str(scratch),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        # Tools that else write to the working tree, which is read-only.
        "HYPOTHESIS_STORAGE_DIRECTORY": str(scratch / "hypothesis"),
        "COVERAGE_FILE": str(scratch / "coverage"),
    }


def _read(report: Path) -> dict[str, str] | None:
    """The outcome of each test of a JUnit report; None where there is none that can be read."""
    try:
        handle = os.open(report, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            text = file.read(_LARGEST_REPORT + 1)
        if len(text) > _LARGEST_REPORT or b"<!DOCTYPE" in text or b"<!ENTITY" in text:
            return None
        root = ElementTree.fromstring(text)
    except (OSError, ElementTree.ParseError):
        return None
    tests: dict[str, str] = {}
    for case in root.iter("testcase"):
        children = {child.tag for child in case}
        state = next((state for tag, state in _STATES.items() if tag in children), _PASSED)
        name = f"{case.get('classname', '')}::{case.get('name', '')}"
        # One that fails and then can't be taken down is told twice.
        if tests.get(name, _PASSED) == _PASSED:
            tests[name] = state
    return tests


_STATES = {"error": "error", "failure": _FAILED, "skipped": "skipped"}
