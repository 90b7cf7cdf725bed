"""What a reflector is told: numbered facts of the label's own, and what people said, apart from them. Pure.

The numbers of facts depend on what was known when the run ended and on nothing later, so that a recorded
answer fits when it is read again after a crash.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiartist.artist_db.v1.artist_db_pb2 import StoredBrief
from aiartist.artist_db.v1.life_pb2 import Blame, PersonaChange, RunOutcome
from aiartist.common.v1.brief_pb2 import Brief, Section
from aiartist.common.v1.decision_pb2 import Verdict
from services.chassis.persona_fields import told
from services.orchestrator.gateway.outgoing import Material
from services.orchestrator.reflection.words import cleaned

MOST_SONGS = 20
MOST_CHANGES = 10
MOST_QUOTE = 300
"""Characters of what somebody said."""
MOST_FACT = 290
MOST_LYRICS = 600

_KINDS = {
    PersonaChange.STATE_REFUSED: "was refused, it broke a bound",
    PersonaChange.STATE_PROPOSED: "waits for a person",
    PersonaChange.STATE_DECLINED: "was declined by a person",
    PersonaChange.STATE_APPLIED: "was made",
    PersonaChange.STATE_LAPSED: "lapsed without an answer",
}
"""States of changes that say something."""


@dataclass(slots=True)
class Facts:
    """Facts by number, and texts of others that belong to them."""

    texts: list[str] = field(default_factory=list)
    quotes: dict[int, str] = field(default_factory=dict)
    """What somebody said about a fact, by the fact's number."""
    lyrics: str = ""

    def add(self, text: str, quote: str = "") -> None:
        """The next fact."""
        self.texts.append(cleaned(text, MOST_FACT))
        if quote := cleaned(quote, MOST_QUOTE):
            self.quotes[len(self.texts)] = quote

    @property
    def lines(self) -> list[str]:
        """Each with its name."""
        return [f"F{number}: {text}" for number, text in enumerate(self.texts, start=1)]

    @property
    def materials(self) -> list[Material]:
        """What others said, to be fenced."""
        found = [Material(f"The reason given in F{number}", quote) for number, quote in self.quotes.items()]
        return found + ([Material("The beginning of the lyrics of F2", self.lyrics)] if self.lyrics else [])

    def evidence(self, name: str) -> str:
        """A fact in words, for people; empty: there is no such fact."""
        number = (
            int(name[1:])
            if len(name) <= 4 and name[:1] == "F" and name[1:].isdecimal() and name.isascii()
            else 0
        )
        if not 1 <= number <= len(self.texts):
            return ""
        quote = self.quotes.get(number, "")
        return cleaned(f"{self.texts[number - 1]} ({quote})" if quote else self.texts[number - 1], MOST_FACT)


def facts_of(
    run_id: str,
    outcomes: Sequence[RunOutcome],
    briefs: Mapping[str, StoredBrief],
    changes: Sequence[PersonaChange],
) -> Facts:
    """The facts about a run and those before it; outcomes and changes newest first."""
    facts = Facts()
    this = next((outcome for outcome in outcomes if outcome.run_id == run_id), None)
    if this is None:
        return facts
    moment = (this.ended_at.seconds, this.ended_at.nanos)
    before = [
        outcome
        for outcome in outcomes
        if outcome.run_id != run_id and (outcome.ended_at.seconds, outcome.ended_at.nanos) <= moment
    ][:MOST_SONGS]
    facts.add(f"this song {_end(this)}", this.decision.reason)
    brief = briefs.get(this.brief_id)
    facts.add(f"this song was {_whole_song(brief.brief)}{_with(brief)}" if brief else "no song was written")
    if brief:
        lines = [line for section in brief.brief.sections for line in section.lines]
        facts.lyrics = cleaned(" / ".join(lines), MOST_LYRICS)
    facts.add(_summary([this, *before]))
    for outcome in before:
        known = briefs.get(outcome.brief_id)
        song = f"{_song(known.brief)}{_with(known)}" if known else f"a song {cleaned(outcome.title, 60)!r}"
        facts.add(f"{song}; it {_end(outcome)}", outcome.decision.reason)
    for change in [c for c in changes if (c.created_at.seconds, c.created_at.nanos) <= moment][:MOST_CHANGES]:
        if change.state in _KINDS and change.HasField("change"):
            facts.add(_change(change))
    return facts


