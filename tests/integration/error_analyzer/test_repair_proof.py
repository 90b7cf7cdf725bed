"""A fix is proven by tests in the sandbox, or fails; the repository stays the same byte for byte."""

import asyncio
import os
import sysconfig
import venv
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.error_analyzer.domain import FixFailed, InvalidFix, RepairUnavailable, Suggestion
from services.error_analyzer.repair import candidate
from services.error_analyzer.repair.git import Repository
from services.error_analyzer.repair.proof import Prover
from services.error_analyzer.repair.sandbox import runner
from services.error_analyzer.repair.workshop import Workshop
from services.error_analyzer.repair.workspace import Workspace
from tests.support.isolation import NEEDS_ISOLATION
from tests.support.repositories import (
    DIFF,
    GOOD,
    PRICES,
    PYTEST,
    TEST_CODE,
    TEST_PATH,
    SmallRepository,
    settings_for,
)

pytestmark = NEEDS_ISOLATION


@pytest.fixture
def repository(tmp_path: Path) -> SmallRepository:
    return SmallRepository(tmp_path / "repo")


@pytest.fixture
async def untouched(repository: SmallRepository) -> AsyncIterator[SmallRepository]:
    """The repository; nothing in it may have changed at the end, `.git` and objects included."""
    before = repository.state()
    yield repository
    assert repository.state() == before


def suggest(diff: str = DIFF, code: str = TEST_CODE) -> Suggestion:
    return Suggestion(diff, TEST_PATH, code, "")


def code_of(body: str) -> str:
    """A test file of one test with this body, indented by nothing."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"from services.shop import prices\n\n\ndef test_it():\n{lines}"


async def fails(repository: SmallRepository, *suggestions: Suggestion, **settings: object) -> list[FixFailed]:
    """How suggestions fail when they are run; the rules for tests, tried elsewhere, let them pass."""
    found = []
    opened = Workshop.open(settings_for(repository.folder, repository.folder.parent / "data", **settings))
    with pytest.MonkeyPatch.context() as blind:
        blind.setattr(candidate, "judge_test", lambda *_: None)
        async with opened as workshop:
            for suggestion in suggestions:
                with pytest.raises(FixFailed) as caught:
                    await workshop.prove(await workshop.check(suggestion))
                found.append(caught.value)
    return found


async def test_a_good_fix_is_proven_by_pytest(untouched: SmallRepository, tmp_path: Path) -> None:
    async with Workshop.open(settings_for(untouched.folder, tmp_path / "data", **PYTEST)) as workshop:
        assert "seccomp" in workshop.isolation
        fix = await workshop.check(GOOD)
        assert (fix.files, fix.base_commit) == (("services/shop/prices.py",), untouched.first)
        log = (await workshop.prove(fix)).log
    for line in (
        "== the test without the fix: exit code 1",
        "ZeroDivisionError",
        "== the test with the fix: exit code 0",
        "== the project's tests with the fix: exit code 0",
        "2 passed",
    ):
        assert line in log
    assert str(tmp_path) not in log


async def test_tests_may_run_in_an_environment_of_the_project_s_own(
    untouched: SmallRepository, tmp_path: Path
) -> None:
    own = tmp_path / "environment"
    venv.create(own, symlinks=True)
    (packages,) = own.glob("lib/python*/site-packages")
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    commands = {name: command.replace("python", f"{own}/bin/python", 1) for name, command in PYTEST.items()}
    async with Workshop.open(settings_for(untouched.folder, tmp_path / "data", **commands)) as workshop:
        log = (await workshop.prove(await workshop.check(GOOD))).log
    assert "2 passed" in log


async def test_a_working_tree_with_changes_is_left_alone(repository: SmallRepository, tmp_path: Path) -> None:
    repository.write("services/shop/prices.py", "my own work\n")
    repository.write("new.py", "x = 1\n")
    repository.git("add", "new.py")
    before = repository.state()
    async with Workshop.open(settings_for(repository.folder, tmp_path / "data")) as workshop:
        await workshop.prove(await workshop.check(GOOD))
    assert repository.state() == before


async def test_a_test_that_shows_nothing_is_no_proof(untouched: SmallRepository) -> None:
    failed = await fails(
        untouched,
        suggest(code=code_of("assert prices.total([1]) == 1")),
        suggest(code=code_of("assert prices.average([]) == 1")),
        suggest(code="from services.shop import missing\n\n\ndef test_it(): pass\n"),
        suggest(code=code_of("assert prices.average([]) == 0\nwhile True: pass")),
        auto_fix_timeout_s=3,
    )
    assert [str(each) for each in failed] == [
        "the test passes without the fix, so it shows nothing",
        "the test does not pass with the fix: exit code 1",
        "without the fix the test does not fail, it can't be run: exit code 2",
        "with the fix the test had to be ended: it did not end within 3 s",
    ]


async def test_a_fix_that_breaks_the_project_s_tests_has_failed(untouched: SmallRepository) -> None:
    diff = DIFF.replace("+    if not prices:\n+        return 0\n", "+    return 0\n")
    (failed,) = await fails(untouched, suggest(diff))
    assert str(failed) == "the project's tests fail with the fix: exit code 1"
    assert "AssertionError" in failed.log


async def test_pytest_must_tell_of_each_test(
    untouched: SmallRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends the process with the best of all exit codes leaves no report."""
    # As if the rules had been got round.
    monkeypatch.setattr(candidate, "judge_change", lambda *_: None)
    monkeypatch.setattr(candidate, "judge_test", lambda *_: None)
    leaving = DIFF.replace("+        return 0\n", "+        import os\n+        os._exit(0)\n")
    failed = await fails(
        untouched,
        suggest(leaving),
        suggest(code=code_of("import pytest\npytest.skip('not today')")),
        suggest(code="def test_it(no_fixture): pass\n"),
        **PYTEST,
    )
    assert [str(each) for each in failed] == [
        "the test does not pass with the fix: exit code 0",
        "the test passes without the fix, so it shows nothing",
        "without the fix the test does not fail, it can't be run: exit code 1",
    ]


