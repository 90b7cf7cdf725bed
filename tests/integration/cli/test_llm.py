"""`aiartist llm ...` against a server that keeps the contract."""

import asyncio
import json
import os
import signal
import sys
import time

import pytest

from aiartist.orchestrator.v1 import orchestrator_pb2 as orch
from aiartist.orchestrator.v1.orchestrator_pb2 import GenerateStreamResponse as Told
from services.chassis.errors import FieldViolation, InvalidInput
from services.chassis.ids import derived_id
from tests.support.command import SECONDS, end_of, environment, invoke, run_command, start_command
from tests.support.fake_llm import BudgetSpent, ModelsExhausted
from tests.support.fake_services import FakePlatform

RESTART = Told(restart=orch.Restart(model="openai/one", outcome="cut_off"))


def question(platform: FakePlatform) -> orch.GenerateRequest:
    """The one question that was asked."""
    (request,) = platform.orchestrator.requests
    return request.question


def two_models(platform: FakePlatform) -> None:
    limited = platform.orchestrator.add("hosted")
    limited.breaker.state = orch.Breaker.STATE_OPEN
    limited.breaker.outcome = "rate_limited"
    limited.breaker.detail = "429: slow down"
    limited.breaker.retry_at.seconds = int(time.time()) + 3_000
    platform.orchestrator.add("local")
    platform.orchestrator.models.roles.add(name="songwriter", models=["hosted", "local"])


async def test_status_shows_models_what_failed_and_roles(platform: FakePlatform):
    two_models(platform)
    done = await invoke("llm", "status", env=platform.environment)
    assert (done.code, done.stderr) == (0, "")
    hosted, local = (line for line in done.stdout.splitlines() if " chat " in line)
    assert hosted.startswith("hosted ")
    assert "open: rate_limited" in hosted
    assert "ready" in local
    assert "hosted: 429: slow down" in done.stdout.splitlines()
    role = done.stdout.splitlines()[-1]
    assert role.split(maxsplit=2) == ["songwriter", "local", "hosted (open), local"]
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


async def test_status_for_scripts_is_the_response_as_json(platform: FakePlatform):
    two_models(platform)
    done = await invoke("llm", "status", "--json", env=platform.environment)
    document = json.loads(done.stdout)
    assert document["models"][0]["breaker"]["state"] == "STATE_OPEN"
    assert document["models"][1]["available"] is True
    assert document["roles"] == [{"name": "songwriter", "models": ["hosted", "local"]}]


async def test_status_without_models_says_so(platform: FakePlatform):
    done = await invoke("llm", "status", env=platform.environment)
    assert (done.code, done.stdout) == (0, "no models are configured\n")


async def test_status_of_an_orchestrator_that_is_down_is_exit_3(platform: FakePlatform):
    await platform.stop()
    done = await invoke("llm", "status", env=platform.environment)
    assert done.code == 3
    assert done.stderr.startswith(f"aiartist: cannot reach orchestrator at {platform.address}: ")


async def test_the_help_says_that_one_replica_is_shown():
    done = await invoke("llm", "status", "--help")
    assert "of several, this shows the one that was reached" in " ".join(done.stdout.split())


@pytest.mark.parametrize("stream", ["--stream", "--no-stream"])
async def test_an_answer_is_on_standard_output_and_what_it_took_on_standard_error(
    platform: FakePlatform, stream: str
):
    platform.orchestrator.says(
        "rain, ",
        "train",
        attempts=[
            orch.Attempt(model="openai/one", outcome="timeout", latency_ms=2_000),
            orch.Attempt(model="openai/two", outcome="ok", latency_ms=500, cost_micro_usd=1_500),
        ],
        prompt_tokens=1_200,
        completion_tokens=3,
        cost_micro_usd=1_500,
    )
    done = await invoke("llm", "ask", "songwriter", "two", "words", stream, env=platform.environment)
    assert (done.code, done.stdout) == (0, "rain, train\n")
    assert done.stderr.splitlines() == [
        "openai/one: timeout after 2.0 s",
        "openai/two: ok after 0.5 s, $0.0015",
        "cost $0.0015, 1,200 tokens in, 3 out",
    ]


