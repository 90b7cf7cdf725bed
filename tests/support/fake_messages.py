"""notifier as the command line sees it: messages in memory, and the questions that are open."""

from typing import Any

from aiartist.notifier.v1 import notifier_pb2 as pb
from aiartist.notifier.v1.notifier_pb2_grpc import NotifierServiceServicer
from services.chassis.errors import FieldViolation, InvalidInput, NotFound
from services.chassis.ids import derived_id
from services.chassis.paging import page_request
from tests.support.fake_scheduler import NOON


class FakeMessages(NotifierServiceServicer):
    """Messages newest last, and every request that came."""

    def __init__(self) -> None:
        self.messages: list[pb.Message] = []
        self.open_questions: dict[str, str] = {}
        """The message of the open question, by run."""
        self.requests: list[Any] = []

    def add(self, title: str, *deliveries: pb.Delivery, **fields: Any) -> pb.Message:
        """A stored message; a notice where nothing else is said."""
        fields = {"kind": pb.Message.KIND_NOTICE, "severity": pb.SEVERITY_INFO, **fields}
        number = len(self.messages)
        message = pb.Message(id=derived_id("msg", f"{number}"), title=title, deliveries=deliveries, **fields)
        message.created_at.seconds = NOON + number
        self.messages.append(message)
        return message

    async def Notify(self, request: pb.NotifyRequest, context: Any) -> pb.NotifyResponse:
        self.requests.append(request)
        if len(request.title) > 200:
            raise InvalidInput([FieldViolation("title", "must have at most 200 characters")])
        return pb.NotifyResponse(message_id=self.add(request.title, body=request.body).id)

    async def ListMessages(self, request: pb.ListMessagesRequest, context: Any) -> pb.ListMessagesResponse:
        self.requests.append(request)
        page = page_request(request, keys=1)
        rows = list(enumerate(self.messages))[::-1]
        rows = [row for row in rows if not request.run_id or row[1].run_id == request.run_id]
        rows = [row for row in rows if page.after is None or row[0] < int(page.after[0])]
        kept, token = page.cut(rows[: page.size + 1], key=lambda row: (f"{row[0]}",))
        return pb.ListMessagesResponse(messages=[message for _, message in kept], next_page_token=token)

    async def ResendApproval(
        self, request: pb.ResendApprovalRequest, context: Any
    ) -> pb.ResendApprovalResponse:
        self.requests.append(request)
        if request.run_id not in self.open_questions:
            raise NotFound("open question of run", request.run_id)
        return pb.ResendApprovalResponse(message_id=self.open_questions[request.run_id])
