"""The form: a brief's sections as spans of bars."""

from collections.abc import Mapping

from aiartist.common.v1 import brief_pb2
from services.release.music.provider import UnplayableBrief
from services.release.music.score import BEATS_PER_BAR, Section

MIN_TEMPO, MAX_TEMPO = 40, 220
LONGEST_SONG_S = 600.0

_KINDS = {
    brief_pb2.Section.KIND_INTRO: "intro",
    brief_pb2.Section.KIND_VERSE: "verse",
    brief_pb2.Section.KIND_PRE_CHORUS: "pre_chorus",
    brief_pb2.Section.KIND_CHORUS: "chorus",
    brief_pb2.Section.KIND_BRIDGE: "bridge",
    brief_pb2.Section.KIND_INSTRUMENTAL: "instrumental",
    brief_pb2.Section.KIND_OUTRO: "outro",
}
USUAL_BARS: Mapping[str, int] = {
    "intro": 4,
    "verse": 8,
    "pre_chorus": 4,
    "chorus": 8,
    "bridge": 4,
    "instrumental": 4,
    "outro": 4,
}

_COUNTED = ("verse", "chorus")


def plan(
    brief: brief_pb2.Brief, usual: Mapping[str, int] = USUAL_BARS, *, doubled: bool = False
) -> tuple[Section, ...]:
    """The sections, placed in time.

    A section that names no length gets one that brings the song near its wanted length: so many bars as
    `usual` gives its kind, stretched, and even. `doubled` counts two bars for each of the brief's, whose
    tempo is half of the one that is played. Raises `UnplayableBrief` for a tempo, a form or a length that
    can't be played.
    """
    if not MIN_TEMPO <= brief.tempo_bpm <= MAX_TEMPO:
        raise UnplayableBrief(f"tempo_bpm: {brief.tempo_bpm} is not from {MIN_TEMPO} to {MAX_TEMPO}")
    if not brief.sections:
        raise UnplayableBrief("sections: at least one is needed")
    kinds = []
    for index, section in enumerate(brief.sections):
        if section.kind not in _KINDS:
            raise UnplayableBrief(f"sections[{index}].kind: is required")
        if section.bars > 64:
            raise UnplayableBrief(f"sections[{index}].bars: {section.bars} is not from 1 to 64")
        kinds.append(_KINDS[section.kind])
    times = 2 if doubled else 1
    bars = _bars(brief, kinds, usual, times)
    seconds = sum(bars) * BEATS_PER_BAR * 60 / (brief.tempo_bpm * times)
    if seconds > LONGEST_SONG_S:
        raise UnplayableBrief(f"sections: {seconds:.0f} s of music is more than {LONGEST_SONG_S:.0f} s")
    placed: list[Section] = []
    start = 0.0
    for index, (kind, length) in enumerate(zip(kinds, bars, strict=True)):
        placed.append(
            Section(
                kind=kind,
                number=kinds[: index + 1].count(kind),
                bars=length,
                start=start,
                lines=tuple(line for line in brief.sections[index].lines if line.strip()),
                final=kinds.count(kind) > 1 and kind not in kinds[index + 1 :],
            )
        )
        start = placed[-1].end
    return tuple(placed)


def _bars(brief: brief_pb2.Brief, kinds: list[str], usual: Mapping[str, int], times: int) -> list[int]:
    given = [section.bars * times for section in brief.sections]
    wishes = [usual[kind] for kind in kinds]
    open_bars = sum(wish for length, wish in zip(given, wishes, strict=True) if length == 0)
    if open_bars == 0:
        return given
    if not brief.target_duration_ms:
        return [length or wish for length, wish in zip(given, wishes, strict=True)]
    wanted = brief.target_duration_ms / 60_000 * brief.tempo_bpm * times / BEATS_PER_BAR
    stretch = min(max((wanted - sum(given)) / open_bars, 0.25), 4.0)
    ideal = [length or wish * stretch for length, wish in zip(given, wishes, strict=True)]
    bars = [length or max(2, 2 * round(share / 2)) for length, share in zip(given, ideal, strict=True)]
    # Rounding adds up; the sections that nobody counts along with make good for it, then the others.
    open_places = [place for place, length in enumerate(given) if length == 0]
    while abs(off := sum(ideal) - sum(bars)) > 1.0:
        step = 2 if off > 0 else -2
        able = [place for place in open_places if bars[place] + step >= 2]
        if not able:
            break
        place = min(able, key=lambda p: (kinds[p] in _COUNTED, abs(bars[p] + step - ideal[p]) / ideal[p], p))
        bars[place] += step
    return bars
