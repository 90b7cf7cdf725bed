"""The form: a brief's sections as spans of bars."""

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
_USUAL_BARS = {
    "intro": 4,
    "verse": 8,
    "pre_chorus": 4,
    "chorus": 8,
    "bridge": 4,
    "instrumental": 4,
    "outro": 4,
}


def plan(brief: brief_pb2.Brief) -> tuple[Section, ...]:
    """The sections, placed in time.

    A section that names no length gets one that brings the song near its wanted length, as an even number of
    bars. Raises `UnplayableBrief` for a tempo, a form or a length that can't be played.
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
    bars = _bars(brief, kinds)
    seconds = sum(bars) * BEATS_PER_BAR * 60 / brief.tempo_bpm
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


def _bars(brief: brief_pb2.Brief, kinds: list[str]) -> list[int]:
    given = [section.bars for section in brief.sections]
    usual = [_USUAL_BARS[kind] for kind in kinds]
    open_bars = sum(u for g, u in zip(given, usual, strict=True) if g == 0)
    if open_bars == 0:
        return given
    stretch = 1.0
    if brief.target_duration_ms:
        wanted = brief.target_duration_ms / 60_000 * brief.tempo_bpm / BEATS_PER_BAR - sum(given)
        stretch = min(max(wanted / open_bars, 0.25), 4.0)
    return [g or max(2, 2 * round(u * stretch / 2)) for g, u in zip(given, usual, strict=True)]
