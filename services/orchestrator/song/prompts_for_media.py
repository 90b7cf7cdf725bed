"""What a music, an image and a video model should make of a song, in words, where no model wrote it."""

from collections.abc import Sequence
from itertools import cycle

from services.chassis.genres import spoken
from services.orchestrator.song.brief import Singer
from services.orchestrator.song.form import Kind, Part

_LOOKS = {
    Kind.INTRO: "wide and slow, nobody in sight: {picture}",
    Kind.VERSE: "close, hand-held, the singer near {picture}",
    Kind.PRE_CHORUS: "the camera begins to move past {picture}",
    Kind.CHORUS: "open and bright, the singer faces us; {picture} returns",
    Kind.BRIDGE: "everything stands still but {picture}",
    Kind.INSTRUMENTAL: "cuts on the beat between hands, instruments and {picture}",
    Kind.OUTRO: "the first place again, empty, until {picture} is out of focus",
}


def style_prompt(singer: Singer, tempo_bpm: int, mood: str) -> str:
    """How the song should sound."""
    voice = ", ".join(filter(None, (singer.timbre, singer.delivery)))
    told = [f"{mood} {spoken(singer.genre)} at {tempo_bpm} bpm", ", ".join(singer.instruments)]
    told += [f"voice: {voice}"] if voice else []
    return "; ".join(filter(None, [*told, _first_sentence(singer.style)]))


def cover_prompt(singer: Singer, pictures: Sequence[str], mood: str) -> str:
    """What the cover should show."""
    motif = f"{singer.motif.rstrip('. ')}; " if singer.motif else ""
    return f"{motif}{pictures[0]}, {mood} light, one clear subject, no lettering"


def video_plan(parts: Sequence[Part], pictures: Sequence[str], mood: str) -> tuple[str, ...]:
    """What a video should show, a sentence a section."""
    return tuple(
        f"{part.name.capitalize()}: {_LOOKS[part.kind].format(picture=picture)}; {mood}"
        for part, picture in zip(parts, cycle(pictures), strict=False)
    )


def _first_sentence(text: str) -> str:
    return " ".join(text.split()).split(". ")[0][:200].rstrip(". ")