def _end(outcome: RunOutcome) -> str:
    """How a run ended, with its numbers."""
    verdict = Verdict.Name(outcome.decision.verdict).removeprefix("VERDICT_").lower().replace("_", " ")
    parts = [f"ended {outcome.state}"]
    if outcome.HasField("decision") and outcome.decision.verdict:
        parts.append(f"decision {verdict}")
    if outcome.failure_reason:
        parts.append(f"failed by {cleaned(outcome.failure_reason, 60)}")
    if outcome.takes:
        parts.append(f"{outcome.takes} take{'s' if outcome.takes > 1 else ''}")
    if outcome.HasField("review"):
        parts.append(f"review {outcome.review:.2f}")
    if outcome.HasField("score"):
        parts.append(f"listeners' score {outcome.score:.2f}, sure {outcome.score_sureness:.2f}")
    parts.append(f"cost ${outcome.cost_micro_usd / 1e6:.4f}")
    return ", ".join(parts)


def _song(brief: Brief) -> str:
    """A song in a phrase."""
    return (
        f"{cleaned(brief.title, 60)!r} about {cleaned(brief.theme, 60)}, {cleaned(brief.mood, 30)}, "
        f"{brief.tempo_bpm} bpm, {brief.key}"
    )


def _whole_song(brief: Brief) -> str:
    form = " ".join(
        Section.Kind.Name(section.kind).removeprefix("KIND_").lower() for section in brief.sections[:20]
    )
    instruments = ", ".join(cleaned(name, 30) for name in brief.instruments[:6])
    return f"{_song(brief)}, instruments {instruments or 'usual'}, form {form}"


def _with(brief: StoredBrief) -> str:
    """What else was at work in a song, so that the persona is not blamed for it."""
    parts = [", under an experiment"] if brief.arms else []
    if brief.trends:
        parts.append(f", with an eye on {len(brief.trends)} chart{'s' if len(brief.trends) > 1 else ''}")
    return "".join(parts)


def _summary(outcomes: Sequence[RunOutcome]) -> str:
    """The last songs in numbers."""
    ends = Counter(outcome.state for outcome in outcomes)
    blames = Counter(outcome.blame for outcome in outcomes)
    told_ends = ", ".join(f"{count} {state}" for state, count in sorted(ends.items()))
    reviews = [outcome.review for outcome in outcomes if outcome.HasField("review")]
    scores = [outcome.score for outcome in outcomes if outcome.HasField("score")]
    parts = [
        f"of the last {len(outcomes)} songs: {told_ends}",
        f"{blames[Blame.BLAME_APPROVED]} approved, {blames[Blame.BLAME_REJECTED]} rejected",
        f"median review {_median(reviews):.2f}" if reviews else "no reviews",
        f"median score {_median(scores):.2f} of {len(scores)} released" if scores else "no scores yet",
        f"cost ${sum(outcome.cost_micro_usd for outcome in outcomes) / 1e6:.4f} in all",
    ]
    return "; ".join(parts)


def _median(values: Sequence[float]) -> float:
    ranked = sorted(values)
    middle = len(ranked) // 2
    return ranked[middle] if len(ranked) % 2 else (ranked[middle - 1] + ranked[middle]) / 2


def _change(change: PersonaChange) -> str:
    step = change.change
    old, new = (cleaned(told(value), 80) for value in (getattr(step, "from"), step.to))
    return f"an earlier change of {cleaned(step.field, 40)} from {old} to {new} {_KINDS[change.state]}"
