"""Model calls as artist_db keeps them: looked up before a call, recorded before its answer is used."""

import asyncio
from dataclasses import dataclass

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.chassis.clients import deadline_s
from services.chassis.errors import DependencyUnavailable, RemoteError, remote_error
from services.chassis.ids import derived_id
from services.chassis.logs import get_logger
from services.orchestrator.domain import Answer, Ask, Attempt, Usage

CALL_TIMEOUT_S = 5.0
RECORD_TRIES = 6
FIRST_BACKOFF_S = 0.1

_log = get_logger("ledger")


@dataclass(frozen=True, slots=True)
class Known:
    """What is recorded under a call's id."""

    answer: Answer | None
    digest: str
    """Of the question that `answer` belongs to."""
    attempts: int
    """The number of the last attempt recorded; 0: none."""


class Ledger:
    """Reads and writes model calls in artist_db."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ArtistDbServiceStub(channel)
        self._writing: set[asyncio.Task[None]] = set()

    async def known(self, call_id: str) -> Known:
        """What is recorded under this id; DependencyUnavailable where artist_db does not answer."""
        try:
            found = await self._stub.GetModelAnswer(
                pb.GetModelAnswerRequest(call_id=call_id), timeout=deadline_s(CALL_TIMEOUT_S)
            )
        except grpc.aio.AioRpcError as error:
            remote = remote_error(error)
            if remote.remote_code is grpc.StatusCode.NOT_FOUND and remote.from_platform:
                return Known(None, "", int(remote.metadata.get("attempts", "0")))
            raise _unavailable(remote) from error
        call = found.call
        usage = Usage(call.prompt_tokens, call.completion_tokens, call.cost_micro_usd)
        attempt = Attempt(call.model, "ok", call.latency_ms, usage=usage)
        answer = Answer(call.answer, call.model, usage, (attempt,), call.prompt_hash, replayed=True)
        return Known(answer, call.request_digest, call.attempt)

    async def record(self, ask: Ask, number: int, attempt: Attempt, answer: str = "") -> None:
        """Keeps one attempt. Goes on to its end also where the caller goes away.

        Repeats while artist_db is away for a short time; DependencyUnavailable after that.
        """
        call = pb.ModelCall(
            call_id=call_id(ask.request_id),
            attempt=number,
            role=ask.role,
            model=attempt.model,
            artist_id=ask.artist_id,
            run_id=ask.run_id,
            outcome=attempt.outcome,
            prompt_tokens=attempt.usage.prompt_tokens,
            completion_tokens=attempt.usage.completion_tokens,
            cost_micro_usd=attempt.usage.cost_micro_usd,
            latency_ms=attempt.latency_ms,
            prompt_hash=ask.prompt_hash,
            request_digest=ask.digest,
            answer=answer,
            detail=attempt.detail,
        )
        task = asyncio.create_task(self._write(call), name=f"record {call.call_id}")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        await asyncio.shield(task)

    async def close(self) -> None:
        """Waits for what is being written."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    async def _write(self, call: pb.ModelCall) -> None:
        for attempt in range(1, RECORD_TRIES + 1):
            try:
                await self._stub.RecordModelCall(pb.RecordModelCallRequest(call=call), timeout=CALL_TIMEOUT_S)
            except grpc.aio.AioRpcError as error:
                remote = remote_error(error)
                if not remote.retryable or attempt == RECORD_TRIES:
                    _log.error(
                        "a model call could not be recorded", call_id=call.call_id, detail=remote.message
                    )
                    raise _unavailable(remote) from error
                await asyncio.sleep(FIRST_BACKOFF_S * 2 ** (attempt - 1))
            else:
                return


def call_id(request_id: str) -> str:
    """The id under which the calls of a question are recorded."""
    return derived_id("mdl", request_id)


def _unavailable(remote: RemoteError) -> Exception:
    if remote.from_platform:
        return remote
    return DependencyUnavailable("artist_db")
