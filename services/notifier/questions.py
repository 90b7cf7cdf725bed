"""Asking a question and ending it: what is kept of it, and what people see of its end."""

from datetime import UTC
from zoneinfo import ZoneInfo

from aiartist.common.v1 import decision_pb2
from aiartist.notifier.v1.notifier_pb2 import RequestApprovalRequest
from services.chassis.database import Connection
from services.notifier.store import approvals, deliveries, posts
from services.notifier.store.approvals import Approval, Verdict
from services.notifier.telegram import cards


async def ask(
    connection: Connection,
    message_id: str,
    request: RequestApprovalRequest,
    *,
    remind_after_s: int,
    where: ZoneInfo,
) -> None:
    """A stored message is a question from now on; an older one of its run is over.

    It is over itself where its end was told before it came. Locked by run, so that a question and its end
    that come at the same time see each other.
    """
    await approvals.lock_run(connection, request.run_id)
    for older in await approvals.undecided_of_run(connection, request.run_id):
        replaced = Verdict("", "", None, f"take {request.take_number or 1} has taken its place")
        await close(connection, older, replaced, where)
    await approvals.insert(connection, message_id, request, remind_after_s=remind_after_s)
    ended = await approvals.closing_of(connection, request.run_id, request.content_digest)
    if ended is not None:
        await approvals.close(connection, message_id, ended)
        await posts.drop_unsent(connection, message_id)
        await deliveries.settle_message(connection, [message_id])


async def end(
    connection: Connection, run_id: str, content_digest: str, ended: Verdict, where: ZoneInfo
) -> int:
    """Ends the question about this content, or with an empty digest all of the run; how many were open."""
    await approvals.lock_run(connection, run_id)
    undecided = await approvals.undecided_of_run(connection, run_id, content_digest)
    if not await approvals.was_asked(connection, run_id, content_digest):
        await approvals.keep_closing(connection, run_id, content_digest, ended)
    for approval in undecided:
        await close(connection, approval, ended, where)
    return len(undecided)


async def close(connection: Connection, approval: Approval, ended: Verdict, where: ZoneInfo) -> None:
    """Ends a question: what is not sent of it never will be, and what is loses its buttons and says why."""
    await approvals.close(connection, approval.message_id, ended)
    await posts.drop_unsent(connection, approval.message_id)
    for part in await posts.sent_parts(connection, approval.message_id):
        if part.post.keyboard:
            answered = cards.answered(part.post, ended, where, take=cards.picked(approval, ended))
            await posts.add(connection, part.chat_id, answered, edits=part.id, urgent=True)
    await deliveries.settle_message(connection, [approval.message_id])


def verdict_of(decision: decision_pb2.Decision) -> Verdict:
    """A decision as it is kept with its question."""
    return Verdict(
        decision_pb2.Verdict.Name(decision.verdict).removeprefix("VERDICT_"),
        decision.decided_by,
        decision.decided_at.ToDatetime(tzinfo=UTC) if decision.HasField("decided_at") else None,
        decision.reason,
        decision.content_digest,
    )
