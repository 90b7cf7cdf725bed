"""The values that a song is written from and written into."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from aiartist.artist_db.v1.trend_pb2 import TrendUse
from services.orchestrator.domain import Answer
from services.orchestrator.song.form import Kind
from services.orchestrator.song.text import bare_title
from services.orchestrator.trends.digest import NOTHING, Digest


@dataclass(frozen=True, slots=True)
class Singer:
    """An artist as a songwriter needs to know them; defaults are filled in."""

    name: str
    genre: str
    style: str
    themes: tuple[str, ...]
    moods: tuple[str, ...]
    keys: tuple[str, ...]
    tempo: tuple[int, int]
    instruments: tuple[str, ...]
    target_ms: int
    language: str = "en"
    point_of_view: str = "first person"
    timbre: str = ""
    delivery: str = ""
    motif: str = ""
    banned: tuple[str, ...] = ()

    @property
    def english(self) -> bool:
        return self.language.lower().split("-")[0] == "en"


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a song: its kind, its length in bars, its lines."""

    kind: Kind
    bars: int
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Song:
    """A written song."""

    title: str
    theme: str
    mood: str
    tempo_bpm: int
    key: str
    sections: tuple[Section, ...]
    instruments: tuple[str, ...]
    style_prompt: str
    cover_prompt: str
    video_plan: tuple[str, ...]

    @property
    def bars(self) -> int:
        return sum(section.bars for section in self.sections)


@dataclass(frozen=True, slots=True)
class Commission:
    """One song that was ordered."""

    request_id: str
    artist_id: str
    run_id: str
    singer: Singer
    note: str
    titles: tuple[str, ...]
    """Of the artist's songs so far, newest first."""
    direction: str = ""
    """What the label wants of this song; empty: nothing."""
    model: str = ""
    """Which model is asked first, by name; empty: as they are ranked."""
    charts: Digest = NOTHING
    """What listeners play now, as far as the song is to follow it."""
    charted: frozenset[str] = frozenset()
    """The titles in these charts, as `bare_title` has them."""

    def title_taken(self, title: str) -> bool:
        """True where the artist has a song of this title, in whatever case, or a chart that is followed."""
        known = {known.casefold().strip() for known in self.titles}
        return title.casefold().strip() in known or self.title_charted(title)

    def title_charted(self, title: str) -> bool:
        """True where a song of this title is in the charts that are followed."""
        return bare_title(title) in self.charted


@dataclass(slots=True)
class Written:
    """A song and the answers that it was made from."""

    song: Song
    answers: list[Answer] = field(default_factory=list)
    model: str = ""
    """Who wrote it alone, by name in the models file; empty: an earlier try had lines of another model."""
    charts: tuple[TrendUse, ...] = ()
    """What it was shown of charts."""


class Unwritable(Exception):
    """A model answered, but nothing fit to be sung came of it; the text says what is missing."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
