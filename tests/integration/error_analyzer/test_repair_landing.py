"""Fixes on branches, in the checked-out branch and out of it again: whole, and never over somebody's work."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from services.error_analyzer.domain import FixFailed, InvalidFix, RepairUnavailable
from services.error_analyzer.repair import workshop as module
from services.error_analyzer.repair.git import Git
from services.error_analyzer.repair.workshop import Workshop
from tests.support.isolation import NEEDS_ISOLATION
from tests.support.repositories import (
    FINGERPRINT,
    GOOD,
    PRICES,
    TEST_PATH,
    SmallRepository,
    settings_for,
)

pytestmark = NEEDS_ISOLATION

Work = Callable[[], object]
REPO = Path(__file__).resolve().parents[3]
FIXED = PRICES.replace(
    'price in cents."""\n    return total(prices) /',
    'price in cents."""\n    if not prices:\n        return 0\n    return total(prices) /',
)


@pytest.fixture
def repository(tmp_path: Path) -> SmallRepository:
    return SmallRepository(tmp_path / "repo")


@pytest.fixture
async def workshop(
    repository: SmallRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Workshop]:
    """On the repository; that tests can be confined is taken for granted, other tests try it."""

    async def probed(_folder: Path) -> str:
        return "seccomp"

    monkeypatch.setattr(module, "probe", probed)
    async with Workshop.open(settings_for(repository.folder, tmp_path / "data")) as opened:
        yield opened


async def kept(workshop: Workshop) -> str:
    return await workshop.keep(FINGERPRINT, await workshop.check(GOOD), message="Averages\n\nWhy: no prices.")


async def test_a_kept_fix_is_a_branch_and_nothing_else(
    workshop: Workshop, repository: SmallRepository
) -> None:
    before = repository.state()
    commit = await kept(workshop)
    assert await kept(workshop) == commit
    changed = {path for path, state in repository.state().items() if before.get(path) != state}
    assert all(
        path.startswith((".git/objects/", ".git/refs/heads/autofix", ".git/logs/refs/heads/autofix"))
        for path in changed
    )
    assert repository.git("rev-parse", f"autofix/{FINGERPRINT}") == commit
    assert repository.git("log", "-1", "--format=%an <%ae>%n%B", commit) == (
        "aiartist error analyzer <noreply@aiartist.invalid>\n"
        f"Averages\n\nWhy: no prices.\n\nAutofix: {FINGERPRINT}"
    )
    assert repository.git("diff", "--name-status", "main", commit).split() == [
        *("M", "services/shop/prices.py", "A", TEST_PATH)
    ]


async def test_a_branch_of_somebody_is_not_replaced(workshop: Workshop, repository: SmallRepository) -> None:
    repository.git("branch", f"autofix/{FINGERPRINT}")
    before = repository.state()
    with pytest.raises(FixFailed, match="somebody else"):
        await kept(workshop)
    assert {p: s for p, s in repository.state().items() if "/objects/" not in p} == {
        p: s for p, s in before.items() if "/objects/" not in p
    }
    assert repository.is_clean()


async def test_an_earlier_try_is_replaced(workshop: Workshop, repository: SmallRepository) -> None:
    first = await kept(workshop)
    second = await workshop.keep(FINGERPRINT, await workshop.check(GOOD), message="Another")
    assert first != second == repository.git("rev-parse", f"autofix/{FINGERPRINT}")
    with pytest.raises(FixFailed, match="no longer holds"):
        await workshop.apply(FINGERPRINT, first)


