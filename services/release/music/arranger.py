"""From a brief to a score: who plays what in which section."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from aiartist.common.v1 import brief_pb2
from services.release.music import drumming, form
from services.release.music.accompaniment import accompany, bass_line, voicings
from services.release.music.genre import Genre, Spans, by_section
from services.release.music.harmony import Harmony, harmonise
from services.release.music.melody import Melodist
from services.release.music.score import BEATS_PER_BAR, Hit, Note, Score, Section
from services.release.music.seeds import derive, dice
from services.release.music.theory import Key

# Sung even where the brief has no words for them.
_SUNG = ("chorus", "verse", "pre_chorus")
_LOUD = ("chorus", "instrumental")
_LONG_BARS = 8
_ENERGY = {
    "intro": 0.3,
    "verse": 0.45,
    "pre_chorus": 0.6,
    "chorus": 0.85,
    "bridge": 0.4,
    "instrumental": 0.75,
    "outro": 0.3,
}


def arrange(brief: brief_pb2.Brief, genre: Genre, *, seed: int) -> Score:
    """The whole song on paper. Raises `UnplayableBrief` where the brief can't be played."""
    key = Key.parse(brief.key)
    doubled = genre.counts_double and 2 * brief.tempo_bpm <= genre.tempo_bpm[1] * 1.1
    sections = form.plan(brief, genre.bars, doubled=doubled)
    # The brief's own seed counts too: two songs with the same take number are two songs.
    root = derive(seed, "song", brief.seed, brief.title)
    harmony = harmonise(genre, key, sections, dice(root, "harmony"))
    parts = {
        **_layers(genre, sections, harmony, root),
        "bass": _bass(genre, sections, harmony, key, root),
        **_melodies(genre, key, sections, harmony, brief.language or "en", root),
    }
    hits = drumming.drum(genre.drums, sections, dice(root, "drums"))
    breaks = _breaks(genre, sections)
    end = sections[-1].end - BEATS_PER_BAR
    return Score(
        tempo_bpm=float(brief.tempo_bpm * 2 if doubled else brief.tempo_bpm),
        key=key,
        sections=sections,
        parts={
            name: _finish(
                notes, breaks if name != "lead" else (), end, final=_final_chord(genre, name, harmony, key)
            )
            for name, notes in parts.items()
        },
        hits=_last_stroke(genre, hits, breaks, end),
        opens=_opens(genre, sections),
    )


def energy(section: Section) -> float:
    """How full a section sounds, 0 to 1; later ones of a kind are fuller."""
    return min(1.0, _ENERGY[section.kind] + 0.06 * (section.number - 1) + (0.08 if section.final else 0.0))


def _layers(
    genre: Genre, sections: tuple[Section, ...], harmony: Harmony, seed: int
) -> dict[str, list[Note]]:
    parts: dict[str, list[Note]] = {}
    for name, layer in genre.layers.items():
        voiced = voicings(layer, harmony)
        figures = {
            kind: dice(seed, "figure", name, kind).sample(options, len(options))
            for kind, options in layer.figures.items()
        }
        notes: list[Note] = []
        for section in sections:
            strength = by_section(layer.play, section, 0.0)
            options = figures.get(section.kind, figures.get("", []))
            # Second verses are told in another way; choruses come back as they were.
            turn = section.number - 1 if section.kind == "verse" else 0
            if strength > 0 and options:
                figure = options[turn % len(options)]
                played = accompany(figure, section, harmony, voiced, strength=strength, tone=energy(section))
                notes.extend(_spanned(played, layer.span, section))
        parts[name] = notes
    return parts


def _bass(genre: Genre, sections: tuple[Section, ...], harmony: Harmony, key: Key, seed: int) -> list[Note]:
    style = genre.bass
    patterns = {kind: dice(seed, "bass", kind).choice(options) for kind, options in style.patterns.items()}
    notes: list[Note] = []
    for section in sections:
        strength = by_section(style.play, section, 0.0)
        pattern = patterns.get(section.kind, patterns.get("", ""))
        if strength > 0 and pattern:
            line = bass_line(style, pattern, section, harmony, key, strength=strength, tone=energy(section))
            notes.extend(_spanned(line, style.span, section))
    return notes


def _spanned(notes: list[Note], spans: Spans, section: Section) -> list[Note]:
    """What a part plays of a section that it enters late or leaves early, in whole bars."""
    if section.bars < _LONG_BARS:
        return notes
    first, last = (
        section.start + BEATS_PER_BAR * round(section.bars * share)
        for share in by_section(spans, section, (0.0, 1.0))
    )
    return [note for note in notes if first - 1e-6 <= note.start < last - 1e-6]


