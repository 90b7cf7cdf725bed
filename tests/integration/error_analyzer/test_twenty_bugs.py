"""Twenty seeded bugs from their logs to their repair; and answers that are wrong, hostile or none at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.error_analyzer.repair import candidate, rules
from tests.support.isolation import NEEDS_ISOLATION
from tests.support.seeded_bugs.bugs import BUGS
from tests.support.seeded_bugs.listener import Listener
from tests.support.seeded_bugs.repository import COMMAND, git
from tests.support.seeded_bugs.scripted_model import Wrong
from tests.support.seeded_bugs.shop import content_of, repair_shop
from tests.support.seeded_bugs.wrong_answers import (
    SECRET_VARIABLE,
    Trap,
    bugs_of,
    failing_fixes,
    invalid_fixes,
    unusable_analyses,
)

WRITTEN_BY_A_BRANCH = (".git/objects", ".git/refs/heads/autofix", ".git/logs/refs/heads/autofix")
SHIPPED = tuple(bug for bug in BUGS if bug.log == "json")[:4]
LOGGED = tuple(bug for bug in BUGS if bug not in SHIPPED)
SECRET = "hunter2-of-the-service"

pytestmark = [NEEDS_ISOLATION, pytest.mark.timeout(300)]


async def test_all_twenty_bugs_are_repaired_on_branches_with_tests_passing(database_url: str, tmp_path: Path):
    async with repair_shop(database_url, tmp_path, BUGS) as shop:
        before = content_of(shop.repository, but=WRITTEN_BY_A_BRANCH)
        await shop.ship(SHIPPED)
        await shop.log(LOGGED)
        groups = await shop.settled(BUGS, within_s=220)
    assert {bug: group.status for bug, group in groups.items()} == {bug.id: "fix_suggested" for bug in BUGS}
    # What is checked out, and what is staged, is as it was; each bug was explained and mended once.
    assert content_of(shop.repository, but=WRITTEN_BY_A_BRANCH) == before
    assert shop.model.asked == {(bug.id, role): 1 for bug in BUGS for role in ("analyst", "engineer")}
    unseen = [bug.id for bug in BUGS if bug.evidence not in shop.model.shown[bug.id, "analyst"]]
    assert unseen == [], "the analyst is not shown the source of these"
    assert all(rules.TEXT.rstrip() in shop.model.shown[bug.id, "engineer"] for bug in BUGS)
    branches = git(shop.repository, "branch", "--list", "autofix/*", "--format=%(refname:short)").split()
    assert sorted(branches) == sorted(group.report.branch for group in groups.values())
    git(tmp_path, "clone", "-q", "--no-hardlinks", str(shop.repository), str(tmp_path / "clone"))
    found = {bug.id: _branch(tmp_path / "clone", groups[bug.id]) for bug in BUGS}
    assert found == {bug.id: {bug.file, bug.test_path} for bug in BUGS}


async def test_an_analysis_that_cannot_be_used_is_a_status_and_no_more(database_url: str, tmp_path: Path):
    await _nothing_comes_of(unusable_analyses(), "analysis_failed", database_url, tmp_path)


async def test_a_fix_that_breaks_a_rule_is_skipped_and_never_run(database_url: str, tmp_path: Path):
    await _nothing_comes_of(invalid_fixes(), "fix_skipped_invalid", database_url, tmp_path)


async def test_a_fix_that_fails_or_attacks_leaves_nothing_behind(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    # The rules refuse most of these tests before anything is run: here the sandbox has to hold alone.
    monkeypatch.setattr(candidate, "judge_test", lambda *_: None)
    bait = tmp_path / "bait"
    bait.mkdir()
    (bait / "secret.txt").write_text(SECRET, encoding="utf-8")
    async with Listener.serving() as listener:
        trap = Trap(listener.port, bait)
        groups = await _nothing_comes_of(failing_fixes(trap), "fix_failed", database_url, tmp_path)
    assert listener.connections == 0
    assert [file.name for file in bait.iterdir()] == ["secret.txt"]
    assert not [bug for bug, group in groups.items() if SECRET.encode() in group.SerializeToString()]
    assert max(len(group.report.proof) for group in groups.values()) <= 8_000


async def _nothing_comes_of(
    wrong: list[Wrong], status: str, database_url: str, folder: Path
) -> dict[str, db.ErrorGroup]:
    bugs = bugs_of(wrong)
    async with repair_shop(database_url, folder, bugs, wrong, auto_fix_timeout_s=10) as shop:
        before = content_of(shop.repository)
        await shop.log(bugs)
        groups = await shop.settled(bugs, within_s=220)
    reports = {one.name: groups[one.bug].report for one in wrong}
    assert {name: report.status for name, report in reports.items()} == {one.name: status for one in wrong}
    reasons = {name: report.reason for name, report in reports.items()}
    assert {one.name: reasons[one.name] for one in wrong if one.reason not in reasons[one.name].lower()} == {}
    proofs = {name: report.proof for name, report in reports.items()}
    assert {one.name: proofs[one.name] for one in wrong if one.shown not in proofs[one.name]} == {}
    assert content_of(shop.repository) == before
    return groups


def _branch(clone: Path, group: db.ErrorGroup) -> set[str]:
    """The files that a branch changes, after its test and the project's tests have passed on it."""
    report = group.report
    assert report.branch == f"autofix/{group.fingerprint}"
    assert git(clone, "rev-parse", f"origin/{report.branch}").strip() == report.commit
    assert git(clone, "rev-parse", f"{report.commit}^").strip() == report.base_commit
    assert report.base_commit == git(clone, "rev-parse", "main").strip()
    assert group.fingerprint in git(clone, "log", "-1", "--format=%B", report.commit)
    assert report.cause in git(clone, "log", "-1", "--format=%B", report.commit)
    git(clone, "checkout", "-q", "--detach", report.commit)
    ran = subprocess.run(
        [sys.executable, "-B", *COMMAND.split()[1:], "tests", report.test_path],
        cwd=clone,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout
    assert report.proof
    return set(git(clone, "diff", "--name-only", "main", report.commit).split())