async def test_a_fix_is_applied_and_reverted_once(workshop: Workshop, repository: SmallRepository) -> None:
    repository.write("notes.txt", "not committed\n")
    commit = await kept(workshop)
    assert await workshop.apply(FINGERPRINT, commit) == await workshop.apply(FINGERPRINT, commit) == commit
    assert (repository.git("rev-parse", "main"), repository.read("services/shop/prices.py")) == (
        commit,
        FIXED,
    )
    assert repository.git("status", "--porcelain") == "M notes.txt"
    reverted = await workshop.revert(commit, message="It came back")
    assert await workshop.revert(commit, message="It came back, again") == reverted
    assert repository.git("rev-parse", "main") == reverted
    assert repository.git("diff", "--name-only", repository.first, reverted) == ""
    assert repository.read("services/shop/prices.py") == PRICES
    assert not (repository.folder / "tests/autofix").exists()
    assert repository.read("notes.txt") == "not committed\n"
    with pytest.raises(FixFailed, match="applied and reverted"):
        await workshop.apply(FINGERPRINT, commit)


async def test_on_newer_code_a_fix_is_proven_again(workshop: Workshop, repository: SmallRepository) -> None:
    commit = await kept(workshop)
    repository.write(
        "services/shop/prices.py",
        PRICES.replace('"""What songs cost."""', '"""What songs cost.\n\nIn cents."""'),
    )
    newer = repository.commit("Words")
    applied = await workshop.apply(FINGERPRINT, commit)
    assert await workshop.apply(FINGERPRINT, commit) == applied
    assert repository.git("rev-parse", f"{applied}^", "main").split() == [newer, applied]
    assert f"Autofix-Of: {commit}" in repository.git("log", "-1", "--format=%B")
    assert repository.is_clean()
    await workshop.revert(applied, message="Back")
    assert repository.git("diff", "--name-only", newer, "main") == ""


async def test_a_fix_that_no_longer_mends_newer_code_is_not_applied(
    workshop: Workshop, repository: SmallRepository
) -> None:
    commit = await kept(workshop)
    repository.write(
        "tests/test_prices.py",
        "from services.shop.prices import average\n\n\ndef test_it():\n    try:\n        average([])\n"
        "    except ZeroDivisionError:\n        return\n    assert 0\n",
    )
    repository.commit("Nothing has no mean")
    before = repository.state()
    with pytest.raises(FixFailed, match="project's tests fail with the fix"):
        await workshop.apply(FINGERPRINT, commit)
    repository.write("services/shop/prices.py", FIXED)
    repository.commit("Mended by hand")
    with pytest.raises(FixFailed, match="does not fit"):
        await workshop.apply(FINGERPRINT, commit)
    repository.git("reset", "--hard", "HEAD~1")
    assert {p: s for p, s in repository.state().items() if not p.startswith(".git/")} == {
        p: s for p, s in before.items() if not p.startswith(".git/")
    }


async def test_work_in_the_way_of_a_fix_stays(workshop: Workshop, repository: SmallRepository) -> None:
    commit = await kept(workshop)

    async def refused(reason: str) -> None:
        before = repository.state()
        with pytest.raises(FixFailed, match=reason):
            await workshop.apply(FINGERPRINT, commit)
        assert repository.state() == before

    repository.write("services/shop/prices.py", PRICES + "# mine\n")
    await refused("not clean where the fix goes")
    repository.git("add", "--all")
    await refused("not clean where the fix goes")
    repository.git("reset", "--quiet", "--hard")
    repository.write(TEST_PATH, "# mine\n")
    await refused("already there")
    (repository.folder / TEST_PATH).unlink()
    (repository.folder / "tests/autofix").rmdir()
    (repository.folder / "tests/autofix").symlink_to("/tmp")
    await refused("symbolic link")
    (repository.folder / "tests/autofix").unlink()
    repository.write(".git/MERGE_HEAD", repository.first)
    await refused("under way")
    (repository.folder / ".git/MERGE_HEAD").unlink()
    repository.write(".git/index.lock", "")
    await refused("git is at work")
    (repository.folder / ".git/index.lock").unlink()
    repository.git("checkout", "--quiet", "--detach")
    await refused("detached")
    repository.git("checkout", "--quiet", "main")
    assert await workshop.apply(FINGERPRINT, commit) == commit


