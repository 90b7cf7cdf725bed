"""Watching errors across connections that break and a service that stays away."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import pytest

from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from cli import error_watch
from cli.error_watch import changes


class Call:
    """One stream: what it tells, then how it ends; None: in order."""

    def __init__(self, told: Sequence[pb.WatchErrorsResponse], end: grpc.StatusCode | None) -> None:
        self._told = told
        self._end = end

    async def __aiter__(self) -> AsyncIterator[pb.WatchErrorsResponse]:
        for message in self._told:
            yield message
        if self._end is not None:
            raise grpc.aio.AioRpcError(self._end, grpc.aio.Metadata(), grpc.aio.Metadata(), "cut")

    def cancel(self) -> None:
        """Nothing to end."""


class Stub:
    """error_analyzer, whose streams come as the test lists them; the last one again and again."""

    def __init__(self, *calls: Call) -> None:
        self._calls = list(calls)
        self.begun: list[int | None] = []

    def WatchErrors(self, request: pb.WatchErrorsRequest, timeout: float) -> Call:
        self.begun.append(request.after_sequence if request.HasField("after_sequence") else None)
        return self._calls.pop(0) if len(self._calls) > 1 else self._calls[0]


def heartbeat(sequence: int) -> pb.WatchErrorsResponse:
    return pb.WatchErrorsResponse(sequence=sequence)


def change(sequence: int) -> pb.WatchErrorsResponse:
    return pb.WatchErrorsResponse(sequence=sequence, group={"fingerprint": f"{sequence:032x}"})


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(error_watch, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(error_watch, "_LONGEST_PAUSE_S", 0.001)


async def test_a_watch_that_breaks_goes_on_after_the_last_sequence_that_it_heard_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stub: Any = Stub(
        Call([heartbeat(3), change(4)], grpc.StatusCode.UNAVAILABLE),
        Call([heartbeat(9)], None),
        Call([heartbeat(9), change(10)], None),
    )
    told = changes(stub, pb.WatchErrorsRequest())
    assert [(await anext(told)).sequence for _ in range(2)] == [4, 10]
    await told.aclose()
    assert stub.begun == [None, 4, 9]
    assert capsys.readouterr().err == "connection lost; trying again\nconnected again\n"


async def test_who_was_never_heard_of_is_not_waited_for() -> None:
    stub: Any = Stub(Call([], grpc.StatusCode.UNAVAILABLE))
    with pytest.raises(grpc.aio.AioRpcError):
        await anext(changes(stub, pb.WatchErrorsRequest()))
    assert len(stub.begun) == 1


async def test_what_another_try_would_not_help_ends_the_watch() -> None:
    stub: Any = Stub(Call([heartbeat(1)], grpc.StatusCode.PERMISSION_DENIED))
    with pytest.raises(grpc.aio.AioRpcError):
        await anext(changes(stub, pb.WatchErrorsRequest()))
    assert len(stub.begun) == 1


async def test_who_stays_away_for_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(error_watch, "PATIENCE_S", 0.05)
    stub: Any = Stub(Call([heartbeat(1)], None), Call([], grpc.StatusCode.UNAVAILABLE))
    with pytest.raises(grpc.aio.AioRpcError):
        await anext(changes(stub, pb.WatchErrorsRequest()))
    assert stub.begun[1:] == [1] * (len(stub.begun) - 1)
