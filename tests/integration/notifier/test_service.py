"""NotifierService over a real server and a real database."""

import asyncio

import grpc
import pytest

from aiartist.notifier.v1.notifier_pb2 import (
    SEVERITY_INFO,
    SEVERITY_WARNING,
    TOPIC_CANDIDATE,
    TOPIC_EXPERIMENT,
    TOPIC_LIFE,
    TOPIC_PERSONA,
    ListMessagesRequest,
    Message,
    NotifyRequest,
    RequestApprovalRequest,
    Topic,
)
from services.chassis.database import Database
from services.chassis.errors import remote_error
from services.notifier import domain
from services.notifier.store import messages
from tests.integration.notifier.conftest import Notifier


def approval(request_id: str = "ask-1", run_id: str = "run_1", **fields: object) -> RequestApprovalRequest:
    return RequestApprovalRequest(
        request_id=request_id,
        run_id=run_id,
        artist_id="art_1",
        artist_name="Nova Vale",
        brief_id="brf_1",
        take_id="tak_1",
        title="Neon Rain",
        content_digest="sha256:aa",
        **fields,
    )


def notice(number: int, **fields: object) -> NotifyRequest:
    return NotifyRequest(request_id=f"note-{number}", title=f"notice {number}", **fields)


async def test_a_question_is_stored_and_given_to_the_channel(notifier: Notifier):
    async with notifier() as running:
        response = await running.stub.RequestApproval(approval())
        taken = await running.channel.taken.get()
    assert taken.id == response.message_id
    assert taken.draft.approval == approval()


async def test_the_same_request_again_gets_the_first_answer_and_asks_nobody_twice(notifier: Notifier):
    async with notifier() as running:
        first = await running.stub.RequestApproval(approval())
        again = await running.stub.RequestApproval(approval())
        stored = await running.stub.ListMessages(ListMessagesRequest())
    assert again == first
    assert [message.id for message in stored.messages] == [first.message_id]


async def test_equal_requests_at_the_same_time_store_one_message(notifier: Notifier):
    async with notifier() as running:
        answers = await asyncio.gather(*(running.stub.Notify(notice(1)) for _ in range(8)))
        stored = await running.stub.ListMessages(ListMessagesRequest())
    assert {answer.message_id for answer in answers} == {message.id for message in stored.messages}
    assert len(stored.messages) == 1


async def test_a_request_id_with_another_request_is_refused(notifier: Notifier):
    async with notifier() as running:
        await running.stub.RequestApproval(approval())
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await running.stub.RequestApproval(approval(run_id="run_2"))
    assert remote_error(error.value).remote_reason == "ERROR_REASON_REQUEST_ID_REUSED"


async def test_missing_fields_are_all_named_and_nothing_is_stored(notifier: Notifier):
    async with notifier() as running:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await running.stub.RequestApproval(RequestApprovalRequest(request_id="r"))
        stored = await running.stub.ListMessages(ListMessagesRequest())
    remote = remote_error(error.value)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in remote.violations] == [
        "run_id",
        "artist_id",
        "brief_id",
        "take_id",
        "content_digest",
    ]
    assert not stored.messages


async def test_messages_are_listed_newest_first_page_by_page(notifier: Notifier):
    async with notifier() as running:
        for number in range(5):
            await running.stub.Notify(notice(number))
        pages, token = [], ""
        while True:
            page = await running.stub.ListMessages(ListMessagesRequest(page_size=2, page_token=token))
            pages.append([message.title for message in page.messages])
            if not (token := page.next_page_token):
                break
    assert pages == [["notice 4", "notice 3"], ["notice 2", "notice 1"], ["notice 0"]]


async def test_a_list_of_one_run_holds_nothing_else(notifier: Notifier):
    async with notifier() as running:
        await running.stub.RequestApproval(approval("a", "run_1"))
        await running.stub.RequestApproval(approval("b", "run_2"))
        await running.stub.Notify(notice(1))
        page = await running.stub.ListMessages(ListMessagesRequest(run_id="run_2"))
    assert [message.run_id for message in page.messages] == ["run_2"]


async def test_a_page_token_of_another_filter_is_refused(notifier: Notifier):
    async with notifier() as running:
        for number in range(2):
            await running.stub.Notify(notice(number, run_id="run_1"))
        page = await running.stub.ListMessages(ListMessagesRequest(run_id="run_1", page_size=1))
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await running.stub.ListMessages(ListMessagesRequest(page_token=page.next_page_token))
    assert remote_error(error.value).remote_reason == "ERROR_REASON_PAGE_TOKEN"


async def test_a_listed_message_says_what_it_is_and_when_it_was_said(notifier: Notifier):
    async with notifier() as running:
        await running.stub.Notify(notice(1, severity=SEVERITY_WARNING, body="b", artist_id="art_1"))
        await running.channel.taken.get()
    # Ended in order, so that the delivery is noted.
    async with notifier() as running:
        page = await running.stub.ListMessages(ListMessagesRequest())
    (message,) = page.messages
    assert (message.kind, message.severity) == (Message.KIND_NOTICE, SEVERITY_WARNING)
    assert (message.title, message.body, message.artist_id) == ("notice 1", "b", "art_1")
    assert message.created_at.ToNanoseconds() <= message.delivered_at.ToNanoseconds()


async def test_a_notice_without_severity_is_info(notifier: Notifier):
    async with notifier() as running:
        await running.stub.Notify(notice(1))
        page = await running.stub.ListMessages(ListMessagesRequest())
    assert [message.severity for message in page.messages] == [SEVERITY_INFO]


NEWS = (TOPIC_PERSONA, TOPIC_LIFE, TOPIC_CANDIDATE, TOPIC_EXPERIMENT)
KNOWN_BEFORE = {"other", "released", "failed", "ended", "fallback", "budget", "error"}


@pytest.mark.parametrize("topic", NEWS)
async def test_news_keep_what_they_are_about_and_the_version_before_can_read_them(
    notifier: Notifier, db: Database, topic: Topic.ValueType
):
    async with notifier() as running:
        await running.stub.Notify(notice(1, topic=topic, subject_id="chg_1", artist_id="art_1"))
        told = await running.channel.taken.get()
        page = await running.stub.ListMessages(ListMessagesRequest())
    assert (told.draft.topic, told.draft.subject_id) == (
        domain.Topic(Topic.Name(topic).removeprefix("TOPIC_").lower()),
        "chg_1",
    )
    assert [message.topic for message in page.messages] == [topic]
    async with db.acquire() as connection:
        [headline] = await messages.headlines(connection, [told.id])
        assert headline.topic is told.draft.topic
        assert await connection.fetchval("SELECT topic FROM messages") in KNOWN_BEFORE


async def test_a_message_of_the_version_before_is_read_and_one_of_the_version_after_is_told_as_text(
    notifier: Notifier, db: Database
):
    async with db.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO messages (id, kind, severity, title, body, run_id, artist_id, topic)
            VALUES ('msg_1', 'notice', 'info', 'old', '', '', '', 'budget'),
                ('msg_2', 'notice', 'info', 'newer', '', '', '', 'not invented yet')
            """
        )
    async with notifier() as running:
        first, second = await running.channel.taken.get(), await running.channel.taken.get()
    assert (first.draft.topic, first.draft.subject_id) == (domain.Topic.BUDGET, "")
    assert (second.draft.topic, second.draft.title) == (domain.Topic.OTHER, "newer")
