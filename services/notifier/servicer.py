"""NotifierService: proto <-> domain."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from aiartist.notifier.v1 import notifier_pb2, notifier_pb2_grpc
from services.chassis.database import Connection, Database
from services.chassis.errors import NotFound
from services.chassis.idempotency import once
from services.chassis.paging import page_request
from services.notifier import metrics, questions
from services.notifier.domain import Draft, Kind, Message, Severity, Topic, question
from services.notifier.store import approvals, deliveries, messages
from services.notifier.store.approvals import Verdict
from services.notifier.validation import check_approval, check_close, check_notice, check_resend

_SEVERITY_OF = {
    notifier_pb2.SEVERITY_UNSPECIFIED: Severity.INFO,
    notifier_pb2.SEVERITY_INFO: Severity.INFO,
    notifier_pb2.SEVERITY_WARNING: Severity.WARNING,
    notifier_pb2.SEVERITY_ERROR: Severity.ERROR,
}
_SEVERITY_TO = {
    Severity.INFO: notifier_pb2.SEVERITY_INFO,
    Severity.WARNING: notifier_pb2.SEVERITY_WARNING,
    Severity.ERROR: notifier_pb2.SEVERITY_ERROR,
}
_KIND_TO = {
    Kind.APPROVAL: notifier_pb2.Message.KIND_APPROVAL,
    Kind.NOTICE: notifier_pb2.Message.KIND_NOTICE,
    Kind.REMINDER: notifier_pb2.Message.KIND_REMINDER,
}
_TOPIC_OF = {
    notifier_pb2.TOPIC_UNSPECIFIED: Topic.OTHER,
    notifier_pb2.TOPIC_RELEASED: Topic.RELEASED,
    notifier_pb2.TOPIC_FAILED: Topic.FAILED,
    notifier_pb2.TOPIC_ENDED: Topic.ENDED,
    notifier_pb2.TOPIC_FALLBACK: Topic.FALLBACK,
    notifier_pb2.TOPIC_BUDGET: Topic.BUDGET,
    notifier_pb2.TOPIC_ERROR: Topic.ERROR,
    notifier_pb2.TOPIC_PERSONA: Topic.PERSONA,
    notifier_pb2.TOPIC_LIFE: Topic.LIFE,
    notifier_pb2.TOPIC_CANDIDATE: Topic.CANDIDATE,
    notifier_pb2.TOPIC_EXPERIMENT: Topic.EXPERIMENT,
}
_TOPIC_TO = {topic: value for value, topic in _TOPIC_OF.items()}
_STATE_TO = {
    "waiting": notifier_pb2.Delivery.STATE_WAITING,
    "written": notifier_pb2.Delivery.STATE_WAITING,
    "sent": notifier_pb2.Delivery.STATE_SENT,
    "in_digest": notifier_pb2.Delivery.STATE_IN_DIGEST,
    "dropped": notifier_pb2.Delivery.STATE_DROPPED,
    "failed": notifier_pb2.Delivery.STATE_FAILED,
}


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom questions go to and how: the chats (none: the console), the time zone, the first reminder."""

    recipients: tuple[int, ...]
    where: ZoneInfo
    remind_after_s: int


