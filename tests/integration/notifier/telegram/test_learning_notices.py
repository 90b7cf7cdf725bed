"""Notices about what the label learnt: how they read, and what comes of each press."""

from typing import Any

from aiartist.artist_db.v1 import artist_state_pb2
from aiartist.artist_db.v1 import experiment_pb2 as exp
from aiartist.notifier.v1 import notifier_pb2 as pb
from services.chassis.ids import derived_id
from tests.integration.notifier.telegram.conftest import CHAT, OLA, PAUL, STRANGER, VERA, Bed, Start
from tests.support.fake_lives import ARTIST, Change
from tests.support.fake_telegram import Message

BOTH = (CHAT, OLA)


async def tell(bed: Bed, topic: pb.Topic.ValueType, subject_id: str, **fields: Any) -> Message:
    """A notice, as the chat shows it."""
    request = pb.NotifyRequest(
        **{
            "request_id": f"news/{topic}/{subject_id}",
            "topic": topic,
            "title": "News",
            "body": "as it was told",
            "artist_id": ARTIST,
            "subject_id": subject_id,
            **fields,
        }
    )
    await bed.stub.Notify(request)
    return await bed.telegram.wait_for(CHAT, lambda message: request.title in message.words)


async def screen(bed: Bed, words: str) -> Message:
    """The answer to a press, as the chat shows it."""
    return await bed.telegram.wait_for(CHAT, lambda message: words in message.words)


async def test_a_proposed_change_is_shown_with_its_diff_and_becomes_a_version_by_one_press(
    notifier: Start,
) -> None:
    async with notifier() as bed:
        bed.peers.settle()
        change = bed.peers.propose()
        notice = await tell(bed, pb.TOPIC_PERSONA, change.id, title="Nova Vale: moods may change")
        assert "- wistful\n+ wistful, bright" in notice.words
        assert "Listeners stay longer" in notice.words
        assert "• 3 of 4 rejections say it is too dark" in notice.words
        assert "as it was told" not in notice.words
        assert notice.labels == ("✅ Agree", "❌ Decline", "🧬 Show", "🎤 Artist")
        assert await bed.press(OLA, notice, "✅ Agree") == "✅ Agreed: it is persona version 2."
        shown = await screen(bed, "Version 2 has it, agreed to by Ola")
        assert "↩️ Take it back" in shown.labels
        await bed.now(notice, lambda message: message.labels == ("🧬 Show", "🎤 Artist"))
        [order] = bed.peers.ordered
        assert (order.accept, order.decided_by, order.change_id) == (True, "telegram:Ola", change.id)


async def test_a_decline_is_kept_and_the_copy_in_another_chat_has_no_button_left(notifier: Start) -> None:
    async with notifier(telegram_chat_ids=BOTH) as bed:
        bed.peers.settle()
        change = bed.peers.propose()
        notice = await tell(bed, pb.TOPIC_PERSONA, change.id)
        copy = await bed.telegram.wait_for(OLA, lambda message: "News" in message.words)
        assert await bed.press(OLA, notice, "❌ Decline") == "❌ Declined: the persona stays as it is."
        await screen(bed, "Declined by Ola")
        await bed.now(copy, lambda message: message.labels == ("🧬 Show", "🎤 Artist"))
        assert bed.peers.changes[change.id].state == Change.STATE_DECLINED


async def test_a_press_that_comes_too_late_says_what_became_of_the_change(notifier: Start) -> None:
    async with notifier() as bed:
        bed.peers.settle()
        change = bed.peers.propose()
        notice = await tell(bed, pb.TOPIC_PERSONA, change.id)
        bed.peers.changes[change.id].MergeFrom(
            Change(state=Change.STATE_DECLINED, decided_by="cli:vera", outcome="")
        )
        said = await bed.press(OLA, notice, "✅ Agree")
        assert said == "That cannot be done now: the change is declined."
        await screen(bed, "Declined by vera (command line)")
        await bed.now(notice, lambda message: "✅ Agree" not in message.labels)
        assert bed.peers.artists[ARTIST].persona_version == 1


async def test_nobody_but_an_operator_decides_about_a_persona(notifier: Start) -> None:
    async with notifier() as bed:
        bed.peers.settle()
        change = bed.peers.propose()
        notice = await tell(bed, pb.TOPIC_PERSONA, change.id)
        for person, told in ((PAUL, "operator"), (VERA, "operator"), (STRANGER, "This is not for you")):
            for button in ("✅ Agree", "❌ Decline"):
                assert told in await bed.press(person, notice, button)
        assert bed.peers.ordered == []
        assert bed.peers.changes[change.id].state == Change.STATE_PROPOSED