async def test_a_test_can_t_prepare_the_next_run(untouched: SmallRepository) -> None:
    """It may neither mend the code for the run after it, nor the project's tests."""
    body = (
        "import pathlib\nfor name in ('services/shop/prices.py', 'tests/test_prices.py', 'check.py'):\n"
        "    try:\n        pathlib.Path(name).write_text('def test_it(): pass')\n"
        "    except OSError:\n        pass\nassert prices.average([]) == 0\n"
    )
    diff = DIFF.replace("+    if not prices:\n+        return 0\n", "+    return 0\n")
    (failed,) = await fails(untouched, suggest(diff, code_of(body)))
    assert str(failed) == "the project's tests fail with the fix: exit code 1"


async def test_tests_see_no_secret_and_the_log_tells_none(
    untouched: SmallRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "sk-" + "live0123456789abcdefghij"
    monkeypatch.setenv("AIARTIST_TOKEN", secret)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "token").write_text(secret, encoding="utf-8")
    body = (
        "import glob, os\n"
        f"places = [{str(tmp_path / 'data' / 'token')!r}, {str(untouched.folder / '.git' / 'config')!r},\n"
        f"          '/proc/{os.getpid()}/environ']\n"
        "for place in places:\n    try:\n        print('read', open(place, errors='replace').read())\n"
        "    except OSError:\n        print('refused')\n"
        "print('environment', sorted(os.environ))\n"
        f"print('token=' + {secret[:8]!r} + {secret[8:]!r})\nassert prices.average([]) == 0"
    )
    with pytest.MonkeyPatch.context() as blind:
        blind.setattr(candidate, "judge_test", lambda *_: None)
        async with Workshop.open(settings_for(untouched.folder, tmp_path / "data")) as workshop:
            log = (await workshop.prove(await workshop.check(suggest(code=code_of(body))))).log
    assert log.count("refused") == 6
    assert "AIARTIST" not in log
    assert secret not in log


async def test_the_tests_tree_holds_nothing_that_git_keeps_encrypted_or_that_is_named_like_a_secret(
    repository: SmallRepository, tmp_path: Path
) -> None:
    repository.git("config", "filter.crypt.clean", "tr a-z b-za")
    repository.git("config", "filter.crypt.smudge", "tr b-za a-z")
    repository.git("config", "filter.crypt.required", "true")
    repository.write(".gitattributes", "*.vault filter=crypt\n*.txt text eol=crlf ident\n")
    for path in ("till.vault", ".env", "deploy/tls.key", "secrets/token.txt"):
        repository.write(path, "open sesame\n")
    repository.write("notes.txt", "$Id$\n")
    repository.write("services/shop/passwords.py", "x = 1\n")
    head = repository.commit("What is not for everybody")
    assert repository.git("cat-file", "blob", "HEAD:till.vault") == "pqfo tftbnf"
    before = repository.state()
    opened = await Repository.open(repository.folder, tmp_path)
    workspace = Workspace.make()
    try:
        async with workspace.checkout(opened, head) as tree:
            assert (tree / "till.vault").read_text() == "pqfo tftbnf\n"
            assert (tree / "notes.txt").read_bytes() == b"$Id$\n"
            assert os.access(tree / "run.sh", os.X_OK)
            assert (tree / "services/shop/passwords.py").exists()
            assert not any((tree / name).exists() for name in (".env", "deploy", "secrets"))
        assert sorted(place.name for place in workspace.folder.iterdir()) == ["home", "lock", "objects"]
    finally:
        await workspace.close()
    assert repository.state() == before