class NotifierServicer(notifier_pb2_grpc.NotifierServiceServicer):
    """Stores what is to be said; saying it is the channel's."""

    def __init__(self, db: Database, asking: Asking) -> None:
        self._db = db
        self._asking = asking

    async def RequestApproval(
        self, request: notifier_pb2.RequestApprovalRequest, context: Any
    ) -> notifier_pb2.RequestApprovalResponse:
        check_approval(request)
        async with self._db.transaction() as connection:

            async def ask() -> notifier_pb2.RequestApprovalResponse:
                message_id = await self._store(connection, question(request))
                await questions.ask(
                    connection,
                    message_id,
                    request,
                    remind_after_s=self._asking.remind_after_s,
                    where=self._asking.where,
                )
                return notifier_pb2.RequestApprovalResponse(message_id=message_id)

            return await once(connection, request, notifier_pb2.RequestApprovalResponse, ask)

    async def CloseApproval(
        self, request: notifier_pb2.CloseApprovalRequest, context: Any
    ) -> notifier_pb2.CloseApprovalResponse:
        check_close(request)
        ended = (
            questions.verdict_of(request.decision)
            if request.HasField("decision")
            else Verdict("", "", None, request.reason)
        )
        async with self._db.transaction() as connection:

            async def close() -> notifier_pb2.CloseApprovalResponse:
                closed = await questions.end(
                    connection, request.run_id, request.content_digest, ended, self._asking.where
                )
                return notifier_pb2.CloseApprovalResponse(closed=closed)

            return await once(connection, request, notifier_pb2.CloseApprovalResponse, close)

    async def ResendApproval(
        self, request: notifier_pb2.ResendApprovalRequest, context: Any
    ) -> notifier_pb2.ResendApprovalResponse:
        check_resend(request)
        async with self._db.transaction() as connection:

            async def resend() -> notifier_pb2.ResendApprovalResponse:
                await approvals.adopt(connection, request.run_id)
                open_ones = await approvals.undecided_of_run(connection, request.run_id)
                if not open_ones:
                    raise NotFound("open question of run", request.run_id)
                message_id = open_ones[-1].message_id
                if self._asking.recipients:
                    await deliveries.address_again(connection, message_id, self._asking.recipients)
                else:
                    await messages.say_again(connection, message_id)
                return notifier_pb2.ResendApprovalResponse(message_id=message_id)

            return await once(connection, request, notifier_pb2.ResendApprovalResponse, resend)

    async def Notify(self, request: notifier_pb2.NotifyRequest, context: Any) -> notifier_pb2.NotifyResponse:
        check_notice(request)
        draft = Draft(
            Kind.NOTICE,
            _SEVERITY_OF[request.severity],
            request.title,
            request.body,
            request.run_id,
            request.artist_id,
            topic=_TOPIC_OF[request.topic],
            error_fingerprint=request.error_fingerprint,
            subject_id=request.subject_id,
        )
        async with self._db.transaction() as connection:

            async def tell() -> notifier_pb2.NotifyResponse:
                return notifier_pb2.NotifyResponse(message_id=await self._store(connection, draft))

            return await once(connection, request, notifier_pb2.NotifyResponse, tell)

    async def ListMessages(
        self, request: notifier_pb2.ListMessagesRequest, context: Any
    ) -> notifier_pb2.ListMessagesResponse:
        page = page_request(request, filters=(request.run_id,), keys=1)
        async with self._db.acquire() as connection:
            found, token = await messages.list_messages(connection, page, run_id=request.run_id)
            rows = await deliveries.of_messages(connection, [message.id for message in found])
        return notifier_pb2.ListMessagesResponse(
            messages=[message_to_proto(message, rows) for message in found], next_page_token=token
        )

    async def _store(self, connection: Connection, draft: Draft) -> str:
        message_id = await messages.insert(connection, draft)
        if self._asking.recipients:
            await deliveries.address(connection, message_id, self._asking.recipients)
        metrics.STORED.labels(draft.kind.value).inc()
        return message_id


def message_to_proto(message: Message, rows: Sequence[Any] = ()) -> notifier_pb2.Message:
    """The message as clients see it; of the deliveries in `rows` those that are its own."""
    draft = message.draft
    proto = notifier_pb2.Message(
        id=message.id,
        kind=_KIND_TO[draft.kind],
        severity=_SEVERITY_TO[draft.severity],
        title=draft.title,
        body=draft.body,
        run_id=draft.run_id,
        artist_id=draft.artist_id,
        topic=_TOPIC_TO[draft.topic],
        deliveries=[
            notifier_pb2.Delivery(
                chat=str(row["chat_id"]),
                state=_STATE_TO[row["state"]],
                attempts=row["attempts"],
                error=row["last_error"],
            )
            for row in rows
            if row["message_id"] == message.id
        ],
    )
    proto.created_at.FromDatetime(message.created_at)
    if message.delivered_at is not None:
        proto.delivered_at.FromDatetime(message.delivered_at)
    return proto