async def test_a_question_goes_out_as_it_was_typed(platform: FakePlatform):
    platform.orchestrator.says("yes")
    artist = platform.artist_db.add("Nova Vale")
    run = platform.scheduler.add("one")
    done = await invoke(
        *("llm", "ask", "songwriter", "Is", "it raining?", "--max-tokens", "50"),
        *("--artist", "Nova Vale", "--run", run.id[:12]),
        env=platform.environment,
    )
    asked = question(platform)
    assert done.code == 0
    assert asked.request_id
    assert asked.role == "songwriter"
    assert [(m.role, m.content) for m in asked.messages] == [("user", "Is it raining?")]
    assert (asked.max_tokens, asked.artist_id, asked.run_id) == (50, artist.id, run.id)


async def test_text_is_printed_as_it_comes(platform: FakePlatform):
    platform.orchestrator.script = [Told(text="first line\n")]
    platform.orchestrator.stays_open = True
    process = await start_command("llm", "ask", "songwriter", "hi", "--stream", env=platform.environment)
    assert process.stdout is not None
    # Out while the stream is still open.
    assert await process.stdout.readline() == b"first line\n"
    await platform.orchestrator.silent.wait()
    await platform.stop()
    done = await end_of(process)
    assert done.code == 3


async def test_away_from_a_terminal_only_the_whole_answer_is_printed(platform: FakePlatform):
    platform.orchestrator.script = [Told(text="half of"), RESTART]
    platform.orchestrator.says("an answer\n")
    done = await run_command("llm", "ask", "songwriter", "hi", env=platform.environment)
    assert done.stdout == "an answer\n"