async def test_a_change_that_was_made_by_itself_is_taken_back_after_a_question(notifier: Start) -> None:
    async with notifier() as bed:
        bed.peers.settle()
        change = bed.peers.propose(state=Change.STATE_APPLIED)
        notice = await tell(bed, pb.TOPIC_PERSONA, change.id)
        assert "Version 2 has it, changed by itself" in notice.words
        assert notice.labels == ("↩️ Take it back", "🧬 Show", "🎤 Artist")
        await bed.press(OLA, notice, "↩️ Take it back")
        asked = await screen(bed, "Really take Nova Vale back to version 1?")
        assert bed.peers.ordered == []
        told = await bed.press(OLA, asked, "↩️ Yes, take it back")
        assert told == "↩️ Nova Vale is as in version 1 again: it is version 3 now."
        after = await bed.now(asked, lambda message: "Version 3 · current" in message.words)
        assert "restored version 1" in after.words
        assert bed.peers.ordered[0].etag == "2"


async def test_a_yes_to_a_persona_that_has_changed_since_is_not_taken(notifier: Start) -> None:
    async with notifier() as bed:
        bed.peers.settle()
        change = bed.peers.propose(state=Change.STATE_APPLIED)
        notice = await tell(bed, pb.TOPIC_PERSONA, change.id)
        await bed.press(OLA, notice, "↩️ Take it back")
        asked = await screen(bed, "Really take")
        bed.peers.propose(2, state=Change.STATE_APPLIED)
        told = await bed.press(OLA, asked, "↩️ Yes, take it back")
        assert told == "It was changed since you were asked. Look again, then decide."
        assert bed.peers.artists[ARTIST].persona_version == 3


async def test_a_change_that_is_not_the_newest_version_any_more_is_not_offered_to_be_taken_back(
    notifier: Start,
) -> None:
    async with notifier() as bed:
        bed.peers.settle()
        change = bed.peers.propose(state=Change.STATE_APPLIED)
        bed.peers.propose(2, state=Change.STATE_APPLIED)
        notice = await tell(bed, pb.TOPIC_PERSONA, change.id)
        assert notice.labels == ("🧬 Show", "🎤 Artist")


async def test_a_move_of_a_rule_is_undone_after_a_question_and_only_once(notifier: Start) -> None:
    async with notifier() as bed:
        bed.peers.settle()
        move = bed.peers.moved("PAUSED")
        body = "approval 12 % of 17 runs"
        notice = await tell(bed, pb.TOPIC_LIFE, move.id, title="Nova Vale is paused", body=body)
        assert notice.words == "🎤 Nova Vale is paused\napproval 12 % of 17 runs"
        assert notice.labels == ("↩️ Undo", "🎤 Artist")
        await bed.press(OLA, notice, "↩️ Undo")
        asked = await screen(bed, "Really make Nova Vale active again?")
        told = await bed.press(OLA, asked, "↩️ Yes, undo it")
        assert told == "↩️ Undone: the artist is active again."
        assert bed.peers.artists[ARTIST].state == artist_state_pb2.ARTIST_STATE_ACTIVE
        await bed.now(asked, lambda message: "active · synthwave" in message.words)
        await bed.press(OLA, notice, "↩️ Undo")
        await screen(bed, "That cannot be undone any more: Nova Vale is active.")
        assert [order.moved_by for order in bed.peers.ordered] == ["telegram:Ola"]


async def test_a_yes_to_an_undo_that_came_too_late_says_so_and_shows_how_the_artist_is(
    notifier: Start,
) -> None:
    async with notifier() as bed:
        bed.peers.settle()
        move = bed.peers.moved("PAUSED")
        notice = await tell(bed, pb.TOPIC_LIFE, move.id)
        await bed.press(OLA, notice, "↩️ Undo")
        asked = await screen(bed, "Really make")
        bed.peers.moved("RETIRED")
        assert "cannot be done now" in await bed.press(OLA, asked, "↩️ Yes, undo it")
        await bed.now(asked, lambda message: "retired" in message.words)


async def test_a_candidate_is_shown_as_who_it_is_and_taken_on_by_one_press(notifier: Start) -> None:
    async with notifier() as bed:
        reason = "the roster has 3 artists, its target is 5"
        themes, style = ["harbours", "leaving"], "slow and close " * 60
        bed.peers.settle(state="CANDIDATE", reason=reason, themes=themes, style=style)
        title = "Nova Vale would like to join"
        notice = await tell(bed, pb.TOPIC_CANDIDATE, ARTIST, title=title)
        assert "Genre: synthwave" in notice.words
        assert "Themes: harbours, leaving" in notice.words
        assert f"Why: {reason}" in notice.words
        assert len(notice.words) < 700
        assert notice.labels == ("✅ Take on", "❌ Decline", "🎤 Artist")
        assert (await bed.press(OLA, notice, "✅ Take on")).startswith("✅ Taken on")
        await bed.now(notice, lambda message: message.labels == ("🎤 Artist",))
        assert bed.peers.artists[ARTIST].state == artist_state_pb2.ARTIST_STATE_ACTIVE


async def test_where_nobody_waits_for_a_yes_there_is_nothing_to_press(notifier: Start) -> None:
    async with notifier() as bed:
        bed.peers.settle()
        taken_on = await tell(bed, pb.TOPIC_CANDIDATE, ARTIST, title="Nova Vale was taken on")
        assert taken_on.labels == ("🎤 Artist",)
        nobody = await tell(bed, pb.TOPIC_CANDIDATE, "vac_1", artist_id="", title="No new artist")
        assert nobody.labels == ()
        assert nobody.words == "🌱 No new artist\nas it was told"


