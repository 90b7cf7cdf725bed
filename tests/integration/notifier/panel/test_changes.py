"""What operators change, others may not, and everybody changes at most once."""

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2
from aiartist.common.v1 import decision_pb2
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from services.chassis.errors import RemoteError
from services.chassis.ids import new_id
from services.notifier.people import Person
from tests.support.fake_label import APPROVER, CALL_S, OPERATOR, VIEWER, FakeLabel, buttons, text_of
from tests.support.stub_stages import Failing

CHANGES = (
    "x:new:{artist}:ticket",
    "x:pause:{artist}",
    "x:resume:{artist}",
    "x:autopilot:{artist}:on",
    "x:autopilot.off:{artist}",
    "x:silence.expire:{artist}",
    "x:retire:{artist}",
    "x:pause.all",
    "x:resume.all",
    "x:cancel:{run}",
    "x:retry:{run}",
    "c:retire:{artist}",
    "c:pause.all",
    "c:resume.all",
    "c:cancel:{run}",
)
COMMANDS = (
    "/new Nova Vale",
    "/new",
    "/pause Nova Vale",
    "/pause all",
    "/resume Nova Vale",
    "/autopilot Nova Vale on",
    "/budget day 5",
    "/budget artist Nova Vale off",
    "/cancel {run}",
    "/retry {run}",
)


@pytest.mark.parametrize("person", [VIEWER, APPROVER])
async def test_who_is_no_operator_changes_nothing_and_is_told_the_role(
    label: FakeLabel, person: Person
) -> None:
    artist_id = await label.take_on()
    before = await label.artist(artist_id)
    waiting = await label.scheduler.waiting(artist_id)
    for data in CHANGES:
        shown = await label.press(person, data.format(artist=artist_id, run=waiting.id))
        assert (shown.alert, shown.screen, shown.spent) == (True, None, False), data
        assert "operator" in shown.toast
        assert person.role.name.lower() in shown.toast
    for command in COMMANDS:
        screen = await label.send(person, command.format(run=waiting.id))
        assert "role operator" in text_of(screen), command
        assert not screen.keyboard
    assert await label.artist(artist_id) == before
    assert await label.runs() == [await listed(label, waiting.id)]


async def listed(label: FakeLabel, run_id: str) -> sched.Run:
    run = await label.scheduler.get(run_id)
    assert run.state == sched.RUN_STATE_AWAITING_APPROVAL
    run.ClearField("stages")
    return run


async def test_an_artist_is_paused_and_resumed(label: FakeLabel) -> None:
    artist_id = await label.take_on()
    shown = await label.press(OPERATOR, f"x:pause:{artist_id}")
    assert (shown.alert, shown.toast) == (False, "⏸ Nova Vale is paused: no new songs.")
    assert "paused" in text_of(shown.screen)
    assert buttons(shown.screen)["▶️ Resume"] == f"x:resume:{artist_id}"
    assert (await label.artist(artist_id)).state == artist_state_pb2.ARTIST_STATE_PAUSED
    again = await label.press(OPERATOR, f"x:pause:{artist_id}")
    assert (again.alert, again.toast) == (False, "That artist is paused already.")
    screen = await label.send(OPERATOR, "/resume nova")
    assert text_of(screen).startswith("▶️ Nova Vale makes songs again.")
    assert (await label.artist(artist_id)).state == artist_state_pb2.ARTIST_STATE_ACTIVE


@pytest.mark.parametrize(
    ("data", "undo"),
    [
        ("x:pause:{}", "x:resume:{}"),
        ("x:autopilot:{}:on", "x:autopilot:{}:off"),
        ("x:silence.autopilot:{}", "x:silence.hold:{}"),
    ],
)
async def test_a_press_that_comes_again_after_it_was_undone_changes_nothing(
    label: FakeLabel, data: str, undo: str
) -> None:
    artist_id = await label.take_on()
    await label.press(OPERATOR, data.format(artist_id), key="telegram/1/press")
    await label.press(OPERATOR, undo.format(artist_id))
    undone = await label.artist(artist_id)
    shown = await label.press(OPERATOR, data.format(artist_id), key="telegram/1/press")
    assert not shown.alert
    assert await label.artist(artist_id) == undone


async def test_silence_is_answered_as_the_button_says(label: FakeLabel) -> None:
    artist_id = await label.take_on()
    for name, value in (
        ("expire", decision_pb2.SILENCE_ANSWER_EXPIRE),
        ("autopilot", decision_pb2.SILENCE_ANSWER_AUTOPILOT),
        ("hold", decision_pb2.SILENCE_ANSWER_HOLD),
    ):
        shown = await label.press(OPERATOR, f"x:silence.{name}:{artist_id}")
        answers = [text for text, data in buttons(shown.screen).items() if data.startswith("x:silence.")]
        (marked,) = [text for text in answers if "✅" in text]
        assert marked.removeprefix("Silence: ") == f"✅ {name}"
        assert (await label.artist(artist_id)).on_silence == value


