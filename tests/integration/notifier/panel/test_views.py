"""What people see of the label."""

from datetime import UTC, datetime, timedelta

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from services.notifier.panel.screen import Screen
from services.notifier.peers import PeerAway
from services.notifier.store import approvals
from services.notifier.store.approvals import Verdict
from tests.integration.artist_db import samples
from tests.support.fake_label import CALL_S, OPERATOR, VIEWER, FakeLabel, buttons, text_of
from tests.support.label import persona


async def all_pages(label: FakeLabel, screen: Screen, prefix: str) -> list[str]:
    """Data of the entries' buttons, page by page."""
    found = []
    while True:
        found += [data for data in buttons(screen).values() if data.startswith(prefix)]
        on = buttons(screen).get("›")
        if on is None:
            return found
        shown = await label.press(VIEWER, on)
        assert shown.screen is not None
        assert buttons(shown.screen)["‹"]
        screen = shown.screen


async def test_sixty_artists_are_shown_once_each(label: FakeLabel) -> None:
    ids = {await label.take_on(f"Artist {number:02} <b>&amp;"): number for number in range(60)}
    pages = await all_pages(label, await label.send(VIEWER, "/artists"), "p:artist:")
    assert [ids[data.removeprefix("p:artist:")] for data in pages] == list(range(60))


async def test_two_hundred_runs_are_shown_once_each_though_more_are_started_meanwhile(
    label: FakeLabel,
) -> None:
    artist_id = await label.take_on()
    ids = await label.insert_runs(200, artist_id)
    screen = await label.send(VIEWER, "/runs")
    await label.scheduler.start(artist_id, autopilot=True)
    await label.scheduler.start(artist_id, autopilot=True)
    pages = await all_pages(label, screen, "p:run:")
    assert [data.removeprefix("p:run:") for data in pages] == ids


async def test_the_runs_of_an_artist_and_those_that_failed(label: FakeLabel) -> None:
    nova, ada = await label.take_on(), await label.take_on("Ada")
    failed = await label.insert_runs(20, nova, "FAILED")
    await label.scheduler.start(ada, autopilot=True)
    look = buttons(await label.send(VIEWER, "/artist nova"))
    screen = (await label.press(VIEWER, look["Runs"])).screen
    assert screen is not None
    assert [data[6:] for data in await all_pages(label, screen, "p:run:")] == failed
    screen = (await label.press(VIEWER, buttons(screen)["Failed"])).screen
    assert screen is not None
    assert [data[6:] for data in await all_pages(label, screen, "p:run:")] == failed
    assert "No run is under way" in text_of((await label.press(VIEWER, "p:runs:l:" + nova[4:])).screen)


async def test_forty_errors_are_shown_once_each_though_one_is_seen_again_meanwhile(
    label: FakeLabel,
) -> None:
    now = datetime.now(UTC)
    found = [await label.record_error(n, now - timedelta(minutes=n + 1)) for n in range(40)]
    screen = await label.send(VIEWER, "/errors")
    await label.record_error(3, now)
    pages = await all_pages(label, screen, "p:error:")
    assert [data.removeprefix("p:error:") for data in pages] == found
    shown = await label.press(VIEWER, "p:errors:")
    assert next(iter(buttons(shown.screen).values())) == f"p:error:{found[3]}"


async def test_an_error_is_shown_with_where_it_is_and_what_it_said(label: FakeLabel) -> None:
    text = "Traceback:\n  File x\nValueError: <script>" + "y" * 5_000 + "\n\n"
    found = await label.record_error(7, datetime.now(UTC), title="builtins.ValueError", text=text)
    assert "ValueError" in buttons(await label.send(VIEWER, "/errors"))
    told = text_of((await label.press(VIEWER, f"p:error:{found}")).screen)
    assert "builtins.ValueError" in told
    assert "in services.x.y" in told
    assert "stage failed" in told
    assert "ValueError: <script>yyy" in told
    assert len(told) < 1_000


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("nova vale", "Nova Vale"),
        ("NOVA V", "Nova Vale"),
        ("<b>Ada", "<b>Ada & Co</i>"),
        ("ümlaut", "Ümlaut"),
    ],
)
async def test_an_artist_is_found_by_name(label: FakeLabel, written: str, found: str) -> None:
    for name in ("Nova Vale", "Nova Reborn", "<b>Ada & Co</i>", "Ümlaut"):
        await label.take_on(name)
    assert text_of(await label.send(VIEWER, f"/artist {written}")).startswith(f"🎤 {found}\nactive")