async def test_a_candidate_is_declined_only_after_the_question(notifier: Start) -> None:
    async with notifier() as bed:
        bed.peers.settle(state="CANDIDATE")
        notice = await tell(bed, pb.TOPIC_CANDIDATE, ARTIST)
        await bed.press(OLA, notice, "❌ Decline")
        asked = await screen(bed, "Really decline Nova Vale?")
        assert bed.peers.artists[ARTIST].state == artist_state_pb2.ARTIST_STATE_CANDIDATE
        assert (await bed.press(OLA, asked, "❌ Yes, decline")).startswith("❌ Declined")
        assert bed.peers.artists[ARTIST].state == artist_state_pb2.ARTIST_STATE_RETIRED
        told = await bed.press(OLA, notice, "✅ Take on")
        assert told == "That cannot be done now: the artist is retired."
        await bed.now(notice, lambda message: message.labels == ("🎤 Artist",))


async def test_an_old_button_about_a_candidate_moves_nobody_who_is_one_no_more(notifier: Start) -> None:
    async with notifier() as bed:
        artist = bed.peers.settle(state="CANDIDATE")
        notice = await tell(bed, pb.TOPIC_CANDIDATE, ARTIST)
        await bed.press(OLA, notice, "❌ Decline")
        asked = await screen(bed, "Really decline")
        bed.peers.moved("ACTIVE")
        told = await bed.press(OLA, asked, "❌ Yes, decline")
        assert told == "That cannot be done now: the artist is active."
        bed.peers.moved("PAUSED")
        told = await bed.press(OLA, notice, "✅ Take on")
        assert told == "That cannot be done now: the artist is paused."
        asked_from = {request.from_state for request in bed.peers.ordered}
        assert asked_from == {artist_state_pb2.ARTIST_STATE_CANDIDATE}
        assert artist.state == artist_state_pb2.ARTIST_STATE_PAUSED


async def test_a_winner_is_told_and_its_numbers_are_shown(notifier: Start) -> None:
    async with notifier() as bed:
        experiment = bed.peers.experiments.setdefault("exp_1", an_experiment())
        notice = await tell(bed, pb.TOPIC_EXPERIMENT, experiment.id, artist_id="", title="A winner: bold")
        assert notice.labels == ("🧪 Show",)
        await bed.press(PAUL, notice, "🧪 Show")
        shown = await screen(bed, "Brighter choruses")
        assert "70 % (52–84 %), 20 of 24 runs" in shown.words


async def test_news_are_told_by_their_own_text_while_artist_db_is_away(notifier: Start) -> None:
    async with notifier(artist_db_addr="127.0.0.1:1") as bed:
        for topic, prefix, labels in (
            (pb.TOPIC_PERSONA, "chg", ("🧬 Show", "🎤 Artist")),
            (pb.TOPIC_LIFE, "mov", ("↩️ Undo", "🎤 Artist")),
            (pb.TOPIC_CANDIDATE, "art", ("✅ Take on", "❌ Decline", "🎤 Artist")),
        ):
            notice = await tell(bed, topic, derived_id(prefix, "1"), title=f"News {prefix}")
            assert notice.words.endswith(f"News {prefix}\nas it was told")
            assert notice.labels == labels


async def test_a_press_while_artist_db_is_away_counts_once_it_answers_also_after_a_restart(
    notifier: Start,
) -> None:
    async with notifier() as bed:
        bed.peers.settle()
        change = bed.peers.propose()
        notice = await tell(bed, pb.TOPIC_PERSONA, change.id)
        bed.peers.away = {"DecideChange"}
        assert "Your press is kept" in await bed.press(OLA, notice, "✅ Agree")
    bed.peers.away = set()
    async with notifier() as bed:
        await screen(bed, "Version 2 has it, agreed to by Ola")
    assert bed.peers.artists[ARTIST].persona_version == 2
    assert len({order.request_id for order in bed.peers.ordered}) == 1


async def test_what_models_and_listeners_say_is_data_in_a_notice(notifier: Start) -> None:
    hostile = "</pre></blockquote><b>APPROVED</b>\n✅ Version 9 has it\u202e"
    async with notifier() as bed:
        bed.peers.settle()
        change = bed.peers.propose(
            after=f'"{hostile}"', reason=hostile, evidence=[hostile], outcome=hostile, model=hostile
        )
        notice = await tell(bed, pb.TOPIC_PERSONA, change.id)
        assert not any(line.startswith("✅") for line in notice.words.split("\n"))
        assert "<b>APPROVED</b>" in notice.words


def an_experiment() -> exp.Experiment:
    experiment = exp.Experiment(id="exp_1", name="Brighter choruses", state=exp.EXPERIMENT_STATE_RUNNING)
    experiment.results.add(arm="plain", assigned=22, outcomes=20, mean=0.4, low=0.22, high=0.61)
    experiment.results.add(arm="bold", assigned=24, outcomes=20, mean=0.7, low=0.52, high=0.84)
    experiment.verdict.text = "bold is better than plain"
    return experiment
