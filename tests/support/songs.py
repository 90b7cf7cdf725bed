"""Briefs of short songs, as a songwriter would send them."""

from aiartist.common.v1 import brief_pb2

Kind = brief_pb2.Section

VERSE = [
    "Neon rivers run beneath the silent towers",
    "I drive until the city learns my name",
]
OTHER_VERSE = [
    "Rain on glass and voices on the wire",
    "You left a light on somewhere far from here",
]
CHORUS = ["We are electric in the dark", "Burning brighter than the stars"]

TEMPO = {
    "synthwave": 106,
    "lofi": 88,
    "house": 124,
    "techno": 132,
    "drum_and_bass": 174,
    "trap": 140,
    "pop": 116,
    "ambient": 82,
}
KEY = {
    "synthwave": "A minor",
    "lofi": "Eb major",
    "house": "F minor",
    "techno": "E minor",
    "drum_and_bass": "B minor",
    "trap": "C# minor",
    "pop": "G major",
    "ambient": "D major",
}

Form = list[tuple[brief_pb2.Section.Kind.ValueType, int, list[str]]]

SHORT_FORM: Form = [
    (Kind.KIND_INTRO, 2, []),
    (Kind.KIND_VERSE, 4, VERSE),
    (Kind.KIND_CHORUS, 4, CHORUS),
    (Kind.KIND_VERSE, 4, OTHER_VERSE),
    (Kind.KIND_CHORUS, 4, CHORUS),
    (Kind.KIND_OUTRO, 2, []),
]
"""20 bars."""


def make_brief(
    genre: str = "pop",
    *,
    tempo_bpm: int = 0,
    key: str = "",
    seed: int = 7,
    title: str = "Electric Dark",
    instruments: tuple[str, ...] = (),
    form: Form | None = None,
    target_duration_ms: int = 0,
) -> brief_pb2.Brief:
    """A brief of 20 bars unless told otherwise; its wanted length is that of its bars."""
    sections = form if form is not None else SHORT_FORM
    tempo = tempo_bpm or TEMPO[genre]
    brief = brief_pb2.Brief(
        title=title,
        genre=genre,
        theme="night drives",
        mood="wistful",
        language="en",
        tempo_bpm=tempo,
        key=key or KEY[genre],
        instruments=instruments,
        target_duration_ms=target_duration_ms or sum(bars for _, bars, _ in sections) * 4 * 60_000 // tempo,
        seed=seed,
    )
    for kind, bars, lines in sections:
        brief.sections.add(kind=kind, bars=bars, lines=lines)
    return brief