async def test_a_name_that_several_have_in_front_is_a_choice(label: FakeLabel) -> None:
    nova, reborn = await label.take_on("Nova Vale"), await label.take_on("Nova Reborn")
    await label.take_on("Ada")
    screen = await label.send(VIEWER, "/artist nova")
    assert "Several artists begin with “nova”" in text_of(screen)
    chosen = {"Nova Reborn": f"p:artist:{reborn}", "Nova Vale": f"p:artist:{nova}"}
    assert buttons(screen) == {**chosen, "« Artists": "p:artists"}
    paused = buttons(await label.send(OPERATOR, "/pause nova"))
    assert paused["Nova Vale"] == f"x:pause:{nova}"
    with_wish = await label.send(OPERATOR, "/new nova: slower")
    assert not with_wish.keyboard
    assert "Send it again with the whole name" in text_of(with_wish)


async def test_a_name_that_nobody_has_offers_the_nearest(label: FakeLabel) -> None:
    nova = await label.take_on("Nova Vale")
    await label.take_on("Ada")
    screen = await label.send(VIEWER, "/artist Nova Vail")
    assert "There is no artist “Nova Vail”. These are near:" in text_of(screen)
    assert buttons(screen) == {"Nova Vale": f"p:artist:{nova}", "« Artists": "p:artists"}
    nobody = await label.send(VIEWER, "/artist <script>")
    assert text_of(nobody) == "There is no artist “<script>”."


async def test_a_run_is_found_by_the_beginning_of_its_id(label: FakeLabel) -> None:
    run = await label.scheduler.waiting(await label.take_on())
    for written in (run.id, run.id.upper(), run.id[4:], run.id[:14], run.id[4:12]):
        assert "Harbour Lights" in text_of(await label.send(VIEWER, f"/run {written}"))
    await label.insert_runs(3, run.artist_id)
    several = await label.send(VIEWER, "/run 0000000000")
    assert "3 runs begin with" in text_of(several)
    assert len(buttons(several)) == 3


async def test_a_run_that_waits_shows_its_question_and_one_that_was_decided_does_not(
    label: FakeLabel,
) -> None:
    run = await label.scheduler.waiting(await label.take_on())
    message_id = await label.ask(run.id)
    shown = await label.press(VIEWER, f"p:run:{run.id}")
    assert buttons(shown.screen)["🎧 Show the question"] == f"q:show:{message_id}"
    assert "awaiting approval · approve · take 1" in text_of(shown.screen)
    async with label.database.transaction() as connection:
        await approvals.close(connection, message_id, Verdict("APPROVED", "cli:vera", None, ""))
    shown = await label.press(VIEWER, f"p:run:{run.id}")
    assert "🎧 Show the question" not in buttons(shown.screen)


async def test_the_songs_that_wait_are_shown_once_each_the_oldest_first(label: FakeLabel) -> None:
    asked = [await label.ask(f"run_{number}", f"Song <{number}>") for number in range(20)]
    pages = await all_pages(label, await label.send(VIEWER, "/waiting"), "q:show:")
    assert [data.removeprefix("q:show:") for data in pages] == asked
    first = (await label.press(VIEWER, "p:waiting:0")).screen
    assert "20 songs wait for a decision" in text_of(first)
    assert "1. Song <0>" in text_of(first)
    # The last page holds what is left when those before it were decided.
    async with label.database.transaction() as connection:
        for message_id in asked[:10]:
            await approvals.close(connection, message_id, Verdict("APPROVED", "cli:vera", None, ""))
    last = (await label.press(VIEWER, "p:waiting:14")).screen
    assert [d[7:] for d in buttons(last).values() if d.startswith("q:show")] == asked[17:]


async def test_releases_say_what_is_out_where_and_since_when(label: FakeLabel) -> None:
    artist_id = await label.take_on()
    run = await label.scheduler.until(await label.scheduler.start(artist_id, autopilot=True), "RELEASED")
    await insert_release(label, run)
    screen = await label.send(VIEWER, "/releases nova vale")
    assert "Neon <Rain> · Nova Vale" in text_of(screen)
    assert "neon-rain" in text_of(screen)
    one = (await label.press(VIEWER, buttons(screen)["Neon <Rain>"])).screen
    assert "/catalog/nova/neon-rain" in text_of(one)
    assert buttons(one)["Run"] == f"p:run:{run.id}"