async def test_autopilot_is_turned_off_from_a_note_which_then_has_no_button(label: FakeLabel) -> None:
    artist_id = await label.take_on()
    screen = await label.send(OPERATOR, "/autopilot NOVA VALE on")
    assert "go out unasked" in text_of(screen)
    assert (await label.artist(artist_id)).autopilot_enabled
    shown = await label.press(OPERATOR, f"x:autopilot.off:{artist_id}")
    assert (shown.spent, shown.screen, shown.alert) == (True, None, False)
    assert not (await label.artist(artist_id)).autopilot_enabled


async def test_a_song_is_started_with_a_wish_and_once_for_a_command_that_comes_twice(
    label: FakeLabel,
) -> None:
    await label.take_on()
    await label.take_on("Nova: Reborn")
    for _ in range(2):
        screen = await label.send(OPERATOR, "/new nova vale: slower: <b>much</b>", key="telegram/1/new")
        assert "A new song is started" in text_of(screen)
    await label.send(OPERATOR, "/new Nova: Reborn: faster")
    notes = await label.sql.fetch("SELECT note FROM scheduler.runs ORDER BY created_at")
    assert [row["note"] for row in notes] == ["slower: <b>much</b>", "faster"]


async def test_a_button_for_a_new_song_starts_one_however_often_it_is_pressed(label: FakeLabel) -> None:
    artist_id = await label.take_on()
    button = buttons(await label.send(OPERATOR, "/artist Nova Vale"))["🎤 New song"]
    first = await label.press(OPERATOR, button)
    assert first.toast == "🎤 A new song is started."
    await label.press(OPERATOR, button)
    assert len(await label.runs()) == 1
    fresh = buttons(await label.send(OPERATOR, "/new"))["Nova Vale"]
    assert fresh != button
    await label.press(OPERATOR, fresh)
    assert [run.artist_id for run in await label.runs()] == [artist_id, artist_id]


async def test_no_song_is_started_for_a_paused_artist_and_it_is_said_why(label: FakeLabel) -> None:
    artist_id = await label.take_on()
    await label.press(OPERATOR, f"x:pause:{artist_id}")
    shown = await label.press(OPERATOR, f"x:new:{artist_id}:ticket")
    assert (shown.alert, shown.toast) == (True, "That cannot be done now: the artist is paused.")
    assert await label.runs() == []


async def test_a_run_is_cancelled_only_after_the_question(label: FakeLabel) -> None:
    run = await label.scheduler.waiting(await label.take_on())
    asked = await label.press(OPERATOR, f"x:cancel:{run.id}")
    assert "Really cancel “Harbour Lights”?" in text_of(asked.screen)
    assert buttons(asked.screen) == {
        "🛑 Yes, cancel it": f"c:cancel:{run.id}",
        "« No, back": f"p:run:{run.id}",
    }
    assert (await label.scheduler.get(run.id)).state == sched.RUN_STATE_AWAITING_APPROVAL
    by_command = await label.send(OPERATOR, f"/cancel {run.id[4:12]}")
    assert buttons(by_command) == buttons(asked.screen)
    for _ in range(2):
        done = await label.press(OPERATOR, f"c:cancel:{run.id}", key="telegram/1/yes")
        assert (done.alert, done.toast) == (False, "🛑 The run is cancelled.")
    assert "cancelled" in text_of(done.screen)
    assert (await label.scheduler.get(run.id)).state == sched.RUN_STATE_CANCELLED
    late = await label.press(OPERATOR, f"c:cancel:{run.id}")
    assert late.toast == "The run was cancelled already."
    nothing = await label.press(OPERATOR, f"x:cancel:{run.id}")
    assert "nothing to cancel" in text_of(nothing.screen)


