"""Drums: grooves that vary as the song goes on, fills between sections, and what announces a chorus."""

import random
from collections.abc import Sequence

from services.release.music.accompaniment import FORCE
from services.release.music.genre import DrumStyle, Groove, by_section
from services.release.music.score import BEATS_PER_BAR, Hit, Section

_STEP = 0.25
_LOUD = ("chorus", "instrumental")
_LONG_BARS = 8
# What goes on under a fill and a roll.
_KEPT = ("hat", "shaker", "ride", "kick")


def builds_up(style: DrumStyle, section: Section, following: Section | None) -> bool:
    """Whether a section ends in a build-up."""
    return following is not None and following.kind in _LOUD and section.kind in style.builds


def build_start(style: DrumStyle, section: Section) -> float:
    """The beat on which a section's build-up begins: at its middle at the earliest."""
    bars = min(style.build_bars, max(1, section.bars // 2))
    return section.end - bars * BEATS_PER_BAR


def drum(style: DrumStyle, sections: Sequence[Section], chance: random.Random) -> list[Hit]:
    """All strokes of the song but those of its last bar, which is the arranger's."""
    first = {level: chance.randrange(len(options)) for level, options in style.grooves.items()}
    order = chance.sample(range(len(style.fills)), len(style.fills))
    hits: list[Hit] = []
    for index, section in enumerate(sections):
        following = sections[index + 1] if index + 1 < len(sections) else None
        fill = style.fills[order[index % len(order)]] if style.fills else {}
        # Second verses and last choruses have a groove of their own.
        turn = int(section.final) if section.kind == "chorus" else section.number - 1
        grooves = [
            style.grooves[level][(first[level] + turn) % len(style.grooves[level])] if level else {}
            for level in _levels(style, section)
        ]
        hits.extend(_section(style, section, grooves, fill, following, chance))
        if index > 0:
            hits.extend(_arrival(style, section, sections[index - 1]))
        if builds_up(style, section, following):
            hits.extend(_roll(build_start(style, section), section.end))
    return sorted(hits, key=lambda hit: (hit.start, hit.drum))


def _levels(style: DrumStyle, section: Section) -> list[str]:
    """The intensity of each bar."""
    early, _, late = by_section(style.intensity, section, "").rpartition(">")
    if ">" not in by_section(style.intensity, section, "") or section.bars < _LONG_BARS:
        return [late] * section.bars
    half = section.bars // 2
    return [early] * half + [late] * (section.bars - half)


def _section(
    style: DrumStyle,
    section: Section,
    grooves: Sequence[Groove],
    fill: Groove,
    following: Section | None,
    chance: random.Random,
) -> list[Hit]:
    hits: list[Hit] = []
    building = builds_up(style, section, following)
    roll = build_start(style, section) if building else section.end
    # Quiet sections slip into each other; all others are led over by a fill.
    filled = (
        not building
        and following is not None
        and bool(fill)
        and section.bars >= 2
        and by_section(style.intensity, following, "") != ""
    )
    for bar, groove in enumerate(grooves):
        if not groove:
            continue
        start = section.start + bar * BEATS_PER_BAR
        last = bar == section.bars - 1
        kept = {name: row for name, row in groove.items() if name in _KEPT}
        if start >= roll:
            # The roll takes the place of the snare, and the kick leaves the last bar to it.
            hits.extend(hit for hit in _bar(kept, bar, start) if not (last and hit.drum == "kick"))
        elif last and filled:
            hits.extend(_bar(fill, bar, start))
            # The hats go on for as long as the fill leaves them.
            rest = {name: row for name, row in kept.items() if name not in fill}
            hits.extend(hit for hit in _bar(rest, bar, start) if hit.start < start + 2.0)
        elif bar % 8 == 7 and not last and fill:
            hits.extend(hit for hit in _bar(groove, bar, start) if hit.start < start + 2.0)
            hits.extend(hit for hit in _bar(fill, bar, start) if hit.start >= start + 2.0)
        else:
            hits.extend(_bar(groove, bar, start))
            if bar % 4 == 3 and not last:
                hits.extend(_turn(groove, start, chance))
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
    """What leads to a loud section and marks its first beat; a last chorus is marked every eight bars."""
    if section.kind not in _LOUD:
        return []
    hits: list[Hit] = []
    if style.crash:
        every = _LONG_BARS if section.final else section.bars
        hits.extend(
            Hit(section.start + bar * BEATS_PER_BAR, style.crash, 0.7 if bar else 0.9)
            for bar in range(0, section.bars, every)
        )
    if style.builds:
        built = builds_up(style, before, section)
        start = build_start(style, before) if built else section.start - min(2 * BEATS_PER_BAR, before.beats)
        hits.append(Hit(start, "riser", 0.8, section.start - start))
        hits.append(Hit(section.start, "impact", 0.8))
        hits.append(Hit(section.start, "fall", 0.7, BEATS_PER_BAR))
    elif style.crash:
        length = min(2.0, before.beats)
        hits.append(Hit(section.start - length, "reverse", 0.7, length))
    return hits


def _roll(start: float, end: float) -> list[Hit]:
    """A roll that doubles its speed twice and stops a beat early."""
    hits: list[Hit] = []
    beat = start
    while beat < end - 1.0:
        done = (beat - start) / (end - start)
        hits.append(Hit(beat, "roll", 0.35 + 0.55 * done))
        beat += 1.0 if done < 0.25 else 0.5 if done < 0.5 else 0.25
    return hits