def _melodies(
    genre: Genre, key: Key, sections: tuple[Section, ...], harmony: Harmony, language: str, seed: int
) -> dict[str, list[Note]]:
    melodist = Melodist(genre, key, harmony, language=language, seed=seed)
    style = genre.lead
    choruses = [section for section in sections if section.kind == "chorus"]
    parts: dict[str, list[Note]] = {"lead": [], "second": [], "answer": []}
    for section in sections:
        strength = by_section(style.play, section, 0.0)
        if section.lines or section.kind in _SUNG:
            melody = melodist.sung(section)
            parts["lead"].extend(melody)
            lifted = section.kind == "chorus" and section.final
            if style.harmony and section.kind == "chorus":
                parts["second"].extend(melodist.second_voice(melody, above=lifted))
            if lifted and strength > 0 and not style.harmony:
                parts["answer"].extend(melodist.doubled(melody, strength))
            elif strength > 0:
                parts["answer"].extend(melodist.answers(section, melody, strength))
        elif strength > 0:
            parts["answer"].extend(
                melodist.hook(section, like=choruses[0] if choruses else section, strength=strength)
            )
    return parts


def _breaks(genre: Genre, sections: Sequence[Section]) -> tuple[tuple[float, float], ...]:
    """Where everything but the lead is silent for a beat.

    It is the held breath after a build-up, and before the last chord of a song that ends with a stop.
    """
    breaths = [b.start for a, b in pairwise(sections) if drumming.builds_up(genre.drums, a, b)]
    if genre.ending == "stop" and sections[-1].bars >= 2:
        breaths.append(sections[-1].end - BEATS_PER_BAR)
    return tuple((beat - 1.0, beat) for beat in breaths)


def _opens(genre: Genre, sections: Sequence[Section]) -> tuple[tuple[float, float], ...]:
    """The stretches over which the filter opens, in beats."""
    stretches = []
    for section, following in pairwise(sections):
        if section.kind not in genre.sound.opens or section.bars < 4:
            continue
        if section.kind == "intro":
            stretches.append((section.start, section.end))
        elif following.kind in _LOUD:
            stretches.append((max(section.start, section.end - 4 * BEATS_PER_BAR), section.end))
    return tuple(stretches)


def _final_chord(genre: Genre, part: str, harmony: Harmony, key: Key) -> tuple[int, ...]:
    """What a part holds in the last bar; empty for the parts that have stopped by then."""
    if part == "bass":
        low = genre.bass.low
        return (low + (key.tonic - low) % 12,)
    layer = genre.layers.get(part)
    return voicings(layer, harmony)[harmony.spans[-1]] if layer else ()


def _finish(
    notes: Iterable[Note], breaks: Iterable[tuple[float, float]], end: float, *, final: tuple[int, ...]
) -> tuple[Note, ...]:
    """Keeps the breaks silent and ends the part on a held chord at beat `end`, if it still plays by then."""
    kept: list[Note] = []
    gaps = tuple(breaks)
    for note in notes:
        if note.start >= end - 1e-6 or any(start - 1e-6 <= note.start < stop - 1e-6 for start, stop in gaps):
            continue
        limit = min([start for start, _ in gaps if start > note.start], default=end)
        kept.append(
            Note(
                note.start,
                min(note.length, limit - note.start),
                note.pitch,
                note.velocity,
                note.tone,
                note.vowel,
            )
        )
    playing = [note.velocity for note in kept if note.start >= end - 2 * BEATS_PER_BAR]
    # A song of one bar is nothing but its last chord.
    if final and (playing or end <= 0):
        force = max(playing, default=0.7)
        kept.extend(Note(end, BEATS_PER_BAR, pitch, force, 0.35) for pitch in final)
    return tuple(sorted(kept, key=lambda note: (note.start, note.pitch)))


def _last_stroke(
    genre: Genre, hits: Iterable[Hit], breaks: tuple[tuple[float, float], ...], end: float
) -> tuple[Hit, ...]:
    kept = [
        hit
        for hit in hits
        if hit.start < end - 1e-6
        and not any(start - 1e-6 <= hit.start < stop - 1e-6 for start, stop in breaks)
    ]
    if any(hit.start >= end - BEATS_PER_BAR for hit in kept):
        kept.append(Hit(end, "kick", 0.85))
        if genre.drums.crash:
            kept.append(Hit(end, genre.drums.crash, 0.6))
    return tuple(kept)