async def test_a_workshop_is_ready_once_the_project_s_tests_pass_without_any_fix(
    untouched: SmallRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = []
    run = Prover._run

    async def told(prover: Prover, title: str, command: str, tree: str, test: str = "") -> object:
        titles.append(title)
        return await run(prover, title, command, tree, test)

    monkeypatch.setattr(Prover, "_run", told)
    async with Workshop.open(settings_for(untouched.folder, tmp_path / "data")) as workshop:
        await asyncio.gather(workshop.ready(), workshop.ready())
        await workshop.prove(await workshop.check(GOOD))
    assert titles.count("the project's tests without the fix") == 1 < len(titles)
    gone = settings_for(untouched.folder, tmp_path / "data", auto_fix_test_command="no-such-program {test}")
    async with Workshop.open(gone) as workshop:
        with pytest.raises(RepairUnavailable, match="no program 'no-such-program'"):
            await workshop.ready()


async def test_a_project_whose_tests_fail_anyway_can_t_be_repaired(
    repository: SmallRepository, tmp_path: Path
) -> None:
    repository.write("tests/test_prices.py", "def test_it():\n    assert 0\n")
    repository.commit("Broken")
    before = repository.state()
    async with Workshop.open(settings_for(repository.folder, tmp_path / "data")) as workshop:
        with pytest.raises(RepairUnavailable, match="own tests fail without any fix"):
            await workshop.ready()
        with pytest.raises(RepairUnavailable, match="own tests fail without any fix"):
            await workshop.prove(await workshop.check(GOOD))
    assert repository.state() == before


async def test_the_rules_look_at_what_git_makes_of_a_diff(
    repository: SmallRepository, tmp_path: Path
) -> None:
    (repository.folder / "services/shop/link.py").symlink_to("/etc/passwd")
    repository.write("services/till/test_taken.py", "x = 1\n")
    repository.write("services/shop/latin.py", "x = 1\n")
    (repository.folder / "services/shop/latin.py").write_bytes(b"x = 1\n# \xe9\n")
    repository.commit("More")
    before = repository.state()
    link = (
        "--- a/services/shop/link.py\n+++ b/services/shop/link.py\n@@ -1 +1 @@\n-/etc/passwd\n+/etc/shadow\n"
    )
    refused = {
        suggest(link + "\\ No newline at end of file\n"): "apply|regular",
        suggest(DIFF.replace("prices.py", "absent.py")): "does not apply",
        suggest(DIFF.replace("total(prices) / len", "total(prices) * len")): "does not apply",
        suggest(
            "--- a/services/shop/latin.py\n+++ b/services/shop/latin.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"
        ): "UTF-8",
        Suggestion(DIFF, "tests/autofix/test_taken.py", TEST_CODE, ""): "name is taken by services/till",
        suggest(
            DIFF.replace("+        return 0", "+        import os\n+        return os.environ['X']")
        ): "environ",
    }
    async with Workshop.open(settings_for(repository.folder, tmp_path / "data")) as workshop:
        for suggestion, reason in refused.items():
            with pytest.raises(InvalidFix, match=reason):
                await workshop.check(suggestion)
    assert repository.state() == before
    assert repository.read("services/shop/prices.py") == PRICES


async def test_where_tests_can_t_be_confined_none_is_run(
    untouched: SmallRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_START", "raise SystemExit('no Landlock')")
    with pytest.raises(RepairUnavailable, match="no Landlock"):
        async with Workshop.open(settings_for(untouched.folder, tmp_path / "data")):
            pass
    suggesting = settings_for(untouched.folder, tmp_path / "data", auto_fix_mode="suggest")
    async with Workshop.open(suggesting) as workshop:
        fix = await workshop.check(GOOD)
        assert workshop.isolation == ""
        for call in (workshop.ready(), workshop.prove(fix)):
            with pytest.raises(RepairUnavailable, match="no Landlock"):
                await call


async def test_a_cancelled_proof_leaves_nothing(untouched: SmallRepository, tmp_path: Path) -> None:
    async with Workshop.open(settings_for(untouched.folder, tmp_path / "data")) as workshop:
        fix = await workshop.check(suggest(code=code_of("while True:\n    prices.total([])")))
        proving = asyncio.ensure_future(workshop.prove(fix))
        while not list(workshop.folder.glob("tree-*/services")):
            await asyncio.sleep(0.01)
        proving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await proving
        assert list(workshop.folder.glob("tree-*")) == []
        folder = workshop.folder
    assert not folder.exists()
