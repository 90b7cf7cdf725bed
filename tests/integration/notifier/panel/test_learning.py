"""What the panel shows and changes of artists' lives and personas, over a real artist_db."""

import itertools
from typing import Any

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2, life_pb2
from aiartist.common.v1 import decision_pb2
from services.chassis.persona_fields import value_of
from tests.support.fake_label import APPROVER, CALL_S, OPERATOR, VIEWER, FakeLabel, buttons, text_of
from tests.support.label import persona

ORDERS = (
    "x:evolve.auto:{artist}",
    "x:take_on:{artist}",
    "x:turn_down:{artist}",
    "c:turn_down:{artist}",
    "x:restore:{artist}:1",
    "c:restore:{artist}:1:1",
    "x:undo:1:1",
    "c:undo:1:1",
    "x:agree:1:1",
    "x:decline:1:1",
)


async def candidate(label: FakeLabel, name: str) -> str:
    request = db.CreateArtistRequest(persona=persona(name), candidate=True)
    return str((await label.peers.artist_db.CreateArtist(request, timeout=CALL_S)).artist.id)


async def move(label: FakeLabel, artist_id: str, to: artist_state_pb2.ArtistState.ValueType) -> None:
    request = life_pb2.MoveArtistRequest(artist_id=artist_id, to_state=to, moved_by="test", reason="a test")
    await label.peers.artist_db.MoveArtist(request, timeout=CALL_S)


async def edit(label: FakeLabel, artist_id: str, **fields: Any) -> None:
    """The artist's next persona version."""
    artist = await label.artist(artist_id)
    changed = persona(artist.persona.name, **fields)
    request = db.UpdateArtistRequest(artist_id=artist_id, etag=artist.etag, persona=changed, reason="by hand")
    await label.peers.artist_db.UpdateArtist(request, timeout=CALL_S)


async def proposed(label: FakeLabel, artist_id: str, field: str, to: str, *, runs: int = 12) -> str:
    """A change that a reflection wants after so many rejected and approved songs; its id."""
    for number in range(runs):
        outcome = life_pb2.RunOutcome(
            run_id=f"run_{number:026}", artist_id=artist_id, state="REJECTED", ending=1
        )
        approved = number % 2 == 0
        outcome.decision.verdict = (
            decision_pb2.VERDICT_APPROVED if approved else decision_pb2.VERDICT_REJECTED
        )
        outcome.state = "RELEASED" if approved else "REJECTED"
        outcome.decision.decided_by = "telegram:anna"
        outcome.decision.reason = "too dark"
        outcome.started_at.GetCurrentTime()
        outcome.ended_at.GetCurrentTime()
        outcome.decision.decided_at.GetCurrentTime()
        request = life_pb2.RecordRunOutcomeRequest(outcome=outcome)
        await label.peers.artist_db.RecordRunOutcome(request, timeout=CALL_S)
    artist = await label.artist(artist_id)
    proposal = life_pb2.ProposeChangeRequest(
        run_id=f"run_{runs - 1:026}",
        artist_id=artist_id,
        persona_version=artist.persona_version,
        reason="half of the songs were too dark",
        evidence=["6 of 12 rejected: too dark"],
        model="openai/gpt-5",
    )
    before = value_of(artist.persona, field)
    proposal.change.CopyFrom(life_pb2.FieldChange(field=field, to=to, **{"from": before}))
    change = (await label.peers.artist_db.ProposeChange(proposal, timeout=CALL_S)).change
    assert change.state == life_pb2.PersonaChange.STATE_PROPOSED, change.outcome
    return str(change.id)


async def test_who_is_no_operator_changes_no_life(label: FakeLabel) -> None:
    artist_id = await label.take_on()
    before = await label.artist(artist_id)
    for person, data in itertools.product((VIEWER, APPROVER), ORDERS):
        shown = await label.press(person, data.format(artist=artist_id))
        assert (shown.alert, shown.screen) == (True, None), data
        assert "operator" in shown.toast
    assert await label.artist(artist_id) == before


async def test_what_becomes_of_a_persona_is_set_with_a_button(label: FakeLabel) -> None:
    artist_id = await label.take_on()
    screen = (await label.press(VIEWER, f"p:artist:{artist_id}")).screen
    assert "The persona changes with a person's yes" in text_of(screen)
    shown = await label.press(OPERATOR, f"x:evolve.auto:{artist_id}")
    assert shown.toast == "The persona of Nova Vale changes by itself, within bounds."
    assert buttons(shown.screen)["✅ auto"] == f"x:evolve.auto:{artist_id}"
    assert (await label.artist(artist_id)).evolve == db.EVOLVE_AUTO


async def test_an_evolving_artist_is_paused_alone_and_with_all(label: FakeLabel) -> None:
    one, two = await label.take_on("Eve Old"), await label.take_on("Two")
    await move(label, one, artist_state_pb2.ARTIST_STATE_EVOLVING)
    shown = await label.press(OPERATOR, f"x:pause:{one}")
    assert shown.toast == "⏸ Eve Old is paused: no new songs."
    await move(label, one, artist_state_pb2.ARTIST_STATE_EVOLVING)
    asked = (await label.press(OPERATOR, "x:pause.all")).screen
    assert "2 artists would be paused" in text_of(asked)
    await label.press(OPERATOR, buttons(asked)["⏸ Yes, pause all"])
    for artist_id in (one, two):
        assert (await label.artist(artist_id)).state == artist_state_pb2.ARTIST_STATE_PAUSED