async def test_a_failed_run_is_taken_up_again_once(label: FakeLabel) -> None:
    works = label.stages.compose.act
    label.stages.compose.act = Failing(
        works,
        RemoteError(
            grpc.StatusCode.INVALID_ARGUMENT,
            "persona: is <b>odd</b>",
            reason="ERROR_REASON_INVALID_INPUT",
        ),
    )
    run_id = await label.scheduler.start(await label.take_on(), autopilot=True)
    await label.scheduler.until(run_id, "FAILED")
    shown = await label.press(VIEWER, f"p:run:{run_id}")
    assert "❌ invalid input\npersona: is <b>odd</b>\nA retry alone may not help." in text_of(shown.screen)
    assert f"x:retry:{run_id}" not in buttons(shown.screen).values()
    calls = len(label.stages.compose.calls)
    screen = await label.send(OPERATOR, "/retry")
    (button,) = [data for data in buttons(screen).values() if data.startswith("x:retry")]
    first = await label.press(OPERATOR, button, key="telegram/1/again")
    await label.scheduler.until(run_id, "RELEASED")
    second = await label.press(OPERATOR, button, key="telegram/1/again")
    assert first.toast == second.toast == "🔁 The run is under way again."
    late = await label.press(OPERATOR, button)
    assert (late.alert, late.toast) == (True, "That cannot be done now: the run is released.")
    assert "released" in text_of(late.screen)
    assert len(label.stages.compose.calls) == calls + 1


async def test_an_artist_is_retired_only_after_the_question(label: FakeLabel) -> None:
    artist_id = await label.take_on("R <i>D</i>")
    asked = await label.press(OPERATOR, f"x:retire:{artist_id}")
    assert "Really retire R <i>D</i>?" in text_of(asked.screen)
    assert (await label.artist(artist_id)).state == artist_state_pb2.ARTIST_STATE_ACTIVE
    done = await label.press(OPERATOR, buttons(asked.screen)["🛑 Yes, retire"])
    assert done.toast == "🛑 R <i>D</i> is retired."
    assert (await label.artist(artist_id)).state == artist_state_pb2.ARTIST_STATE_RETIRED
    assert not [data for data in buttons(done.screen).values() if data.startswith("x:")]


async def test_all_artists_are_paused_and_resumed_after_the_question(label: FakeLabel) -> None:
    ids = [await label.take_on(f"Artist {number}") for number in range(20)]

    async def states() -> set[int]:
        return {(await label.artist(artist_id)).state for artist_id in ids}

    asked = await label.send(OPERATOR, "/pause all")
    assert "20 artists would be paused" in text_of(asked)
    assert await states() == {artist_state_pb2.ARTIST_STATE_ACTIVE}
    yes = buttons(asked)["⏸ Yes, pause all"]
    done = await label.press(OPERATOR, yes, key="telegram/1/all")
    assert (done.alert, done.toast) == (False, "⏸ Every active artist is paused: no new songs.")
    assert await states() == {artist_state_pb2.ARTIST_STATE_PAUSED}
    # One is resumed before the same press comes again, as after a crash: it stays resumed.
    await label.press(OPERATOR, f"x:resume:{ids[3]}")
    await label.press(OPERATOR, yes, key="telegram/1/all")
    assert (await label.artist(ids[3])).state == artist_state_pb2.ARTIST_STATE_ACTIVE
    asked = (await label.press(OPERATOR, "x:resume.all")).screen
    assert "19 artists would be resumed" in text_of(asked)
    await label.press(OPERATOR, buttons(asked)["▶️ Yes, resume all"])
    assert await states() == {artist_state_pb2.ARTIST_STATE_ACTIVE}
    nobody = (await label.press(OPERATOR, "x:resume.all")).screen
    assert text_of(nobody) == "No artist is paused."


async def budgets(label: FakeLabel, **of: str) -> dict[int, tuple[int, str]]:
    found = await label.peers.artist_db.GetBudgets(db.GetBudgetsRequest(**of), timeout=CALL_S)
    return {budget.scope: (budget.limit_micro_usd, budget.source) for budget in found.budgets}


