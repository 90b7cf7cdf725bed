"""When what is seen: scenes on the form's bars, and the words in time. Pure: no audio, no pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from aiartist.common.v1 import brief_pb2
from services.release.music.form import plan
from services.release.music.provider import UnplayableBrief
from services.release.music.score import BEATS_PER_BAR

PLAYED_AS_WRITTEN = ("builtin",)
"""Providers whose songs keep the brief's tempo and bars exactly."""
_TITLE_S = 5.0
_END_S = 5.0
_LEAST_CUE_S = 1.2
_BREATH_S = 0.12
"""Between two lines."""
_LONG_GAP_S = 7.0
"""Without words: whose song it is, is said again."""
_REMINDER_S = 4.5
_USUAL_BARS = 8


@dataclass(frozen=True, slots=True)
class Scene:
    """A section of the song, as the video sees it."""

    kind: str
    """As in the form: `verse`, `chorus`, ..."""
    number: int
    """Which of its kind, from 1."""
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Cue:
    """Words and when they are seen."""

    text: str
    start_s: float
    end_s: float
    kind: str
    """Of the scene that they belong to; `title`, `corner` or `end` for cards, whose text is empty."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """All of a video's times; scenes follow one another without a gap, cues do not overlap."""

    scenes: tuple[Scene, ...]
    cues: tuple[Cue, ...]
    bars_s: tuple[float, ...]
    """When each bar begins, within the song."""
    exact: bool
    """False: the song may not keep the form, whose times were scaled to its length."""

    def scene_at(self, second: float) -> Scene:
        """The scene of a moment; the last one after its end."""
        for scene in self.scenes:
            if second < scene.end_s:
                return scene
        return self.scenes[-1]


def timeline(
    brief: brief_pb2.Brief, *, seconds: float, beat_s: float, first_beat_s: float, provider: str
) -> Timeline:
    """Places scenes and words in a song of this length.

    A song of `builtin` follows the form's bars at the measured beat. Others may do as they like: there
    the form is scaled to the length, as the nearest guess.
    """
    spans = _spans(brief)
    beats = spans[-1].end_beat
    exact = provider in PLAYED_AS_WRITTEN
    if exact:
        origin, unit = first_beat_s, beat_s
    else:
        origin, unit = 0.0, seconds / beats
    scenes: list[Scene] = []
    cues: list[Cue] = []
    for index, span in enumerate(spans):
        start = 0.0 if index == 0 else origin + span.start_beat * unit
        end = seconds if index == len(spans) - 1 else origin + span.end_beat * unit
        start, end = min(max(start, 0.0), seconds), min(max(end, 0.0), seconds)
        if end - start <= 0:
            continue
        scenes.append(Scene(span.kind, span.number, start, end))
        # Words end with their bars, not with the last chord's ring.
        sung_end = min(end, origin + span.end_beat * unit)
        cues.extend(_sung(span, start, sung_end))
    # Cuts are on the beat that is heard, also where the form is a guess.
    bar = BEATS_PER_BAR * beat_s
    bars = tuple(_steps(first_beat_s, bar, seconds))
    return Timeline(tuple(scenes), _with_cards(cues, seconds), bars, exact)


@dataclass(frozen=True, slots=True)
class _Span:
    kind: str
    number: int
    start_beat: float
    end_beat: float
    lines: tuple[str, ...]


def _spans(brief: brief_pb2.Brief) -> list[_Span]:
    try:
        return [
            _Span(section.kind, section.number, section.start, section.end, section.lines)
            for section in plan(brief)
        ]
    except UnplayableBrief:
        # Another provider may play what builtin can't; the words are spread over the whole song.
        lines = tuple(line for section in brief.sections for line in section.lines if line.strip())
        return [_Span("verse", 1, 0.0, _USUAL_BARS * BEATS_PER_BAR, lines)]


def _sung(span: _Span, start: float, end: float) -> list[Cue]:
    lines = list(span.lines)
    if not lines or end - start < _LEAST_CUE_S:
        return []
    # More words than time: two lines share a place.
    while len(lines) > 1 and (end - start) / len(lines) < _LEAST_CUE_S:
        lines = [" / ".join(lines[at : at + 2]) for at in range(0, len(lines), 2)]
    each = (end - start) / len(lines)
    return [
        Cue(line, start + index * each, start + (index + 1) * each - _BREATH_S, span.kind)
        for index, line in enumerate(lines)
    ]


def _with_cards(cues: list[Cue], seconds: float) -> tuple[Cue, ...]:
    """With the title at the start and the end card, where the words leave room for them."""
    first = cues[0].start_s if cues else seconds
    last = cues[-1].end_s if cues else 0.0
    title_end = min(_TITLE_S, seconds / 3)
    end_start = max(seconds - _END_S, seconds * 2 / 3)
    if first < title_end:
        # Words from the first bar: the title shares their time above them.
        title_end = max(first, min(title_end, 2.0))
    if last > end_start:
        end_start = max(min(last, seconds - 1.5), seconds * 2 / 3)
    kept = [
        Cue(cue.text, max(cue.start_s, title_end), min(cue.end_s, end_start), cue.kind)
        for cue in cues
        if min(cue.end_s, end_start) - max(cue.start_s, title_end) > 0.4
    ]
    shown = [Cue("", 0.0, title_end, "title"), *kept, Cue("", end_start, seconds, "end")]
    reminders = [
        Cue("", before.end_s + _BREATH_S, before.end_s + _BREATH_S + _REMINDER_S, "corner")
        for before, after in pairwise(shown)
        if after.start_s - before.end_s >= _LONG_GAP_S and before.kind != "title"
    ]
    return tuple(sorted([*shown, *reminders], key=lambda cue: cue.start_s))


def _steps(first: float, step: float, end: float) -> list[float]:
    count = int((end - first) / step) + 1
    return [first + index * step for index in range(count) if 0.0 <= first + index * step < end]


def shots(line: Timeline, *, bars_each: int, most: int, kinds: Sequence[str]) -> list[tuple[float, float]]:
    """Spans for stock clips, (start, end) in seconds: whole groups of bars inside scenes of these kinds.

    Every cut is on a bar's first beat. Where there would be more than `most`, they are spread evenly.
    """
    found: list[tuple[float, float]] = []
    for scene in line.scenes:
        if scene.kind not in kinds:
            continue
        inside = [bar for bar in line.bars_s if scene.start_s - 0.05 <= bar < scene.end_s - 0.05]
        ends = [*inside[bars_each::bars_each], scene.end_s]
        found += [
            (start, min(end, scene.end_s))
            for start, end in zip(inside[::bars_each], ends, strict=False)
            if end - start >= 1.0
        ]
    if len(found) <= most:
        return found
    return [found[index * len(found) // most] for index in range(most)]