async def insert_release(label: FakeLabel, run: sched.Run) -> None:
    brief = samples.brief(run.artist_id, run_id=run.id)
    await label.peers.artist_db.SaveBrief(db.SaveBriefRequest(brief=brief), timeout=CALL_S)
    take = samples.take(brief.id, run_id=run.id)
    await label.peers.artist_db.SaveTake(db.SaveTakeRequest(take=take), timeout=CALL_S)
    release = samples.release(run.artist_id, take.id, run_id=run.id, title="Neon <Rain>")
    await label.peers.artist_db.SaveRelease(db.SaveReleaseRequest(release=release), timeout=CALL_S)
    request = db.RecordPublicationRequest(
        release_id=release.id, target="folder", location="/catalog/nova/neon-rain"
    )
    await label.peers.artist_db.RecordPublication(request, timeout=CALL_S)


async def test_the_status_tells_how_the_label_stands(label: FakeLabel) -> None:
    artist_id = await label.take_on()
    await label.peers.artist_db.CreateArtist(
        db.CreateArtistRequest(persona=persona("Ada"), autopilot_enabled=True), timeout=CALL_S
    )
    await label.press(OPERATOR, f"x:pause:{artist_id}")
    await label.insert_runs(3, artist_id, "FAILED")
    await label.ask("run_1")
    now = datetime.now(UTC)
    await label.record_error(1, now - timedelta(days=3))
    await label.record_error(1, now)
    await label.record_error(2, now)
    told = text_of(await label.send(VIEWER, "/status"))
    assert "🎧 1 song waits, for " in told
    assert "0 runs under way" in told
    assert "last 24 h: 3 failed" in told
    assert "🎤 Artists: 1 active · 1 paused · 1 on autopilot" in told
    assert "💵 Today $0.00 of $" in told
    assert "🐞 1 new error in the last day" in told
    assert "✅ answering: scheduler, artist_db" in told
    assert "❌" not in told


async def test_a_service_that_is_away_costs_the_status_its_lines_only(label: FakeLabel) -> None:
    await label.artist_db.close()
    told = text_of(await label.send(VIEWER, "/status"))
    assert "0 runs under way" in told
    assert "🎤 Artists: artist_db does not say" in told
    assert "❌ artist_db does not answer" in told
    assert "✅ answering: scheduler" in told


async def test_what_shows_a_service_that_is_away_says_so_and_what_changes_it_waits(label: FakeLabel) -> None:
    artist_id = await label.take_on()
    await label.artist_db.close()
    for command in (
        "/artists",
        "/artist Nova",
        "/errors",
        "/releases",
        "/budget",
        "/proposals",
        "/pause",
        "/pause all",
    ):
        told = text_of(await label.send(OPERATOR, command))
        assert told == "artist_db does not answer just now. Try again in a moment.", command
    for data in ("p:artists", f"p:artist:{artist_id}", f"x:retire:{artist_id}"):
        shown = await label.press(OPERATOR, data)
        assert (shown.alert, shown.screen) == (True, None), data
        assert "does not answer just now" in shown.toast
    for change in (f"x:pause:{artist_id}", f"c:retire:{artist_id}", "c:pause.all"):
        with pytest.raises(PeerAway):
            await label.press(OPERATOR, change)
    with pytest.raises(PeerAway):
        await label.send(OPERATOR, "/budget day 5")


async def test_a_run_is_shown_without_what_artist_db_knows_while_that_is_away(label: FakeLabel) -> None:
    run = await label.scheduler.waiting(await label.take_on())
    await label.artist_db.close()
    told = text_of((await label.press(VIEWER, f"p:run:{run.id}")).screen)
    assert "Harbour Lights" in told
    assert run.artist_id in told
    assert "artist_db does not answer" in told
    cancelled = await label.press(OPERATOR, f"c:cancel:{run.id}")
    assert cancelled.toast == "🛑 The run is cancelled."
    assert (await label.scheduler.get(run.id)).state == sched.RUN_STATE_CANCELLED


async def test_help_shows_what_the_person_may_do(label: FakeLabel) -> None:
    assert "/pause" not in text_of(await label.send(VIEWER, "/help"))
    assert "/pause Nova Vale" in text_of(await label.send(OPERATOR, "/help"))
    assert "Your role is viewer" in text_of(await label.send(VIEWER, "/start"))
    unknown = text_of(await label.send(VIEWER, "/nothing <b>"))
    assert "There is no command /nothing" in unknown
    assert "/help" in unknown
    assert "I only understand" in text_of(label.panel.lost(VIEWER))


async def test_an_empty_label_has_a_word_for_each_list(label: FakeLabel) -> None:
    for command in ("/artists", "/runs", "/releases", "/errors", "/waiting", "/autopilot", "/budget"):
        assert len(text_of(await label.send(VIEWER, command))) > 10, command
    for command in ("/new", "/pause", "/resume", "/cancel", "/retry"):
        assert len(text_of(await label.send(OPERATOR, command))) > 10, command