async def test_budgets_are_set_and_removed(label: FakeLabel) -> None:
    artist_id = await label.take_on()
    (run_id,) = await label.insert_runs(1, artist_id)
    before = await budgets(label, artist_id=artist_id)
    screen = await label.send(OPERATOR, "/budget day 7.50", key="telegram/1/day")
    assert text_of(screen).startswith("💵 The label: at most $7.50 a day, $7.50 left.")
    await label.send(OPERATOR, "/budget day 8")
    await label.send(OPERATOR, "/budget day 7.50", key="telegram/1/day")
    screen = await label.send(OPERATOR, "/budget artist nova 0")
    assert "Nova Vale: at most $0.00 a day" in text_of(screen)
    await label.send(OPERATOR, f"/budget run {run_id} 0.000042")
    now = await budgets(label, artist_id=artist_id, run_id=run_id)
    assert now == {
        db.BUDGET_SCOPE_DAY: (8_000_000, "own"),
        db.BUDGET_SCOPE_ARTIST: (0, "own"),
        db.BUDGET_SCOPE_RUN: (42, "own"),
    }
    await label.send(OPERATOR, "/budget day off")
    await label.send(OPERATOR, "/budget artist Nova Vale off")
    assert await budgets(label, artist_id=artist_id) == before


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/budget day five", "An amount is US dollars"),
        ("/budget week 5", "the day's, an artist's or a run's"),
        ("/budget artist 5", "the day's, an artist's or a run's"),
        ("/budget week", "the day's, an artist's or a run's"),
        ("/autopilot on", "For whom?"),
        ("/run !!", "is not the id of a run"),
        ("/cancel zzzz", "No run begins with run_zzzz"),
        ("/retry run_" + "0" * 26, "There is no run run_0"),
        ("/new Nova Vale: " + "x" * 1_001, "at most 1,000 characters"),
    ],
)
async def test_what_is_not_understood_is_answered_with_what_is_expected(
    label: FakeLabel, command: str, said: str
) -> None:
    await label.take_on()
    text = text_of(await label.send(OPERATOR, command))
    assert said in text
    assert "For example: /" in text or "at most" in text
    assert await label.runs() == []


async def test_what_is_gone_is_said_to_be_gone(label: FakeLabel) -> None:
    for data in ("x:pause:{art}", "x:new:{art}:t", "c:retire:{art}", "x:retry:{run}", "c:cancel:{run}"):
        shown = await label.press(OPERATOR, data.format(art=new_id("art"), run=new_id("run")))
        assert shown.alert, data
        assert "not there any more" in shown.toast
        assert "There is no such" in text_of(shown.screen)
    for data in ("p:artist:{art}", "p:run:{run}", "x:cancel:{run}", "x:retire:{art}", "p:release:rel_1"):
        shown = await label.press(OPERATOR, data.format(art=new_id("art"), run=new_id("run")))
        assert "There is no such" in text_of(shown.screen), data


@pytest.mark.parametrize(
    "data",
    ["", "p", "p:", "x:", "c:", "x:nothing:1", "c:nothing", "c:new:1", "z:1", "x:autopilot:art_1:maybe"],
)
async def test_a_button_that_is_not_known_changes_nothing(label: FakeLabel, data: str) -> None:
    shown = await label.press(OPERATOR, data)
    assert shown.alert
    assert "not known here" in shown.toast


@pytest.mark.parametrize(
    "data", ["p:waiting:-1", "p:waiting:9999999999999", "p:artists:x:y", "p:runs:x:y:z", "p:errors:x.y"]
)
async def test_a_page_that_never_was_is_the_first(label: FakeLabel, data: str) -> None:
    shown = await label.press(VIEWER, data)
    assert not shown.alert
    assert text_of(shown.screen)


async def test_a_name_that_ends_like_an_order_is_a_name(label: FakeLabel) -> None:
    blink, turn = await label.take_on("Blink 182"), await label.take_on("Turn On")
    await label.take_on("Turning Tables 45")
    limits = db.GetBudgetsRequest(artist_id=blink)
    before = await label.peers.artist_db.GetBudgets(limits, timeout=CALL_S)
    for person in (VIEWER, OPERATOR):
        assert "Blink 182" in text_of(await label.send(person, "/budget artist Blink 182"))
        # Also where it is the beginning of a name.
        assert "Turning Tables" in text_of(await label.send(person, "/budget artist Turning Tables 4"))
    assert await label.peers.artist_db.GetBudgets(limits, timeout=CALL_S) == before
    await label.send(OPERATOR, "/autopilot Turn On")
    assert not (await label.artist(turn)).autopilot_enabled
    await label.send(OPERATOR, "/autopilot Turn On on")
    assert (await label.artist(turn)).autopilot_enabled


async def test_a_yes_to_some_is_no_yes_to_more(label: FakeLabel) -> None:
    first, second = await label.take_on("One"), await label.take_on("Two")
    await label.send(OPERATOR, "/pause One")
    yes = next(data for data in buttons(await label.send(OPERATOR, "/resume all")).values() if data[0] == "c")
    await label.send(OPERATOR, "/pause Two")
    asked_anew = await label.press(OPERATOR, yes)
    assert "2 artists would be resumed" in text_of(asked_anew.screen)
    assert (await label.artist(first)).state == artist_state_pb2.ARTIST_STATE_PAUSED
    again = next(data for data in buttons(asked_anew.screen).values() if data[0] == "c")
    await label.press(OPERATOR, again)
    for artist_id in (first, second):
        assert (await label.artist(artist_id)).state == artist_state_pb2.ARTIST_STATE_ACTIVE
