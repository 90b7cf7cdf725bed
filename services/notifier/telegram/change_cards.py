"""A change of a persona as people see it: what, why, what it relies on, how it stands, and its buttons.

Values and reasons come from models and from listeners: they are data, escaped and cut.
"""

from collections.abc import Mapping

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import life_pb2 as life
from services.chassis.persona_fields import told
from services.notifier.telegram import cards
from services.notifier.telegram.post import Button, button
from services.notifier.telegram.text import Rich, block, bold, joined, one_line, plain, quote

PERSONA_ICON = "🧬"
_VALUE_MOST = 500
"""Units of a value on each side of a diff."""
_REASON_MOST = 600
_EVIDENCE_MOST, _FACT_MOST = 8, 160
STATE_WORDS: Mapping[int, str] = {
    life.PersonaChange.STATE_NO_CHANGE: "nothing to change",
    life.PersonaChange.STATE_REFUSED: "refused",
    life.PersonaChange.STATE_PROPOSED: "waits for a yes",
    life.PersonaChange.STATE_DECLINED: "declined",
    life.PersonaChange.STATE_APPLIED: "applied",
    life.PersonaChange.STATE_LAPSED: "lapsed",
}
STATE_ICONS: Mapping[int, str] = {
    life.PersonaChange.STATE_REFUSED: "🚫",
    life.PersonaChange.STATE_PROPOSED: "⏳",
    life.PersonaChange.STATE_DECLINED: "❌",
    life.PersonaChange.STATE_APPLIED: "✅",
    life.PersonaChange.STATE_LAPSED: "⌛",
}


def field_name(change: life.PersonaChange) -> str:
    """Which field, in words: `voice delivery` for `voice.delivery`."""
    return one_line(change.change.field.replace(".", " ").replace("_", " "), 40) or "nothing"


def diff(change: life.PersonaChange) -> Rich:
    """The old value and the new one, as lines that begin with `-` and `+`."""
    if not change.HasField("change"):
        return Rich()
    sides = (getattr(change.change, "from"), change.change.to)
    before, after = (one_line(told(side), _VALUE_MOST) for side in sides)
    return block(f"- {before}\n+ {after}")


def facts(change: life.PersonaChange) -> list[Rich]:
    """What changes, why, what that relies on, and how the change stands."""
    lines = [joined([plain("Field:"), bold(field_name(change))], " "), diff(change)]
    if change.reason:
        lines += [plain("Why:"), quote(plain(one_line(change.reason, _REASON_MOST)))]
    evidence = [f"• {one_line(fact, _FACT_MOST)}" for fact in change.evidence if fact.strip()]
    if evidence:
        shown = evidence[:_EVIDENCE_MOST]
        more = [f"… and {len(evidence) - len(shown)} more"] if len(evidence) > len(shown) else []
        lines += [
            plain("It relies on:"),
            quote(plain("\n".join([*shown, *more])), folded=len(shown) > 3),
        ]
    return [*lines, plain(standing(change))]


def standing(change: life.PersonaChange) -> str:
    """How it stands, in a line: for example `✅ Version 5 has it, agreed to by Vera`."""
    by = cards.signed(change.decided_by)
    outcome = one_line(change.outcome, 200)
    icon = STATE_ICONS.get(change.state, "")
    match change.state:
        case life.PersonaChange.STATE_PROPOSED:
            said = "Nothing is changed without a person's yes"
        case life.PersonaChange.STATE_APPLIED:
            how = f"agreed to by {by}" if by else "changed by itself, within its bounds"
            said = f"Version {change.version} has it, {how}"
        case life.PersonaChange.STATE_DECLINED:
            said = f"Declined by {by}" if by else "Declined"
        case life.PersonaChange.STATE_LAPSED:
            said = f"It lapsed: {outcome}" if outcome else "It lapsed"
        case life.PersonaChange.STATE_REFUSED:
            said = f"Refused: {outcome}" if outcome else "Refused"
        case _:
            said = f"Nothing is changed: {outcome}" if outcome else "Nothing is changed"
    return f"{icon} {said}".strip()


def can_take_back(change: life.PersonaChange, artist: db.Artist | None) -> bool:
    """Whether the version that it became is the artist's still: nothing else would be taken back with it."""
    return (
        change.state == life.PersonaChange.STATE_APPLIED
        and change.version > 1
        and (artist is None or artist.persona_version == change.version)
    )


def orders(change: life.PersonaChange, artist: db.Artist | None) -> list[Button]:
    """What an operator may do about it now; `artist` None: not to be had."""
    if change.state == life.PersonaChange.STATE_PROPOSED:
        which = both_ids(change.id, change.artist_id)
        return [*button("✅ Agree", f"x:agree:{which}"), *button("❌ Decline", f"x:decline:{which}")]
    if can_take_back(change, artist):
        return [*button("↩️ Take it back", f"x:restore:{change.artist_id}:{change.version - 1}")]
    return []


def both_ids(subject_id: str, artist_id: str) -> str:
    """A change or a move with its artist, short enough for a button; `change_of` and `move_of` read it."""
    return f"{subject_id.partition('_')[2]}:{artist_id.removeprefix('art_')}"


def change_of(which: str) -> tuple[str, str]:
    """The ids of a change and its artist, from a button's data."""
    change, _, artist = which.partition(":")
    return f"chg_{change}", f"art_{artist}"


def move_of(which: str) -> tuple[str, str]:
    """The ids of a move and its artist, from a button's data."""
    move, _, artist = which.partition(":")
    return f"mov_{move}", f"art_{artist}"
