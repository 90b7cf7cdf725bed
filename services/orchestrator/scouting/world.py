"""What a new artist must be unlike: the label's artists, and whoever is in the charts that are kept. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiartist.artist_db.v1 import artist_db_pb2, artist_state_pb2, performance_pb2
from aiartist.common.v1.persona_pb2 import Persona
from services.chassis.genres import spoken
from services.chassis.titles import faults
from services.orchestrator.scouting.likeness import (
    MOST_LIKENESS,
    likeness,
    mentioned,
    name_faults,
    near,
    parties,
    related,
)

MOST_SHOWN = 60
_STYLE_SHOWN = 160
_FROM_OUTSIDE = frozenset({"address", "handle"})
"""Faults of titles that no text of a persona may have either."""


@dataclass(frozen=True, slots=True)
class World:
    """Whom the scout knows of."""

    living: Sequence[Persona]
    """The label's artists but the retired ones."""
    retired: Sequence[Persona]
    charted: Sequence[str]
    """Everybody in the charts, each once."""
    scores: Sequence[str]
    """How releases do, a line a genre."""

    @classmethod
    def of(
        cls,
        artists: Iterable[artist_db_pb2.Artist],
        charted: Iterable[str],
        scores: Iterable[performance_pb2.ReleaseScore],
    ) -> "World":
        """From what artist_db has."""
        artists = list(artists)
        retired = [a.persona for a in artists if a.state == artist_state_pb2.ARTIST_STATE_RETIRED]
        living = [a.persona for a in artists if a.state != artist_state_pb2.ARTIST_STATE_RETIRED]
        names = dict.fromkeys(name for billing in charted for name in parties(billing))
        return cls(living, retired, list(names), _by_genre(artists, scores))

    @property
    def roster(self) -> list[str]:
        """The artists for a prompt, a line each."""
        return [
            f"{persona.name} - {spoken(persona.genre)} - {persona.style[:_STYLE_SHOWN]}"
            for persona in self.living[:MOST_SHOWN]
        ]

    @property
    def other_names(self) -> list[str]:
        """Names that are taken and not in `roster`."""
        return [persona.name for persona in (*self.living[MOST_SHOWN:], *self.retired)]

    @property
    def languages(self) -> list[str]:
        """Those that the label sings in; English where it has nobody."""
        return sorted({persona.language for persona in self.living if persona.language}) or ["en"]

    def has(self, persona: Persona) -> bool:
        """True where the label has this very artist."""
        return any(
            (known.name, known.style, known.themes) == (persona.name, persona.style, persona.themes)
            for known in self.living
        )


def problems_of(persona: Persona, world: World) -> list[str]:
    """Why a persona can't be the label's next artist, a sentence each; empty: nothing is known against it."""
    found = name_faults(persona.name)
    for known in (*world.living, *world.retired):
        if related(persona.name, known.name):
            found.append(
                f"the name {persona.name!r} is too near to that of {known.name!r}, who is with the label"
            )
            break
    if taken := next((name for name in world.charted if near(persona.name, name)), ""):
        found.append(f"the name {persona.name!r} is too near to that of {taken!r}, who is real")
    alike = [(likeness(persona, known), known.name) for known in world.living]
    if alike and max(alike)[0] >= MOST_LIKENESS:
        found.append(f"it is too much like {max(alike)[1]!r}; take other themes, moods and another manner")
    texts = [persona.style, persona.bio, persona.visual.motif, *persona.themes]
    texts += [persona.voice.timbre, persona.voice.delivery, *persona.instruments, *persona.moods]
    if real := mentioned("\n".join(texts), world.charted):
        found.append(f"it names {real!r}, who is real; leave out everybody real")
    if any(fault.rule in _FROM_OUTSIDE for text in texts for fault in faults(text)):
        found.append("leave out web addresses, e-mail addresses, handles and hashtags")
    return found


def _by_genre(
    artists: Iterable[artist_db_pb2.Artist], scores: Iterable[performance_pb2.ReleaseScore]
) -> list[str]:
    """The mean score of each genre's releases, each weighed by how sure it is."""
    genres = {artist.id: artist.persona.genre for artist in artists}
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for score in scores:
        if score.sureness and score.artist_id in genres:
            found[genres[score.artist_id]].append((score.score, score.sureness))
    return [
        f"{spoken(genre)}: {sum(s * w for s, w in each) / sum(w for _, w in each):.2f}, {len(each)} releases"
        for genre, each in sorted(found.items())
    ]
