"""Pictures: the same lists, breakers, budgets and records."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from services.chassis.errors import remote_error
from tests.support.fake_upstream import Hang, Picture, Raw, Reset, Status

Start = Callable[..., Any]
MODELS = """
[models.first]
litellm_model = "openai/first"
kind = "image"
api_base = "{url}"
direct = {direct}
timeout_s = {timeout_s}
usd_per_image = 0.04
sizes = ["1024x1024", "1536x1024", "1024x1536"]
[models.second]
litellm_model = "openai/second"
kind = "image"
api_base = "{url}"
usd_per_image = 0.08
[models.words]
litellm_model = "openai/words"
api_base = "{url}"
plan = "large"
[roles.illustrator]
models = ["first", "second"]
[roles.songwriter]
models = ["words"]
"""
BOTH = pytest.mark.parametrize("direct", [True, False], ids=["direct", "litellm"])


async def draw(orchestrator: Any, request_id: str = "i-1", **more: Any) -> pb.GenerateImageResponse:
    fields = {"role": "illustrator", "prompt": "a harbour at night", **more}
    request = pb.GenerateImageRequest(request_id=request_id, **fields)
    return await orchestrator.stub.GenerateImage(request, timeout=30)


@BOTH
async def test_a_picture_is_drawn_recorded_and_paid_once(start: Start, direct: bool) -> None:
    orchestrator = await start(MODELS, direct=direct)
    first = await draw(orchestrator, artist_id="art_1")
    assert first.image.startswith(b"\x89PNG")
    assert (first.media_type, first.model, first.cost_micro_usd) == ("image/png", "openai/first", 40_000)
    again = await draw(orchestrator, artist_id="art_1")
    assert again.replayed
    assert (again.image, again.media_type) == (first.image, first.media_type)
    assert len(orchestrator.upstream.asked) == 1
    (hold,) = orchestrator.artist_db.holds.values()
    assert (hold.amount_micro_usd, hold.artist_id) == (40_000, "art_1")


@BOTH
@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (Status(500), "server_error"),
        (Status(429), "rate_limited"),
        (Status(401), "bad_key"),
        (Status(400, "content management policy", "content_policy_violation"), "content_filter"),
        (Reset(), "unreachable"),
        (Picture(b"<html>not a picture</html>"), "bad_image"),
        (Picture(url="http://127.0.0.1:9/cat.png"), "bad_image"),
    ],
    ids=["500", "429", "401", "filter", "reset", "web page", "address only"],
)
async def test_the_next_model_draws_when_the_first_one_fails(
    start: Start, behaviour: Any, outcome: str, direct: bool
) -> None:
    orchestrator = await start(MODELS, direct=direct)
    orchestrator.upstream.next("first", behaviour)
    drawn = await draw(orchestrator)
    assert [(a.model, a.outcome) for a in drawn.attempts] == [
        ("openai/first", outcome),
        ("openai/second", "ok"),
    ]
    assert drawn.cost_micro_usd == 80_000
    assert orchestrator.artist_db.held_micro_usd == 0


async def test_garbage_is_no_picture(start: Start) -> None:
    orchestrator = await start(MODELS)
    orchestrator.upstream.next("first", Raw("{}"))
    orchestrator.upstream.next("second", Raw("<html>"))
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await draw(orchestrator)
    assert remote_error(failed.value).metadata["attempts"] == (
        "openai/first: server_error; openai/second: server_error"
    )


async def test_a_model_that_hangs_is_given_up(start: Start) -> None:
    orchestrator = await start(MODELS, timeout_s=0.2)
    hang = Hang()
    orchestrator.upstream.next("first", hang)
    drawn = await draw(orchestrator)
    assert [attempt.outcome for attempt in drawn.attempts] == ["timeout", "ok"]
    await hang.gone.wait()


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(3000, 3000, "1024x1024"), (1920, 1080, "1536x1024"), (1080, 1920, "1024x1536"), (0, 0, "1024x1024")],
)
async def test_the_nearest_size_that_the_model_draws_is_asked_for(
    start: Start, width: int, height: int, size: str
) -> None:
    orchestrator = await start(MODELS)
    await draw(orchestrator, width=width, height=height)
    assert orchestrator.upstream.asked[0].body["size"] == size


async def test_no_secret_gets_into_a_picture_s_prompt(start: Start) -> None:
    orchestrator = await start(MODELS)
    await draw(orchestrator, prompt="a cat with the key sk-abcdefghijklmnopqrst")
    assert "sk-abc" not in str(orchestrator.upstream.asked[0].body)


async def test_over_budget_nothing_is_drawn(start: Start) -> None:
    orchestrator = await start(MODELS)
    orchestrator.artist_db.limit_micro_usd = 39_999
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await draw(orchestrator)
    assert remote_error(failed.value).remote_reason == "ERROR_REASON_BUDGET_SPENT"
    assert orchestrator.upstream.asked == []


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"prompt": " "}, "prompt"),
        ({"prompt": "x" * 4_001}, "prompt"),
        ({"width": 12}, "width"),
        ({"height": 5_000}, "height"),
        ({"role": "songwriter"}, "role"),
        ({"role": ""}, "role"),
        ({"request_id": ""}, "request_id"),
    ],
)
async def test_a_wrong_order_names_the_field(start: Start, more: dict[str, Any], field: str) -> None:
    orchestrator = await start(MODELS)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await draw(orchestrator, **more)
    assert field in [violation.field for violation in remote_error(failed.value).violations]


async def test_a_role_that_draws_writes_nothing(start: Start) -> None:
    orchestrator = await start(MODELS)
    request = pb.GenerateRequest(request_id="r", role="illustrator")
    request.messages.add(role="user", content="hello")
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await orchestrator.stub.Generate(request, timeout=30)
    assert "must be one of songwriter" in (failed.value.details() or "")
