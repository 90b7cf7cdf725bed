"""The seeded bugs are bugs, their logs are real, and the right answers are right."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from services.error_analyzer.grouping import event_of, group_events
from services.error_analyzer.intake.reading import End, read_piece
from tests.support.fake_upstream import Say
from tests.support.seeded_bugs.bug import SERVICE, TESTS
from tests.support.seeded_bugs.bugs import BUGS
from tests.support.seeded_bugs.listener import Listener
from tests.support.seeded_bugs.repository import COMMAND, git, log_of, make_repository
from tests.support.seeded_bugs.scripted_model import bug_in
from tests.support.seeded_bugs.wrong_answers import (
    REACHING_OUT,
    SECRET_VARIABLE,
    Trap,
    bugs_of,
    failing_fixes,
    invalid_fixes,
    unusable_analyses,
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("seeded"))


@pytest.fixture(scope="module")
def logs(repository: Path) -> dict[str, str]:
    return {bug.id: log_of(repository, [bug], bug.log) for bug in BUGS}


def test_there_are_twenty_bugs_of_different_kinds():
    assert len(BUGS) == 20
    assert len({bug.kind for bug in BUGS}) == len({bug.id for bug in BUGS}) == 20
    assert Counter(bug.log for bug in BUGS) == {"plain": 10, "json": 10}


def test_each_bug_leaves_its_error_in_a_real_log(logs: dict[str, str]):
    found = {}
    for bug in BUGS:
        (event,) = read_piece(logs[bug.id].encode(), "mixtape", end=End.CLOSED).events
        ours = [frame for frame in event.frames if frame.in_app]
        shown = f"{event.exception_type}: {event.exception_message}".removesuffix(": ")
        found[bug.id] = (ours[-1].file.endswith(bug.file), ours[-1].function, shown.startswith(bug.error))
    assert found == {bug.id: (True, bug.function.rpartition(".")[2], True) for bug in BUGS}


def test_each_bug_is_a_group_of_its_own(logs: dict[str, str]):
    pieces = [read_piece(logs[bug.id].encode(), "mixtape", end=End.CLOSED) for bug in BUGS]
    batch = group_events([event_of(event) for piece in pieces for event in piece.events])
    assert len(batch.fingerprints) == len(set(batch.fingerprints)) == 20


def test_the_evidence_stands_in_the_source():
    for bug in BUGS:
        (evidence,) = bug.analysis()["evidence"]
        lines = (SERVICE / evidence["source"]).read_text(encoding="utf-8").splitlines()
        assert lines[evidence["line"] - 1] == evidence["text"]


def test_a_question_shows_which_bug_it_is_about():
    assert [bug_in(f"raised in: {bug.function}", BUGS) for bug in BUGS] == list(BUGS)
    assert bug_in("raised in: mixtape.worker.run", BUGS) is None
    assert bug_in(f"{BUGS[0].function} and {BUGS[1].function}", BUGS) is None


def test_the_repository_is_the_same_wherever_it_is_made(repository: Path, tmp_path: Path):
    again = make_repository(tmp_path)
    assert git(again, "log", "--format=%H") == git(repository, "log", "--format=%H")
    assert git(again, "status", "--porcelain", "--ignored") == ""


def test_the_right_tests_fail_before_the_fixes_and_pass_after_them(repository: Path, tmp_path: Path):
    work = tmp_path / "work"
    git(repository, "worktree", "add", "-q", str(work), "--detach")
    own = _tests(work)
    assert own.returncode == 0, own.stdout
    for bug in BUGS:
        test = work / bug.test_path
        test.parent.mkdir(exist_ok=True)
        test.write_text(bug.test, encoding="utf-8")
    before = _tests(work, TESTS)
    assert before.returncode == 1, before.stdout
    failed = {line.split("::")[0] for line in before.stdout.splitlines() if line.startswith("FAILED ")}
    assert failed == {f"FAILED {bug.test_path}" for bug in BUGS}
    for bug in BUGS:
        patch = tmp_path / f"{bug.id}.patch"
        patch.write_text(bug.diff, encoding="utf-8")
        git(work, "apply", "--check", str(patch))
        git(work, "apply", str(patch))
    after = _tests(work, "tests", TESTS)
    assert after.returncode == 0, after.stdout


async def test_attacks_would_succeed_where_nothing_confines_them(repository: Path, tmp_path: Path):
    """So that their failure in the sandbox says something of the sandbox."""
    (tmp_path / "secret.txt").write_text("hunter2", encoding="utf-8")
    work = tmp_path / "work"
    git(repository, "worktree", "add", "-q", str(work), "--detach")
    async with Listener.serving() as listener:
        attacks = [one for one in failing_fixes(Trap(listener.port, tmp_path)) if one.bug in REACHING_OUT]
        assert len(attacks) == len(REACHING_OUT)
        for attack in attacks:
            assert isinstance(attack.does, Say)
            fix = json.loads(attack.does.text)
            (tmp_path / "fix.patch").write_text(fix["diff"], encoding="utf-8")
            git(work, "apply", str(tmp_path / "fix.patch"))
            test = work / fix["test_path"]
            test.parent.mkdir(exist_ok=True)
            test.write_text(fix["test_code"], encoding="utf-8")
        ran = await asyncio.to_thread(_tests, work, TESTS, **{SECRET_VARIABLE: "hunter2"})
    assert ran.returncode == 0, ran.stdout
    assert listener.connections == 1
    assert (tmp_path / "taken.txt").exists()


def test_wrong_answers_are_about_different_bugs(tmp_path: Path):
    for wrong in (unusable_analyses(), invalid_fixes(), failing_fixes(Trap(1, tmp_path))):
        assert len(bugs_of(wrong)) == len({one.name for one in wrong}) == len(wrong)


def _tests(folder: Path, *paths: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", *COMMAND.split()[1:], *paths],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
