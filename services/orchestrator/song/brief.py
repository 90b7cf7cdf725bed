"""The values that a song is written from and written into."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.orchestrator.domain import Answer
from services.orchestrator.song.form import Kind


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

    def title_taken(self, title: str) -> bool:
        """True where the artist has a song of this title, in whatever case."""
        return title.casefold().strip() in {known.casefold().strip() for known in self.titles}


@dataclass(slots=True)
class Written:
    """A song and the answers that it was made from."""

    song: Song
    answers: list[Answer] = field(default_factory=list)


class Unwritable(Exception):
    """A model answered, but nothing fit to be sung came of it; the text says what is missing."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
