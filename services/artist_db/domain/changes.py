"""How far a reflection may change a persona: one field at a time, a small step, never who the artist is.

Nothing is believed of what a reflector says: the step is measured from the persona that is kept to the value
that is wanted, and the whole persona is checked again afterwards.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from aiartist.common.v1.persona_pb2 import Persona
from services.artist_db.domain.changes_text import text_problem, words_of
from services.artist_db.domain.checks import Checks, shown
from services.artist_db.domain.persona import check_persona
from services.chassis.persona_fields import FIELDS, canonical, top_level, value_of, with_value

MOST_ENTRIES = 2
"""Entries of a list that come, and that go, at most."""
MOST_BANNED = 5
"""Banned words that come at most; none goes."""
MOST_NEW_WORDS = 60
"""Words that come into a style at most."""
MOST_BPM = 8
"""Beats a minute that each end of the tempo moves at most."""
MOST_MS = 15_000
"""Milliseconds that the wanted length moves at most."""
MOST_ALIGNMENT = 0.1
"""How far the trend alignment moves at most."""
_ROUNDING = 1e-9

IDENTITY = frozenset(
    {
        "name",
        "genre",
        "language",
        "preserve_core_identity",
        "voice.timbre",
        "voice.point_of_view",
        "visual.palette",
    }
)
"""What no reflection changes, whatever the artist's own list says."""


