"""Notices about errors in a chat: buttons that fit how the error stands, and what comes of a press."""

from collections.abc import AsyncIterator

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.notifier.v1 import notifier_pb2 as pb
from tests.integration.notifier.telegram.conftest import CHAT, OLA, PAUL, Bed, Start
from tests.support.error_desk import COMMIT, FIX, ErrorDesk, error_desk
from tests.support.error_store import real_error_store
from tests.support.fake_telegram import Message


@pytest.fixture
async def errors(database_url: str) -> AsyncIterator[tuple[str, ErrorDesk]]:
    async with real_error_store(database_url) as (address, _), error_desk(address) as desk:
        yield address, desk


async def told(bed: Bed, error: str, title: str = "A fix waits") -> Message:
    """The notice about an error, as the chat shows it."""
    notice = pb.NotifyRequest(
        request_id=f"tell/{title}/{error}",
        severity=pb.SEVERITY_ERROR,
        topic=pb.TOPIC_ERROR,
        title=title,
        body="a name is misspelt",
        error_fingerprint=error,
    )
    await bed.stub.Notify(notice)
    return await bed.telegram.wait_for(CHAT, lambda message: title in message.words)


async def test_a_fix_is_applied_from_its_notice_by_two_presses(
    notifier: Start, errors: tuple[str, ErrorDesk]
) -> None:
    address, desk = errors
    async with notifier(artist_db_addr=address, error_analyzer_addr=desk.address) as bed:
        error = await desk.group("fix_suggested", **FIX)
        notice = await told(bed, error)
        assert notice.labels == (
            "🐞 Show",
            "📄 Show the fix",
            "🔧 Apply the fix",
            "🙈 Ignore",
            "🔎 Explain again",
        )
        assert "operator" in await bed.press(PAUL, notice, "🔧 Apply the fix")
        await bed.press(OLA, notice, "🔧 Apply the fix")
        question = await bed.telegram.wait_for(CHAT, lambda message: "Really apply" in message.words)
        assert COMMIT[:12] in question.words
        assert "about to be applied" in await bed.press(OLA, question, "🔧 Yes, apply it")
        shown = await bed.now(question, lambda message: "to be applied" in message.words)
        assert "🔧 Apply the fix" not in shown.labels
        group = await desk.read(error)
        assert (group.step.kind, group.step.requested_by) == (db.ErrorStep.KIND_APPLY, "telegram: Ola")


async def test_a_notice_is_followed_by_the_error_as_it_is_and_stays_what_it_said(
    notifier: Start, errors: tuple[str, ErrorDesk]
) -> None:
    address, desk = errors
    async with notifier(artist_db_addr=address, error_analyzer_addr=desk.address) as bed:
        error = await desk.group("analyzed", cause="because")
        notice = await told(bed, error, "KeyError")
        assert notice.labels == ("🐞 Show", "🙈 Ignore", "🔎 Explain again")
        assert await bed.press(OLA, notice, "🙈 Ignore") == (
            "🙈 Ignored: it is counted, and nothing more is done about it."
        )
        screen = await bed.telegram.wait_for(CHAT, lambda message: "ignored" in message.words)
        assert "🔁 Take up again" in screen.labels
        assert (await desk.read(error)).status == "ignored"
        assert bed.telegram.messages(CHAT)[0].words == notice.words


async def test_an_error_of_artist_db_itself_is_told_while_that_is_away(notifier: Start) -> None:
    async with notifier(artist_db_addr="127.0.0.1:1") as bed:
        notice = await told(bed, "f" * 32, "ConnectionDoesNotExistError")
        assert notice.labels == ("🐞 Show", "🙈 Ignore", "🔎 Explain again")
