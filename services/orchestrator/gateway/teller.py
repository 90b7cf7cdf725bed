"""Tells operators, through notifier, that a model failed: once a cool-down, not once a call."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import grpc

from aiartist.notifier.v1 import notifier_pb2 as pb
from aiartist.notifier.v1.notifier_pb2_grpc import NotifierServiceStub
from services.chassis.errors import remote_error
from services.chassis.ids import derived_id
from services.chassis.logs import get_logger
from services.chassis.outage import Outage
from services.orchestrator.domain import REFUSED, Attempt
from services.orchestrator.models.catalog import Model

CALL_TIMEOUT_S = 5.0
FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0
MOST_WAITING = 100
"""Notices kept at most while notifier is away."""
EXHAUSTED_EVERY_S = 60.0
BUDGET_EVERY_S = 3_600.0

_log = get_logger("teller")


@dataclass(frozen=True, slots=True)
class _Notice:
    key: str
    period: int
    severity: pb.Severity.ValueType
    title: str
    body: str
    run_id: str = ""
    artist_id: str = ""


class Teller:
    """Notices on their way to notifier. Never in the way of a call: they are sent by a task of their own."""

    def __init__(self, channel: grpc.aio.Channel, *, clock: Callable[[], float] = time.time) -> None:
        self._stub = NotifierServiceStub(channel)
        self._clock = clock
        self._quiet_until: dict[str, float] = {}
        self._waiting: asyncio.Queue[_Notice] = asyncio.Queue(MOST_WAITING)

    def failed(self, role: str, model: Model, attempt: Attempt) -> None:
        """A model gave no usable answer, and the next of the list is asked."""
        wait_s = model.bench_s if attempt.outcome in REFUSED else model.cooldown_s
        must_act = attempt.outcome in REFUSED
        self._tell(
            f"model {model.name}{' benched' if must_act else ''}",
            wait_s,
            pb.SEVERITY_ERROR if must_act else pb.SEVERITY_WARNING,
            f"Model {model.name} failed: {attempt.outcome}",
            f"The role {role} goes on with the next model of its list.\n{attempt.detail}"
            + (f"\nCheck {model.api_key_env or 'its settings'}." if must_act else ""),
        )

    def exhausted(self, role: str, attempts: Sequence[Attempt]) -> None:
        """No model of a role's list gave a usable answer."""
        told = "\n".join(f"{attempt.model}: {attempt.outcome} {attempt.detail}" for attempt in attempts)
        self._tell(
            f"role {role}",
            EXHAUSTED_EVERY_S,
            pb.SEVERITY_ERROR,
            f"No model answers for the role {role}",
            told or "None is available: see aiartist llm status.",
        )

    def budget_spent(self, message: str, metadata: Mapping[str, str]) -> None:
        """A call did not fit a budget."""
        scope, subject = metadata.get("scope", ""), metadata.get("subject", "")
        self._tell(
            f"budget {scope} {subject}",
            BUDGET_EVERY_S,
            pb.SEVERITY_ERROR,
            f"The budget is spent: {scope} {subject}".rstrip(),
            message,
            run_id=subject if scope == "run" else "",
            artist_id=subject if scope == "artist" else "",
        )

    async def run(self) -> None:
        """Sends what waits, until cancelled; keeps it while notifier is away."""
        away = Outage(_log, "notifier")
        while True:
            notice = await self._waiting.get()
            backoff_s = FIRST_BACKOFF_S
            while not await self._sent(notice, away):
                await asyncio.sleep(backoff_s)
                backoff_s = min(LONGEST_BACKOFF_S, 2 * backoff_s)

    def _tell(
        self,
        key: str,
        quiet_s: float,
        severity: pb.Severity.ValueType,
        title: str,
        body: str,
        *,
        run_id: str = "",
        artist_id: str = "",
    ) -> None:
        now = self._clock()
        if now < self._quiet_until.get(key, 0.0):
            return
        self._quiet_until[key] = now + quiet_s
        # The same for all replicas, so that notifier says once what each of them sees.
        period = int(now // quiet_s)
        notice = _Notice(key, period, severity, title[:200], body[:4_000], run_id, artist_id)
        try:
            self._waiting.put_nowait(notice)
        except asyncio.QueueFull:
            _log.warning("a notice was dropped: too many wait for notifier", notice=title)

    async def _sent(self, notice: _Notice, away: Outage) -> bool:
        """False where it must be sent again."""
        request = pb.NotifyRequest(
            request_id=derived_id("tell", f"{notice.key}/{notice.period}"),
            severity=notice.severity,
            title=notice.title,
            body=notice.body,
            run_id=notice.run_id,
            artist_id=notice.artist_id,
        )
        try:
            await self._stub.Notify(request, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            remote = remote_error(error)
            if remote.retryable:
                away.noticed(error)
                return False
            if remote.remote_reason != "ERROR_REASON_REQUEST_ID_REUSED":
                _log.error("notifier refuses a notice", notice=notice.title, detail=remote.message)
        away.over()
        return True