async def test_on_a_terminal_text_is_printed_as_it_comes_unless_told_otherwise(platform: FakePlatform):
    platform.orchestrator.script = [Told(text="half of"), RESTART]
    platform.orchestrator.says("an answer")
    ours, theirs = os.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "llm", "ask", "songwriter", "hi"),
            env=environment(**platform.environment),
            stdout=theirs,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, stderr = await asyncio.wait_for(process.communicate(), SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, stderr
        assert os.read(ours, 1_000) == b"half of\r\nan answer\r\n"
    finally:
        os.close(ours)
        os.close(theirs)


async def test_where_a_model_breaks_off_the_next_begins_anew_on_a_line_of_its_own(platform: FakePlatform):
    platform.orchestrator.script = [Told(text="half of"), RESTART]
    platform.orchestrator.says("an answer")
    done = await invoke("llm", "ask", "songwriter", "hi", "--stream", env=platform.environment)
    assert done.stdout == "half of\nan answer\n"
    assert done.stderr.splitlines()[0] == "openai/one failed: cut_off; the next model begins anew"


async def test_an_answer_that_was_not_streamed_is_printed_whole(platform: FakePlatform):
    platform.orchestrator.says(text="recorded", replayed=True, cost_micro_usd=42)
    done = await invoke("llm", "ask", "songwriter", "hi", "--stream", env=platform.environment)
    assert done.stdout == "recorded\n"
    assert done.stderr.startswith("recorded before, nothing was called; it cost $0.000042, ")


async def test_for_scripts_there_is_the_final_answer_only(platform: FakePlatform):
    platform.orchestrator.script = [Told(text="half of"), RESTART]
    platform.orchestrator.says("an answer", attempts=[orch.Attempt(model="openai/two", outcome="ok")])
    done = await invoke("llm", "ask", "songwriter", "hi", "--stream", "--json", env=platform.environment)
    document = json.loads(done.stdout)
    assert document["text"] == "an answer"
    assert document["attempts"][0]["outcome"] == "ok"
    assert done.stderr == ""


async def test_an_answer_commands_no_terminal(platform: FakePlatform):
    platform.orchestrator.says("a\x1b[2Jb\n\tc")
    done = await invoke("llm", "ask", "songwriter", "hi", "--stream", env=platform.environment)
    assert done.stdout == "a\ufffd[2Jb\n\tc\n"


@pytest.mark.parametrize("output", ["--stream", "--no-stream", "--json"])
async def test_ctrl_c_stops_the_call_at_the_orchestrator(platform: FakePlatform, output: str):
    platform.orchestrator.script = [Told(text="half of")]
    platform.orchestrator.stays_open = True
    process = await start_command("llm", "ask", "songwriter", "hi", output, env=platform.environment)
    assert process.stdout is not None
    await platform.orchestrator.silent.wait()
    printed = await process.stdout.readexactly(7) if output == "--stream" else b""
    process.send_signal(signal.SIGINT)
    done = await end_of(process)
    assert done.code == 130
    assert done.stderr == "aiartist: stopped asking\n"
    assert printed + done.stdout.encode() == (b"half of\n" if output == "--stream" else b"")
    await asyncio.wait_for(platform.orchestrator.stopped.wait(), 10)


async def test_exhausted_models_name_the_command_that_shows_them(platform: FakePlatform):
    platform.orchestrator.script = [ModelsExhausted("no model of the role 'songwriter' gave an answer")]
    done = await invoke("llm", "ask", "songwriter", "hi", env=platform.environment)
    assert (done.code, done.stderr.splitlines()) == (
        1,
        [
            "aiartist: no model of the role 'songwriter' gave an answer",
            "  see which models can be called: aiartist llm status",
        ],
    )


async def test_a_spent_budget_names_the_command_that_raises_it(platform: FakePlatform):
    artist_id = derived_id("art", "Nova Vale")
    platform.orchestrator.script = [
        Told(text="half of"),
        BudgetSpent("the budget is spent", metadata={"scope": "artist", "subject": artist_id}),
    ]
    done = await invoke("llm", "ask", "songwriter", "hi", "--stream", env=platform.environment)
    assert (done.code, done.stdout) == (1, "half of\n")
    assert done.stderr.splitlines() == [
        "aiartist: the budget is spent",
        f"  raise it: aiartist budget set artist USD --artist {artist_id}",
    ]


async def test_what_the_orchestrator_refuses_is_bad_input(platform: FakePlatform):
    platform.orchestrator.script = [InvalidInput([FieldViolation("question.role", "is not configured")])]
    done = await invoke("llm", "ask", "nobody", "hi", env=platform.environment)
    assert (done.code, done.stderr) == (2, "aiartist: question.role: is not configured\n")


async def test_a_stream_that_ends_without_an_answer_is_a_failure(platform: FakePlatform):
    platform.orchestrator.script = [Told(text="half of")]
    done = await invoke("llm", "ask", "songwriter", "hi", env=platform.environment)
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.startswith("aiartist: the orchestrator ended without an answer\n")


async def test_an_answer_counts_where_the_stream_breaks_after_it(platform: FakePlatform):
    platform.orchestrator.says("an answer")
    platform.orchestrator.script.append(ModelsExhausted("too late"))
    done = await invoke("llm", "ask", "songwriter", "hi", env=platform.environment)
    assert (done.code, done.stdout) == (0, "an answer\n")


@pytest.mark.parametrize("tokens", ["0", "32769", "many"])
async def test_a_wrong_number_of_tokens_is_refused_before_anybody_is_asked(
    platform: FakePlatform, tokens: str
):
    done = await invoke("llm", "ask", "songwriter", "hi", "--max-tokens", tokens, env=platform.environment)
    assert done.code == 2
    assert "--max-tokens" in done.stderr
    assert not platform.orchestrator.requests
