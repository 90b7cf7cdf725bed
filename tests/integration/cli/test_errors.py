"""`aiartist error ...` against the real artist_db and error_analyzer's real servicer."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from tests.support.command import Finished, end_of, invoke, start_command
from tests.support.error_desk import CALL_S, COMMIT, FIX, ErrorDesk, FixedSetup, error_desk
from tests.support.error_store import real_error_store


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[str]:
    async with real_error_store(database_url) as (address, _):
        yield address


@pytest.fixture
async def desk(store: str) -> AsyncIterator[ErrorDesk]:
    async with error_desk(store) as serving:
        yield serving


@pytest.fixture
def env(store: str, desk: ErrorDesk) -> dict[str, str]:
    return env_of(store, desk)


def env_of(store: str, desk: ErrorDesk) -> dict[str, str]:
    return {
        "AIARTIST_ARTIST_DB_ADDR": store,
        "AIARTIST_ERROR_ANALYZER_ADDR": desk.address,
        "AIARTIST_OPERATOR": "vera",
    }


def said(done: Finished) -> str:
    """What the command printed, without what the services in this process logged meanwhile."""
    return "".join(line for line in done.stdout.splitlines(keepends=True) if "component=" not in line)


async def test_errors_are_listed_by_status_service_text_severity_and_time(
    desk: ErrorDesk, env: dict[str, str]
) -> None:
    one = await desk.group("analyzed", cause="the pool is empty", severity="low")
    two = await desk.group("fix_suggested", service="scheduler", **FIX)
    both = {one, two}
    for options, found in (
        ((), both),
        (("--status", "analyzed", "--status", "ignored"), {one}),
        (("--service", "scheduler"), {two}),
        (("--text", "POOL is"), {one}),
        (("--severity", "high"), {two}),
        (("--since", "2h"), both),
        (("--since", "2099-01-01"), set()),
        (("--until", "2020-01-01T10:00"), set()),
    ):
        done = await invoke("error", "list", "--json", *options, env=env)
        assert {group["fingerprint"] for group in json.loads(done.stdout)["groups"]} == found, options
    table = await invoke("error", "list", env=env)
    assert "fix suggested" in table.stdout
    assert max(map(len, table.stdout.splitlines())) <= 100


@pytest.mark.parametrize("options", [("--since", "soon"), ("--until", "99999999d"), ("--status", "done")])
async def test_a_filter_that_is_none_is_bad_input(env: dict[str, str], options: tuple[str, str]) -> None:
    done = await invoke("error", "list", *options, env=env)
    assert done.code == 2
    assert options[0] in done.stderr


async def test_an_error_is_shown_with_cause_evidence_fix_proof_and_history(
    desk: ErrorDesk, env: dict[str, str]
) -> None:
    evidence = [
        db.ErrorEvidence(source="services/release/pool.py", line=2, text="items.lenght", note="no such name")
    ]
    error = await desk.group("analyzed", cause="because")
    await desk.report(error, "fix_suggested", evidence=evidence, reason="proven", **FIX)
    done = await invoke("error", "show", error, env=env)
    assert (done.code, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    lines = [line.strip() for line in done.stdout.splitlines()]
    for line in (
        "services/release/pool.py:2: items.lenght  (no such name)",
        "-    return items.lenght",
        "+    return len(items)",
        "def test_size():",
        "1 passed",
        f"or, in the mode apply: aiartist error apply {error[:12]}",
    ):
        assert line.strip() in lines, line
    for fact in ("high, 90% sure; code can mend it", "by hour", "█", COMMIT, "tests/autofix/test_size.py"):
        assert fact in done.stdout
    history = lines[next(n for n, line in enumerate(lines) if line.startswith("when ")) :]
    assert [line.split()[2] for line in history[2:4]] == ["fix", "analyzed"]


async def test_orders_say_what_became_of_them_and_who_gave_them(desk: ErrorDesk, env: dict[str, str]) -> None:
    error = await desk.group("analysis_failed")
    for command, told, status in (
        (("ignore", error, "--reason", "harmless"), "is ignored", "ignored"),
        (("reopen", error), "is taken up again", "new"),
        (("analyze", error), "will be explained again", "new"),
    ):
        done = await invoke("error", *command, env=env)
        assert (done.code, said(done)) == (0, f"{error[:12]} (Trouble 1) {told}\n")
        assert (await desk.read(error)).status == status
    group = await desk.read(error)
    assert [report.by for report in (group.report, *group.history)][:3] == ["cli:vera"] * 3
    assert group.history[1].reason == "harmless"
    as_json = await invoke("error", "ignore", error, "--json", env=env)
    assert json.loads(said(as_json))["status"] == "ignored"
    again = await invoke("error", "ignore", error, env=env)
    assert again.code == 1
    assert f"see how it stands: aiartist error show {error}" in again.stderr


async def test_a_fix_is_applied_after_a_yes_and_not_without(desk: ErrorDesk, env: dict[str, str]) -> None:
    error = await desk.group("fix_suggested", **FIX)
    no = await invoke("error", "apply", error, env=env, stdin="n\n")
    assert no.code == 1
    assert "+    return len(items)" in no.stdout
    assert f"Apply {COMMIT[:12]} to the code?" in no.stderr
    assert (await desk.read(error)).step.kind != db.ErrorStep.KIND_APPLY
    stale = await invoke("error", "apply", error, "--commit", "e" * 40, "--yes", env=env)
    assert stale.code == 1
    assert f"look at it again: aiartist error show {error}" in stale.stderr
    yes = await invoke("error", "apply", error, env=env, stdin="y\n")
    assert yes.code == 0
    assert "is about to be fixed" in yes.stdout
    assert (await desk.read(error)).step.kind == db.ErrorStep.KIND_APPLY


async def test_an_applied_fix_is_taken_out(desk: ErrorDesk, env: dict[str, str]) -> None:
    error = await desk.group("fix_applied", **FIX)
    assert (await invoke("error", "revert", error, env=env, stdin="\n")).code == 1
    done = await invoke("error", "revert", error, "--yes", "--reason", "too slow", env=env)
    assert (done.code, "is about to lose its fix" in done.stdout) == (0, True)
    group = await desk.read(error)
    assert (group.step.kind, group.report.reason) == (db.ErrorStep.KIND_REVERT, "too slow")


async def test_where_fixes_are_not_applied_it_says_what_to_set(store: str) -> None:
    setup = FixedSetup("suggest", "suggest", repository="/srv/label")
    async with error_desk(store, setup=setup) as desk:
        error = await desk.group("fix_suggested", **FIX)
        done = await invoke("error", "apply", error, "--yes", env=env_of(store, desk))
    assert done.code == 1
    assert "set AIARTIST_AUTO_FIX_MODE for error_analyzer" in done.stderr
    assert "aiartist error setup" in done.stderr


async def test_the_setup_tells_the_mode_what_it_lacks_and_the_limits(store: str) -> None:
    setup = FixedSetup("apply", "suggest", lacks="git is missing", isolation="rlimit")
    async with error_desk(store, setup=setup) as desk:
        done = await invoke("error", "setup", env=env_of(store, desk))
        document = await invoke("error", "setup", "--json", env=env_of(store, desk))
    for told in (
        "apply: a proven fix is brought into the code",
        "suggest: a fix is written and checked",
        "git is missing",
        "none: no source is seen",
        "rlimit",
        "at most 5 an hour, 2 for one error",
        "services/**/*.py",
        "KeyError",
    ):
        assert told in done.stdout, told
    assert json.loads(document.stdout)["effective_mode"] == "suggest"


async def test_changes_are_lines_as_they_come_until_ctrl_c(desk: ErrorDesk, env: dict[str, str]) -> None:
    before = await desk.group("analyzed", cause="because\x1b[31m")
    watching = await start_command("error", "watch", "--after", "0", "--json", env=env)
    assert watching.stdout is not None

    async def line() -> tuple[str, str]:
        told = json.loads(await asyncio.wait_for(watching.stdout.readline(), CALL_S))  # type: ignore[union-attr]
        return told["group"]["fingerprint"], told["group"]["status"]

    assert [await line(), await line()] == [(before, "new"), (before, "analyzed")]
    ignore = pb.IgnoreErrorRequest(request_id="press-1", fingerprint=before)
    await desk.stub.IgnoreError(ignore, timeout=CALL_S)
    assert await line() == (before, "ignored")
    watching.send_signal(signal.SIGINT)
    done = await end_of(watching)
    assert (done.code, done.stderr) == (130, "")


@pytest.mark.parametrize(
    "command", ["list", "show", "analyze", "ignore", "reopen", "apply", "revert", "watch", "setup"]
)
async def test_every_command_has_help_with_an_example(command: str) -> None:
    done = await invoke("error", command, "--help")
    assert done.code == 0
    assert f"Example: aiartist error {command}" in " ".join(done.stdout.split())
