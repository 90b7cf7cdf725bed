"""Drums: grooves by section, fills between them, and what announces a chorus."""

import random
from collections.abc import Sequence

from services.release.music.accompaniment import FORCE
from services.release.music.genre import DrumStyle, Groove, by_section
from services.release.music.score import BEATS_PER_BAR, Hit, Section

_STEP = 0.25
_LOUD = ("chorus", "instrumental")


def drum(style: DrumStyle, sections: Sequence[Section], chance: random.Random) -> list[Hit]:
    """All strokes of the song but those of its last bar, which is the arranger's."""
    chosen = {level: chance.choice(options) for level, options in style.grooves.items()}
    order = chance.sample(range(len(style.fills)), len(style.fills))
    hits: list[Hit] = []
    for index, section in enumerate(sections):
        level = by_section(style.intensity, section, "")
        following = sections[index + 1] if index + 1 < len(sections) else None
        fill = style.fills[order[index % len(order)]] if style.fills else {}
        if level:
            hits.extend(_section(style, section, chosen[level], fill, following, chance))
        if index > 0:
            hits.extend(_arrival(style, section, sections[index - 1]))
        if style.builds and section.kind == "pre_chorus" and following is not None:
            hits.extend(_build(section))
    return sorted(hits, key=lambda hit: (hit.start, hit.drum))


def _section(
    style: DrumStyle,
    section: Section,
    groove: Groove,
    fill: Groove,
    following: Section | None,
    chance: random.Random,
) -> list[Hit]:
    hits: list[Hit] = []
    # Quiet sections slip into each other; all others are led over by a fill.
    filled = (
        following is not None
        and bool(fill)
        and section.bars >= 2
        and by_section(style.intensity, following, "") != ""
    )
    for bar in range(section.bars):
        start = section.start + bar * BEATS_PER_BAR
        last = bar == section.bars - 1
        if last and filled and not (style.builds and section.kind == "pre_chorus"):
            hits.extend(_bar(fill, bar, start))
            # The hats go on for as long as the fill leaves them.
            kept = {
                name: row
                for name, row in groove.items()
                if name in ("hat", "shaker", "kick") and name not in fill
            }
            hits.extend(hit for hit in _bar(kept, bar, start) if hit.start < start + 2.0)
            continue
        played = _bar(groove, bar, start)
        if bar % 4 == 3 and not last:
            played = [*played, *_turn(groove, start, chance)]
        hits.extend(played)
    return hits


def _bar(groove: Groove, bar: int, start: float) -> list[Hit]:
    hits: list[Hit] = []
    for name, row in groove.items():
        offset = bar * 16 % len(row)
        for step, mark in enumerate(row[offset : offset + 16]):
            if mark == ".":
                continue
            beat = start + step * _STEP
            if mark in "234":
                count = int(mark)
                hits.extend(
                    Hit(beat + i * _STEP / count, name, 0.5 + 0.35 * (i + 1) / count) for i in range(count)
                )
            else:
                hits.append(Hit(beat, name, FORCE[mark]))
    return hits


def _turn(groove: Groove, start: float, chance: random.Random) -> list[Hit]:
    """A small sign at the end of every fourth bar."""
    if "snare" in groove and chance.random() < 0.7:
        return [Hit(start + 3.5, "snare", 0.45), Hit(start + 3.75, "snare", 0.6)]
    if "kick" in groove and chance.random() < 0.6:
        return [Hit(start + 3.75, "kick", 0.7)]
    return []


def _arrival(style: DrumStyle, section: Section, before: Section) -> list[Hit]:
    """The crash on a loud section's first beat, and the rise that leads there."""
    if section.kind not in _LOUD:
        return []
    hits = [Hit(section.start, style.crash, 0.9)] if style.crash else []
    if style.builds:
        length = min(2 * BEATS_PER_BAR, before.beats)
        hits.append(Hit(section.start - length, "riser", 0.8, length))
        hits.append(Hit(section.start, "impact", 0.8))
    return hits


def _build(section: Section) -> list[Hit]:
    """A roll that doubles its speed over the last two bars and stops a beat early."""
    bars = min(2, section.bars)
    start = section.end - bars * BEATS_PER_BAR
    hits: list[Hit] = []
    beat = start
    while beat < section.end - 1.0:
        done = (beat - start) / (section.end - start)
        hits.append(Hit(beat, "roll", 0.35 + 0.55 * done))
        beat += 1.0 if done < 0.25 else 0.5 if done < 0.5 else 0.25
    return hits