@pytest.mark.parametrize("mark", ["skip-worktree", "assume-unchanged"])
async def test_work_that_git_was_told_not_to_look_at_stays(
    workshop: Workshop, repository: SmallRepository, mark: str
) -> None:
    commit = await kept(workshop)
    repository.git("update-index", f"--{mark}", "services/shop/prices.py")
    for text in (PRICES + "# mine\n", PRICES):
        repository.write("services/shop/prices.py", text)
        before = repository.state()
        with pytest.raises(FixFailed, match="marked so that git does not look at it"):
            await workshop.apply(FINGERPRINT, commit)
        assert repository.state() == before
    repository.git("update-index", f"--no-{mark}", "services/shop/prices.py")
    assert await workshop.apply(FINGERPRINT, commit) == commit


async def test_work_that_looks_the_same_by_time_and_size_stays(
    workshop: Workshop, repository: SmallRepository
) -> None:
    commit = await kept(workshop)
    place = repository.folder / "services/shop/prices.py"
    repository.git("config", "core.checkStat", "minimal")
    repository.git("config", "core.trustctime", "false")
    os.utime(place, (1_700_000_000, 1_700_000_000))
    repository.git("update-index", "--refresh")
    repository.write("services/shop/prices.py", PRICES.replace("What songs", "WHAT SONGS"))
    os.utime(place, (1_700_000_000, 1_700_000_000))
    before = repository.state()
    with pytest.raises(FixFailed, match="not clean where the fix goes"):
        await workshop.apply(FINGERPRINT, commit)
    assert repository.state() == before


def save_when(monkeypatch: pytest.MonkeyPatch, moment: Callable[[tuple[str, ...]], bool], save: Work) -> None:
    """Has somebody save once, right after the call of git for which `moment` is true."""
    call, saved = Git.call, []

    async def watched(git: Git, *arguments: str, **more: object) -> tuple[int, bytes]:
        result = await call(git, *arguments, **more)  # type: ignore[arg-type]
        if not saved and moment(arguments):
            saved.append(arguments)
            save()
        return result

    monkeypatch.setattr(Git, "call", watched)


@pytest.mark.parametrize("atomically", [True, False])
async def test_a_save_right_before_a_file_is_replaced_stays(
    workshop: Workshop, repository: SmallRepository, monkeypatch: pytest.MonkeyPatch, atomically: bool
) -> None:
    commit = await kept(workshop)
    before = repository.state()
    place = repository.folder / "services/shop/prices.py"

    def save() -> None:
        if atomically:
            (repository.folder / "new").write_text("mine\n", encoding="utf-8")
            (repository.folder / "new").replace(place)
        else:
            place.write_text("mine\n", encoding="utf-8")

    save_when(monkeypatch, lambda words: words[:2] == ("cat-file", "--filters"), save)
    with pytest.raises(FixFailed, match="not clean where the fix goes"):
        await workshop.apply(FINGERPRINT, commit)
    assert repository.read("services/shop/prices.py") == "mine\n"
    repository.write("services/shop/prices.py", PRICES)
    assert repository.state() == before


