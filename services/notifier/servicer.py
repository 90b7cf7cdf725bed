"""NotifierService: proto <-> domain."""

from typing import Any

from aiartist.notifier.v1 import notifier_pb2, notifier_pb2_grpc
from services.chassis.database import Database
from services.chassis.idempotency import once
from services.chassis.paging import page_request
from services.notifier import metrics, store
from services.notifier.domain import Draft, Kind, Message, Severity, question
from services.notifier.validation import check_approval, check_notice

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
}


class NotifierServicer(notifier_pb2_grpc.NotifierServiceServicer):
    """Stores what is to be said; saying it is the delivery worker's."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def RequestApproval(
        self, request: notifier_pb2.RequestApprovalRequest, context: Any
    ) -> notifier_pb2.RequestApprovalResponse:
        check_approval(request)
        async with self._db.transaction() as connection:

            async def store_it() -> notifier_pb2.RequestApprovalResponse:
                message_id = await store.insert(connection, question(request))
                metrics.STORED.labels(Kind.APPROVAL.value).inc()
                return notifier_pb2.RequestApprovalResponse(message_id=message_id)

            return await once(connection, request, notifier_pb2.RequestApprovalResponse, store_it)

    async def Notify(self, request: notifier_pb2.NotifyRequest, context: Any) -> notifier_pb2.NotifyResponse:
        check_notice(request)
        draft = Draft(
            Kind.NOTICE,
            _SEVERITY_OF[request.severity],
            request.title,
            request.body,
            request.run_id,
            request.artist_id,
        )
        async with self._db.transaction() as connection:

            async def store_it() -> notifier_pb2.NotifyResponse:
                message_id = await store.insert(connection, draft)
                metrics.STORED.labels(Kind.NOTICE.value).inc()
                return notifier_pb2.NotifyResponse(message_id=message_id)

            return await once(connection, request, notifier_pb2.NotifyResponse, store_it)

    async def ListMessages(
        self, request: notifier_pb2.ListMessagesRequest, context: Any
    ) -> notifier_pb2.ListMessagesResponse:
        page = page_request(request, filters=(request.run_id,), keys=1)
        async with self._db.acquire() as connection:
            messages, token = await store.list_messages(connection, page, run_id=request.run_id)
        return notifier_pb2.ListMessagesResponse(
            messages=[message_to_proto(message) for message in messages], next_page_token=token
        )


def message_to_proto(message: Message) -> notifier_pb2.Message:
    """The message as clients see it."""
    draft = message.draft
    proto = notifier_pb2.Message(
        id=message.id,
        kind=_KIND_TO[draft.kind],
        severity=_SEVERITY_TO[draft.severity],
        title=draft.title,
        body=draft.body,
        run_id=draft.run_id,
        artist_id=draft.artist_id,
    )
    proto.created_at.FromDatetime(message.created_at)
    if message.delivered_at is not None:
        proto.delivered_at.FromDatetime(message.delivered_at)
    return proto
