"""What a songwriter is shown of charts. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiartist.artist_db.v1 import trend_pb2
from services.orchestrator.reflection.words import without_addresses

MOST_SHOWN = 20
"""Items shown to an artist that follows charts all the way."""
LEAST_SHOWN = 3
MAX_LINE = 120


@dataclass(frozen=True, slots=True)
class Digest:
    """A part of the newest charts that suit an artist, cut to size; text from outside, no order."""

    alignment: float = 0.0
    """0 to 1: how far the song is to follow; 0: not at all, and then there are no lines."""
    lines: Sequence[str] = ()
    """A line for each item shown, for a person to read: rank, title, who plays it."""
    titles: Sequence[str] = ()
    """Titles of all items of these charts: none is to be the title of the new song."""
    uses: Sequence[trend_pb2.TrendUse] = field(default_factory=tuple)
    """For the brief's provenance."""


NOTHING = Digest()


def alignment_of(told: float) -> float:
    """A persona's `trend_alignment` within its bounds; 0 for what is no number."""
    return min(1.0, max(0.0, told)) if math.isfinite(told) else 0.0


def digest_of(
    snapshots: Sequence[trend_pb2.TrendSnapshot], *, genre: str, countries: Sequence[str], alignment: float
) -> Digest:
    """The part of these charts, the newest of each, that an artist of a genre is shown.

    Charts of the genre come before those of all genres; of each kind, the first places of every chart before
    the second ones. A song that several charts hold is shown once.
    """
    own = _suiting(snapshots, genre, countries) if genre else []
    charts = [*own, *_suiting(snapshots, "", countries)]
    if not charts or alignment <= 0:
        return NOTHING
    most = max(LEAST_SHOWN, round(MOST_SHOWN * alignment))
    lines: list[str] = []
    shown: dict[str, int] = {}
    known: set[tuple[str, str]] = set()
    for group in (own, charts[len(own) :]):
        for place, snapshot in _turns(group):
            if len(lines) == most:
                break
            item = snapshot.items[place]
            shown[snapshot.id] = place + 1
            song = (item.title.casefold(), item.artist_name.casefold())
            if song not in known:
                known.add(song)
                lines.append(line_of(item))
    return Digest(
        alignment=alignment,
        lines=tuple(lines),
        titles=tuple(dict.fromkeys(item.title for snapshot in charts for item in snapshot.items)),
        uses=tuple(
            trend_pb2.TrendUse(
                snapshot_id=snapshot.id,
                source=snapshot.source,
                country=snapshot.country,
                genre=snapshot.genre,
                items=shown[snapshot.id],
                alignment=alignment,
            )
            for snapshot in charts
            if snapshot.id in shown
        ),
    )


def line_of(item: trend_pb2.TrendItem) -> str:
    """For example `3. Glass Harbour – Mira Sol`; at most 120 characters, without addresses."""
    who = f" – {item.artist_name}" if item.artist_name else ""
    line = f"{item.rank}. {without_addresses(f'{item.title}{who}')}"
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1].rstrip()}…"


def _suiting(
    snapshots: Sequence[trend_pb2.TrendSnapshot], genre: str, countries: Sequence[str]
) -> list[trend_pb2.TrendSnapshot]:
    """Charts of a genre that are of these countries or of none, in the same order every time."""
    order = {country: place for place, country in enumerate(["", *countries])}
    found = [one for one in snapshots if one.genre == genre and one.country in order and one.items]
    return sorted(found, key=lambda one: (order[one.country], one.source, one.id))


def _turns(
    charts: Sequence[trend_pb2.TrendSnapshot],
) -> list[tuple[int, trend_pb2.TrendSnapshot]]:
    """The first item of each chart, then the second of each, and so on."""
    longest = max((len(chart.items) for chart in charts), default=0)
    return [(place, chart) for place in range(longest) for chart in charts if place < len(chart.items)]
