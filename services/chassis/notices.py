"""Notices on their way to notifier: bounded, kept while it is away, never in anybody's way."""

import asyncio
import re

import grpc

from aiartist.notifier.v1 import notifier_pb2, notifier_pb2_grpc
from services.chassis.errors import remote_error
from services.chassis.logs import get_logger
from services.chassis.outage import Outage

CALL_TIMEOUT_S = 5.0
FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0
MOST_WAITING = 100
"""Notices kept at most while notifier is away; later ones are dropped and logged."""
MAX_TITLE = 200
MAX_BODY = 4_000

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_log = get_logger("notices")


def tidied(notice: notifier_pb2.NotifyRequest) -> notifier_pb2.NotifyRequest:
    """The same notice, cut to what notifier takes: the title in one line, nothing that no chat could show.

    What is told often comes from elsewhere: a model's answer, an error's text, a reason that was typed.
    """
    title = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", " ".join(notice.title.split()))
    notice.title = title[:MAX_TITLE] or "(no title)"
    notice.body = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", notice.body[:MAX_BODY])
    return notice


class Notices:
    """A bounded queue and the task that empties it, in order.

    Notifier takes the same `request_id` once: derived from what a notice is about, it makes replicas and
    restarts say it once. Another text under it is no error: somebody else was faster.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = notifier_pb2_grpc.NotifierServiceStub(channel)
        self._waiting: asyncio.Queue[notifier_pb2.NotifyRequest] = asyncio.Queue(MOST_WAITING)

    def tell(self, notice: notifier_pb2.NotifyRequest) -> bool:
        """Takes a notice over, as `tidied` leaves it; False where too many wait. Never waits."""
        try:
            self._waiting.put_nowait(tidied(notice))
        except asyncio.QueueFull:
            _log.warning("a notice was dropped: too many wait for notifier", notice=notice.title)
            return False
        return True

    async def run(self) -> None:
        """Sends what waits, until cancelled; keeps it while notifier is away."""
        away = Outage(_log, "notifier")
        while True:
            notice = await self._waiting.get()
            backoff_s = FIRST_BACKOFF_S
            while not await self._sent(notice, away):
                await asyncio.sleep(backoff_s)
                backoff_s = min(LONGEST_BACKOFF_S, 2 * backoff_s)

    async def _sent(self, notice: notifier_pb2.NotifyRequest, away: Outage) -> bool:
        """False where it must be sent again."""
        try:
            await self._stub.Notify(notice, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            remote = remote_error(error)
            if remote.retryable:
                away.noticed(error)
                return False
            if remote.remote_reason != "ERROR_REASON_REQUEST_ID_REUSED":
                _log.error("notifier refuses a notice", notice=notice.title, detail=remote.message)
        away.over()
        return True