class Refused(Exception):
    """A change that may not be made; the text says which bound it breaks, for people."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What settings say."""

    a_week: int = 2
    """Changes in 7 days at most, of an EVOLVING artist twice as many; 0: none."""
    min_decided: int = 5
    """Songs that were decided since the last change, at least."""

    def most(self, *, evolving: bool) -> int:
        """Changes in 7 days at most."""
        return self.a_week * (2 if evolving else 1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A step from one value of a field to another; both are JSON."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Bound:
    """How far a field may change: in words, and as what is wrong with a step from one value to another."""

    told: str
    problem: Callable[[Any, Any], str]
    """Of two values of the field's kind; the end of a sentence, empty: nothing is wrong."""


def changed(persona: Persona, wanted: Wanted) -> Persona:
    """The persona with the change; Refused where it breaks a bound. All other fields are as they were."""
    check_allowed(persona, wanted.field)
    current = value_of(persona, wanted.field)
    try:
        old, new = canonical(wanted.field, wanted.old), canonical(wanted.field, wanted.new)
    except ValueError as error:
        raise Refused(str(error)) from error
    if old != current:
        raise Refused(f"{wanted.field} is stale: it is not {_short(old)}, but {_short(current)}")
    if new == current:
        raise Refused(f"{wanted.field} is {_short(current)} already")
    if problem := BOUNDS[wanted.field].problem(json.loads(current), json.loads(new)):
        raise Refused(f"{wanted.field} {problem}")
    whole = with_value(persona, wanted.field, new)
    checks = Checks()
    check_persona(checks, "persona", whole)
    if checks.found:
        violation = checks.found[0]
        raise Refused(f"{violation.field.removeprefix('persona.')} {violation.description}")
    assert differences(persona, whole) == (wanted.field,), "one field changes and no other"
    return whole


def canonical_step(wanted: Wanted) -> Wanted | None:
    """The same step with values that compare; None where they are no values of the field."""
    try:
        return Wanted(wanted.field, canonical(wanted.field, wanted.old), canonical(wanted.field, wanted.new))
    except ValueError:
        return None


def is_stale(persona: Persona, wanted: Wanted) -> bool:
    """True where the field does not have the value any more that the change begins with."""
    step = canonical_step(wanted)
    return step is None or step.old != value_of(persona, wanted.field)


def check_allowed(persona: Persona, field: str) -> None:
    """Refused where no reflection may change the field of this artist."""
    if field not in FIELDS:
        raise Refused(f"{shown(field)} is not a field of a persona")
    if field not in BOUNDS:
        raise Refused(f"{field} is who the artist is: no reflection changes it")
    if top_level(field) in persona.preserve_core_identity:
        raise Refused(f"{field} is in the artist's preserve_core_identity: no reflection changes it")
    if field == "tempo" and not persona.HasField("tempo"):
        raise Refused("tempo is the genre's usual one: only a person gives the artist one of its own")


def changeable(persona: Persona) -> Mapping[str, Bound]:
    """The fields that a reflection may change of this artist, with their bounds."""
    found = {}
    for field, bound in BOUNDS.items():
        try:
            check_allowed(persona, field)
        except Refused:
            continue
        found[field] = bound
    return found


def differences(before: Persona, after: Persona) -> tuple[str, ...]:
    """The fields in which two personas differ."""
    return tuple(field for field in FIELDS if value_of(before, field) != value_of(after, field))


def came_and_went(old: Any, new: Any) -> tuple[set[str], set[str]]:
    """What a step adds and takes away: entries of lists, words of texts, of numbers the way that they go."""
    if isinstance(old, list) and isinstance(new, list):
        before, after = {entry.casefold() for entry in old}, {entry.casefold() for entry in new}
    elif isinstance(old, str) and isinstance(new, str):
        before, after = set(words_of(old)), set(words_of(new))
    elif isinstance(old, dict) and isinstance(new, dict):
        before = {f"{end} {'down' if new[end] > old[end] else 'up'}" for end in old if new[end] != old[end]}
        after = {f"{end} {'up' if new[end] > old[end] else 'down'}" for end in old if new[end] != old[end]}
    elif isinstance(old, int | float) and isinstance(new, int | float) and old != new:
        before, after = ({"down"}, {"up"}) if new > old else ({"up"}, {"down"})
    else:
        return set(), set()
    return after - before, before - after


def repeats(earlier: Wanted, wanted: Wanted) -> bool:
    """True where a change does again what an earlier one did.

    Of a list: it adds an entry that the other added, or takes one away that the other took. Of a text: half
    of the words that it adds are among those that the other added. Of a number: it goes the same way.
    """
    if earlier.field != wanted.field:
        return False
    if wanted.new == earlier.new:
        return True
    old, new = json.loads(wanted.old), json.loads(wanted.new)
    came, went = came_and_went(old, new)
    earlier_came, earlier_went = came_and_went(json.loads(earlier.old), json.loads(earlier.new))
    if isinstance(new, str):
        return 2 * len(came & earlier_came) >= len(came) > 0
    return bool(came & earlier_came or went & earlier_went)


def undoes(step: Wanted, wanted: Wanted) -> bool:
    """True where a change goes back on a person's step: it would repeat the way back."""
    return repeats(Wanted(step.field, step.new, step.old), wanted)


def steps_of_people(field: str, versions: Sequence[tuple[Persona, bool]]) -> list[Wanted]:
    """What people did to a field; versions in order, each with whether a reflection made it."""
    found = []
    for (before, _), (after, by_reflection) in pairwise(versions):
        step = Wanted(field, value_of(before, field), value_of(after, field))
        if not by_reflection and step.old != step.new:
            found.append(step)
    return found


def _phrases(old: list[str], new: list[str]) -> str:
    """A list of phrases: a few come, a few go."""
    came = [entry for entry in new if entry not in old]
    went = [entry for entry in old if entry not in new]
    if len(came) > MOST_ENTRIES:
        return f"may get {MOST_ENTRIES} entries at once, not {len(came)}"
    if len(went) > MOST_ENTRIES:
        return f"may lose {MOST_ENTRIES} entries at once, not {len(went)}"
    if not new:
        return "must not become empty"
    if not came and not went:
        return "has these entries already: their order says nothing"
    return _entries(new, came)


def _more_banned(old: list[str], new: list[str]) -> str:
    """Banned words: more of them only."""
    came = [entry for entry in new if entry not in old]
    if [entry for entry in new if entry in old] != old:
        return "must keep every word that it has, in its order"
    if not came:
        return "has these words already"
    if len(came) > MOST_BANNED:
        return f"may get {MOST_BANNED} words at once, not {len(came)}"
    return _entries(new, came)


def _entries(new: list[str], came: list[str]) -> str:
    twice = [entry for entry, count in Counter(entry.casefold() for entry in new).items() if count > 1]
    if twice:
        return f"must not have {shown(twice[0])} twice"
    return next((f"{problem} in an entry" for entry in came if (problem := text_problem(entry))), "")


def _style(old: str, new: str) -> str:
    """A style: at least half of its words stay, order aside, and not too many come."""
    before, after = Counter(words_of(old)), Counter(words_of(new))
    kept, came = (before & after).total(), (after - before).total()
    if 2 * kept < before.total():
        return f"must keep at least half of its {before.total()} words, keeps {kept}"
    if came > MOST_NEW_WORDS:
        return f"may get {MOST_NEW_WORDS} new words at once, not {came}"
    return text_problem(new, lines=True)


def _text(*, lines: bool) -> Callable[[str, str], str]:
    def problem(old: str, new: str) -> str:
        if not new.strip():
            return "must not become empty"
        return text_problem(new, lines=lines)

    return problem


def _tempo(old: Mapping[str, int], new: Mapping[str, int] | None) -> str:
    if new is None:
        return "must not become empty"
    for end in ("min_bpm", "max_bpm"):
        if abs(new[end] - old[end]) > MOST_BPM:
            return f"may move {MOST_BPM} bpm at each end, not from {old[end]} to {new[end]}"
    return ""


def _number(most: float) -> Callable[[float, float], str]:
    def problem(old: float, new: float) -> str:
        return (
            f"may move {most:,} at once, not from {old:,} to {new:,}"
            if abs(new - old) > most + _ROUNDING
            else ""
        )

    return problem


def _short(value: str) -> str:
    return value if len(value) <= 120 else f"{value[:119]}…"


_LIST = Bound(f"at most {MOST_ENTRIES} entries added and {MOST_ENTRIES} removed, never empty", _phrases)

BOUNDS: Mapping[str, Bound] = {
    "style": Bound(
        f"at most 2,000 characters; at least half of its words stay, at most {MOST_NEW_WORDS} new ones",
        _style,
    ),
    "voice.delivery": Bound("one line of at most 200 characters", _text(lines=False)),
    "themes": _LIST,
    "moods": _LIST,
    "instruments": _LIST,
    "keys": Bound(f"{_LIST.told}; each as `A minor` or `F# major`", _phrases),
    "tempo": Bound(f"each end moves at most {MOST_BPM} bpm, min_bpm at most max_bpm", _tempo),
    "visual.motif": Bound("at most 500 characters, what a cover shows", _text(lines=True)),
    "bio": Bound("at most 1,000 characters, for listeners", _text(lines=True)),
    "banned_words": Bound(f"at most {MOST_BANNED} words added, none removed", _more_banned),
    "target_duration_ms": Bound(f"moves at most {MOST_MS:,} ms; 60,000 to 240,000", _number(MOST_MS)),
    "trend_alignment": Bound(f"moves at most {MOST_ALIGNMENT:g}; 0 to 1", _number(MOST_ALIGNMENT)),
}
"""What a reflection may change, and how far; every other field is IDENTITY."""
