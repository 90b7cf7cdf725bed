"""Orders about errors from the control panel, over the real artist_db and error_analyzer's real servicer."""

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.notifier.peers import PeerAway
from tests.support.error_desk import COMMIT, FIX
from tests.support.fake_label import APPROVER, OPERATOR, VIEWER, FakeLabel, buttons, text_of


async def test_an_error_is_ignored_and_taken_up_again_by_buttons(label: FakeLabel) -> None:
    error = await label.errors.group("analyzed", cause="because")
    screen = (await label.press(OPERATOR, f"p:error:{error}")).screen
    ignored = await label.press(OPERATOR, buttons(screen)["🙈 Ignore"])
    assert (ignored.toast, ignored.alert) == (
        "🙈 Ignored: it is counted, and nothing more is done about it.",
        False,
    )
    assert "ignored" in text_of(ignored.screen)
    assert "by telegram: olga" in text_of(ignored.screen)
    again = await label.press(OPERATOR, f"x:error.ignore:{error}")
    assert (again.toast, again.alert) == ("It is ignored already.", False)
    reopened = await label.press(OPERATOR, buttons(ignored.screen)["🔁 Take up again"])
    assert reopened.toast == "🔁 It is taken up again."
    explained = await label.press(OPERATOR, buttons(reopened.screen)["🔎 Explain again"])
    assert explained.toast == "🔎 It will be explained again."
    group = await label.errors.read(error)
    assert (group.status, group.step.kind, group.step.forced) == ("new", db.ErrorStep.KIND_ANALYZE, True)
    assert group.step.requested_by == "telegram: olga"


async def test_a_fix_is_applied_after_a_question_that_names_it(label: FakeLabel) -> None:
    error = await label.errors.group("fix_suggested", **FIX)
    screen = (await label.press(OPERATOR, f"p:error:{error}")).screen
    asked = await label.press(OPERATOR, buttons(screen)["🔧 Apply the fix"])
    assert "Really apply this fix?" in text_of(asked.screen)
    assert f"proven, {COMMIT[:12]}" in text_of(asked.screen)
    assert (await label.errors.read(error)).step.kind != db.ErrorStep.KIND_APPLY
    yes = buttons(asked.screen)["🔧 Yes, apply it"]
    done = await label.press(OPERATOR, yes, key="telegram/1/yes")
    assert done.toast.startswith("🔧 The fix is about to be applied")
    assert "to be applied" in text_of(done.screen)
    assert (await label.errors.read(error)).step.kind == db.ErrorStep.KIND_APPLY
    repeated = await label.press(OPERATOR, yes, key="telegram/1/yes")
    assert (repeated.toast, repeated.alert) == (done.toast, False)
    other = await label.press(OPERATOR, yes)
    assert other.alert
    assert "about to be fixed" in other.toast


async def test_a_press_about_a_fix_that_another_one_replaced_changes_nothing(label: FakeLabel) -> None:
    error = await label.errors.group("fix_suggested", **FIX)
    await label.errors.report(error, "fix_suggested", **(FIX | {"commit": "e" * 40}))
    asked = await label.press(OPERATOR, f"x:error.apply:{error}:{COMMIT[:12]}")
    assert "Another fix has come since" in text_of(asked.screen)
    done = await label.press(OPERATOR, f"c:error.apply:{error}:{COMMIT[:12]}")
    assert (done.toast, done.alert) == ("Another one has come since. Look again, then decide.", True)
    assert (await label.errors.read(error)).step.kind != db.ErrorStep.KIND_APPLY


async def test_an_applied_fix_is_taken_out_after_a_question(label: FakeLabel) -> None:
    error = await label.errors.group("fix_applied", **FIX)
    asked = await label.press(OPERATOR, f"x:error.revert:{error}")
    assert "Really take this fix out?" in text_of(asked.screen)
    done = await label.press(OPERATOR, buttons(asked.screen)["↩️ Yes, take it out"])
    assert done.toast.startswith("↩️ The fix is about to be taken out")
    assert (await label.errors.read(error)).step.kind == db.ErrorStep.KIND_REVERT
    too_late = await label.press(OPERATOR, f"x:error.apply:{error}:{COMMIT[:12]}")
    assert "That cannot be done now" in text_of(too_late.screen)


async def test_who_is_no_operator_sees_it_all_and_changes_nothing(label: FakeLabel) -> None:
    error = await label.errors.group("fix_suggested", **FIX)
    before = await label.errors.read(error)
    for person in (VIEWER, APPROVER):
        assert "return len(items)" in text_of((await label.press(person, f"p:error.fix:{error}")).screen)
        screen = (await label.press(person, f"p:error:{error}")).screen
        assert not [data for data in buttons(screen).values() if not data.startswith("p:")]
        for verb in (
            "x:error.ignore",
            "x:error.analyze",
            "x:error.reopen",
            "c:error.apply",
            "c:error.revert",
        ):
            shown = await label.press(person, f"{verb}:{error}:{COMMIT[:12]}")
            assert (shown.alert, shown.screen) == (True, None)
            assert "operator" in shown.toast
    assert await label.errors.read(error) == before


async def test_closed_errors_stand_under_a_tab_of_their_own(label: FakeLabel) -> None:
    open_one, ignored = await label.errors.group("analyzed"), await label.errors.group("ignored")
    screen = await label.send(VIEWER, "/errors")
    assert [data for data in buttons(screen).values() if "error:" in data] == [f"p:error:{open_one}"]
    every = (await label.press(VIEWER, buttons(screen)["All"])).screen
    shown = {data for data in buttons(every).values() if data.startswith("p:error:")}
    assert shown == {f"p:error:{open_one}", f"p:error:{ignored}"}
    assert "Open" in buttons(every)


async def test_an_error_that_is_not_there_any_more_is_said_so(label: FakeLabel) -> None:
    for data in (f"p:error:{'f' * 32}", f"p:error.fix:{'f' * 32}", f"x:error.revert:{'f' * 32}"):
        assert "There is no such error any more" in text_of((await label.press(OPERATOR, data)).screen)
    gone = await label.press(OPERATOR, f"x:error.ignore:{'f' * 32}")
    assert (gone.toast, gone.alert) == ("That error is not there any more.", True)


async def test_while_error_analyzer_is_away_errors_are_shown_and_orders_wait(label: FakeLabel) -> None:
    error = await label.errors.group("fix_suggested", **FIX)
    await label.errors.stop()
    screen = (await label.press(OPERATOR, f"p:error:{error}")).screen
    assert "🔧 Apply the fix" not in buttons(screen)
    for data in (f"x:error.ignore:{error}", f"c:error.apply:{error}:{COMMIT[:12]}"):
        with pytest.raises(PeerAway, match="error_analyzer does not answer"):
            await label.press(OPERATOR, data)