async def test_the_last_move_is_undone_once_however_often_its_yes_comes(label: FakeLabel) -> None:
    artist_id = await label.take_on()
    await label.press(OPERATOR, f"x:pause:{artist_id}")
    screen = (await label.press(OPERATOR, f"p:artist:{artist_id}")).screen
    assert "s: by telegram:olga" in text_of(screen)
    asked = (await label.press(OPERATOR, buttons(screen)["↩️ Undo: active again"])).screen
    assert "Really make Nova Vale active again?" in text_of(asked)
    yes = buttons(asked)["↩️ Yes, undo it"]
    done = await label.press(OPERATOR, yes, key="telegram/1/undo")
    assert done.toast == "↩️ Undone: the artist is active again."
    assert (await label.press(OPERATOR, yes, key="telegram/1/undo")).toast == done.toast
    late = await label.press(OPERATOR, yes)
    assert late.alert
    assert "cannot be done now" in late.toast
    assert (await label.artist(artist_id)).state == artist_state_pb2.ARTIST_STATE_ACTIVE


async def test_candidates_wait_among_the_proposals_until_somebody_decides(label: FakeLabel) -> None:
    one, two = await candidate(label, "Ada Moss"), await candidate(label, "Ben Tide")
    screen = await label.send(VIEWER, "/proposals")
    assert text_of(screen).startswith("🌱 2 new artists wait for a yes\nAda Moss")
    seen = (await label.press(OPERATOR, buttons(screen)["🌱 Ada Moss"])).screen
    assert "Themes: night drive, harbour lights" in text_of(seen)
    assert "🎤 New song" not in buttons(seen)
    taken = await label.press(OPERATOR, buttons(seen)["✅ Take on"])
    assert taken.spent
    assert (await label.artist(one)).state == artist_state_pb2.ARTIST_STATE_ACTIVE
    asked = (await label.press(OPERATOR, f"x:turn_down:{two}")).screen
    await label.press(OPERATOR, buttons(asked)["❌ Yes, decline"])
    assert (await label.artist(two)).state == artist_state_pb2.ARTIST_STATE_RETIRED
    again = await label.press(OPERATOR, f"x:take_on:{two}")
    assert (again.alert, again.toast) == (True, "That cannot be done now: the artist is retired.")
    assert "✅ No change and no new artist" in text_of(await label.send(VIEWER, "/proposals"))


async def test_a_persona_is_taken_back_to_a_version_that_is_shown(label: FakeLabel) -> None:
    artist_id = await label.take_on()
    await edit(label, artist_id, moods=["bright"])
    screen = (await label.press(OPERATOR, f"p:persona:{artist_id}")).screen
    assert "Version 2 · current" in text_of(screen)
    assert "by hand" in text_of(screen)
    asked = (await label.press(OPERATOR, buttons(screen)["↩️ Back to 1"])).screen
    yes = buttons(asked)["↩️ Yes, take it back"]
    await edit(label, artist_id, moods=["brighter"])
    stale = await label.press(OPERATOR, yes)
    assert (stale.alert, stale.toast) == (
        True,
        "It was changed since you were asked. Look again, then decide.",
    )
    asked = (await label.press(OPERATOR, f"x:restore:{artist_id}:1")).screen
    done = await label.press(OPERATOR, buttons(asked)["↩️ Yes, take it back"])
    assert done.toast == "↩️ Nova Vale is as in version 1 again: it is version 4 now."
    assert list((await label.artist(artist_id)).persona.moods) == []


async def test_a_version_that_is_none_is_not_restored(label: FakeLabel) -> None:
    artist_id = await label.take_on()
    for version in ("0", "7", "x", "-1", "9" * 20, "²"):
        shown = await label.press(OPERATOR, f"x:restore:{artist_id}:{version}")
        assert text_of(shown.screen) == "There is no such version any more.", version


async def test_a_change_that_waits_is_found_from_the_artist_and_agreed_to_once(label: FakeLabel) -> None:
    artist_id = await label.take_on()
    await proposed(label, artist_id, "moods", '["bright"]')
    assert "🧬 1 change waits for a yes" in text_of(await label.send(VIEWER, "/proposals"))
    screen = (await label.press(OPERATOR, f"p:artist:{artist_id}")).screen
    seen = (await label.press(OPERATOR, buttons(screen)["⏳ Waits for a yes: moods"])).screen
    assert "- (nothing)\n+ bright" in text_of(seen)
    agree = buttons(seen)["✅ Agree"]
    done = await label.press(OPERATOR, agree, key="telegram/1/agree")
    assert (done.toast, done.spent) == ("✅ Agreed: it is persona version 2.", True)
    assert "Version 2 has it, agreed to by olga" in text_of(done.screen)
    assert (await label.press(OPERATOR, agree, key="telegram/1/agree")).toast == done.toast
    assert (await label.press(OPERATOR, agree)).toast == "It was agreed to already."
    late = await label.press(OPERATOR, buttons(seen)["❌ Decline"])
    assert (late.alert, late.toast) == (True, "That cannot be done now: the change is applied.")
    asked = (await label.press(OPERATOR, buttons(done.screen)["↩️ Take it back"])).screen
    await label.press(OPERATOR, buttons(asked)["↩️ Yes, take it back"])
    artist = await label.artist(artist_id)
    assert (artist.persona_version, list(artist.persona.moods)) == (3, [])