async def test_a_save_to_the_file_that_was_replaced_is_put_back(
    workshop: Workshop, repository: SmallRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = await kept(workshop)
    before = repository.state()
    place = repository.folder / "services/shop/prices.py"
    editor = os.open(place, os.O_WRONLY)
    try:
        save_when(
            monkeypatch,
            lambda _: place.read_text(encoding="utf-8") == FIXED,
            lambda: os.write(editor, b"# mine\n"),
        )
        with pytest.raises(FixFailed, match="not clean where the fix goes"):
            await workshop.apply(FINGERPRINT, commit)
    finally:
        os.close(editor)
    assert repository.read("services/shop/prices.py") == "# mine\n" + PRICES[len("# mine\n") :]
    repository.write("services/shop/prices.py", PRICES)
    assert repository.state() == before


async def test_what_was_taken_out_by_hand_counts_as_reverted(
    workshop: Workshop, repository: SmallRepository
) -> None:
    commit = await workshop.apply(FINGERPRINT, await kept(workshop))
    repository.write("services/shop/prices.py", PRICES)
    repository.commit("By hand, without the test")
    half = await workshop.revert(commit, message="x")
    assert not (repository.folder / "tests/autofix").exists()
    repository.git("reset", "--quiet", "--hard", commit)
    repository.git("rm", "--quiet", TEST_PATH)
    repository.write("services/shop/prices.py", PRICES)
    by_hand = repository.commit("By hand, whole")
    assert await workshop.revert(commit, message="x") == by_hand == repository.git("rev-parse", "main")
    repository.write("notes.txt", "newer\n")
    newer = repository.commit("More")
    assert await workshop.revert(commit, message="x") == newer != half


async def test_a_git_or_a_disk_that_fails_is_no_fault_of_the_fix(
    workshop: Workshop, repository: SmallRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    fix = await workshop.check(GOOD)
    commit = await workshop.keep(FINGERPRINT, fix, message="A fix")
    calls: list[Callable[[], Awaitable[object]]] = [
        workshop.ready,
        lambda: workshop.check(GOOD),
        lambda: workshop.prove(replace(fix, test_code=fix.test_code + "\n")),
        lambda: workshop.keep(FINGERPRINT, fix, message="Another"),
        lambda: workshop.apply(FINGERPRINT, commit),
        lambda: workshop.revert(commit, message="x"),
    ]
    tool = repository.folder.parent / "git"
    for script in ("echo 'fatal: write error: No space left on device' >&2; exit 128", "kill -9 $$", ""):
        tool.write_text(f"#!/bin/sh\n{script}\n" if script else "no program", encoding="utf-8")
        tool.chmod(0o755)
        with monkeypatch.context() as broken:
            call = asyncio.create_subprocess_exec
            broken.setattr(
                "services.error_analyzer.repair.git.asyncio.create_subprocess_exec",
                lambda _git, *words, call=call, **more: call(str(tool), *words, **more),
            )
            for each in calls:
                with pytest.raises(RepairUnavailable):
                    await each()
    before = repository.state()
    with monkeypatch.context() as stuck:
        stuck.setattr("services.error_analyzer.repair.git._TIMEOUT_S", 0.0)
        for each in calls:
            with pytest.raises(RepairUnavailable):
                await each()
    assert repository.state() == before
    assert await workshop.apply(FINGERPRINT, commit) == commit


async def test_only_this_service_s_commits_are_applied_or_reverted(
    workshop: Workshop, repository: SmallRepository
) -> None:
    commit = await kept(workshop)
    repository.write("notes.txt", "newer\n")
    other = repository.commit("Ana's")
    before = repository.state()
    for call, reason in (
        (workshop.apply(FINGERPRINT, other), "not made by this service"),
        (workshop.apply("f" * 32, commit), "no fix of"),
        (workshop.apply(FINGERPRINT, "--help"), "no commit"),
        (workshop.revert(other, message="x"), "not made by this service"),
        (workshop.revert(commit, message="x"), "not in the checked-out branch"),
    ):
        with pytest.raises(FixFailed, match=reason):
            await call
    assert repository.state() == before


async def test_a_fix_that_later_changes_build_on_is_left_to_people(
    workshop: Workshop, repository: SmallRepository
) -> None:
    commit = await workshop.apply(FINGERPRINT, await kept(workshop))
    repository.write(
        "services/shop/prices.py", FIXED.replace("return 0\n", "return NOTHING\n") + "\nNOTHING = 0\n"
    )
    repository.commit("A name for it")
    before = repository.state()
    with pytest.raises(FixFailed, match="later changes build on"):
        await workshop.revert(commit, message="Back")
    assert repository.state() == before


async def test_two_workshops_apply_one_fix_once(
    workshop: Workshop, repository: SmallRepository, tmp_path: Path
) -> None:
    async with Workshop.open(settings_for(repository.folder, tmp_path / "data")) as second:
        commits = await asyncio.gather(kept(workshop), kept(second))
        assert len(set(commits)) == 1
        applied = await asyncio.gather(*(shop.apply(FINGERPRINT, commits[0]) for shop in (workshop, second)))
        assert applied == commits
        undone = await asyncio.gather(*(shop.revert(commits[0], message="x") for shop in (workshop, second)))
    assert len(set(undone)) == 1
    assert repository.git("rev-list", "--count", "main") == "3"
    assert repository.is_clean()


async def test_a_bare_repository_has_its_branch_moved(
    repository: SmallRepository, tmp_path: Path, workshop: Workshop
) -> None:
    bare = tmp_path / "bare.git"
    repository.git("clone", "--quiet", "--bare", str(repository.folder), str(bare))
    async with Workshop.open(settings_for(bare, tmp_path / "data")) as shop:
        commit = await kept(shop)
        assert await shop.apply(FINGERPRINT, commit) == commit
        assert repository.git("--git-dir", str(bare), "rev-parse", "main") == commit
        await shop.revert(commit, message="x")
    assert repository.git("--git-dir", str(bare), "diff", repository.first, "main") == ""


async def test_neither_hooks_nor_other_configuration_have_a_say(
    workshop: Workshop, repository: SmallRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    for name in ("reference-transaction", "post-checkout", "post-index-change", "post-commit"):
        repository.write(f".git/hooks/{name}", f"#!/bin/sh\ntouch {mark}\n")
        (repository.folder / ".git/hooks" / name).chmod(0o755)
    repository.git("config", "core.fsmonitor", f"touch {mark}")
    repository.git("config", "commit.gpgSign", "true")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    commit = await workshop.apply(FINGERPRINT, await kept(workshop))
    await workshop.revert(commit, message="x")
    assert not mark.exists()


async def test_what_can_t_be_worked_with_is_told_with_its_remedy(
    repository: SmallRepository, tmp_path: Path
) -> None:
    shallow = tmp_path / "shallow"
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.folder}", str(shallow))
    (tmp_path / "plain").mkdir()
    (tmp_path / "empty").mkdir()
    repository.git("init", "--quiet", str(tmp_path / "empty"))
    for folder, reason in (
        (None, "not set"),
        (tmp_path / "absent", "is no folder"),
        (tmp_path / "plain", "no git repository"),
        (tmp_path / "empty", "no commit yet"),
        (repository.folder / "services", "set it to"),
        (shallow, "git fetch --unshallow"),
    ):
        settings = settings_for(tmp_path, tmp_path / "data").model_copy(
            update={"auto_fix_repository": folder}
        )
        with pytest.raises(RepairUnavailable, match=f"AIARTIST_AUTO_FIX_REPOSITORY.*{reason}"):
            async with Workshop.open(settings):
                pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
async def test_a_repository_of_another_user_is_not_trusted(
    repository: SmallRepository, tmp_path: Path
) -> None:
    for path in (repository.folder, repository.folder / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(RepairUnavailable, match=r"belongs to another user.*chown -R"):
        async with Workshop.open(settings_for(repository.folder, tmp_path / "data")):
            pass


async def test_a_fix_that_breaks_rules_made_since_is_not_applied(
    workshop: Workshop, repository: SmallRepository, tmp_path: Path
) -> None:
    commit = await kept(workshop)
    async with Workshop.open(
        settings_for(repository.folder, tmp_path / "data", auto_fix_paths="cli/**")
    ) as stricter:
        with pytest.raises(FixFailed, match="not among the allowed paths"):
            await stricter.apply(FINGERPRINT, commit)
        with pytest.raises(InvalidFix, match="not among the allowed paths"):
            await stricter.check(GOOD)


@pytest.mark.chaos
def test_a_kill_at_any_step_leaves_the_old_or_the_new_and_nothing_else(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.killed_repairs", str(tmp_path)],
        cwd=REPO,
        env={"PATH": os.defpath, "PYTHONPATH": f"{REPO}:{REPO / 'gen'}", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["wrong"] == []
    # Some kills came before the branch moved and some after, or they tried nothing.
    for step in ("keep", "apply", "revert"):
        assert set(told["ended"][step]) == {"old", "new"}
    assert list(tmp_path.glob("aiartist-repair-*")) == []
