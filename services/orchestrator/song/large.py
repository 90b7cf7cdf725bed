"""The plan for large models: the whole song in one structured answer, checked, mended once."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from aiartist.artist_db.v1.trend_pb2 import TrendUse
from services.chassis.genres import spoken
from services.chassis.titles import faults, repaired
from services.orchestrator.domain import Answer, Ask, Attempt, Message
from services.orchestrator.errors import ModelsExhausted
from services.orchestrator.gateway.gateway import question_digest
from services.orchestrator.prompts import Prompt, render
from services.orchestrator.song.brief import Commission, Section, Singer, Song, Unwritable, Written
from services.orchestrator.song.dice import Dice
from services.orchestrator.song.form import MS_PER_BAR_AT_1_BPM, Kind, fit_length
from services.orchestrator.song.text import has_banned, tidied, words_of

ROLE = "songwriter"
MAX_TOKENS = 12_000
"""Reasoning models think out of the same purse."""
_WORDLESS = frozenset({Kind.INTRO, Kind.INSTRUMENTAL})
_MAX_LINE_WORDS = 14
_MAX_LINE_CHARACTERS = 100

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "title", "theme", "mood", "tempo_bpm", "key", "sections", "instruments", "style_prompt",
        "cover_prompt", "video_plan",
    ],
    "properties": {
        "title": {"type": "string", "minLength": 1, "maxLength": 80},
        "theme": {"type": "string", "minLength": 1, "maxLength": 200},
        "mood": {"type": "string", "minLength": 1, "maxLength": 60},
        "tempo_bpm": {"type": "integer", "minimum": 40, "maximum": 220},
        "key": {"type": "string", "pattern": "^[A-G][#b]? (major|minor)$"},
        "sections": {
            "type": "array",
            "minItems": 3,
            "maxItems": 20,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["kind", "bars", "lines"],
                "properties": {
                    "kind": {"type": "string", "enum": [kind.value for kind in Kind]},
                    "bars": {"type": "integer", "minimum": 1, "maximum": 32},
                    "lines": {"type": "array", "maxItems": 12, "items": {"type": "string", "maxLength": 120}},
                },
            },
        },
        "instruments": {
            "type": "array", "minItems": 1, "maxItems": 12, "items": {"type": "string", "maxLength": 60},
        },
        "style_prompt": {"type": "string", "minLength": 1, "maxLength": 1000},
        "cover_prompt": {"type": "string", "minLength": 1, "maxLength": 1000},
        "video_plan": {"type": "array", "maxItems": 20, "items": {"type": "string", "maxLength": 300}},
    },
}  # fmt: skip


class Asker(Protocol):
    """Whoever asks models."""

    async def ask(self, ask: Ask) -> Answer:
        """A usable answer; ModelsExhausted where there is none."""

    def exhausted(self, role: str, attempts: Sequence[Attempt]) -> ModelsExhausted:
        """The error of a role whose models were all tried in vain."""


Told = Callable[[str, int, int], None]
"""Called with what is being done, and how many units of how many are done."""


async def write_large(asker: Asker, model: str, commission: Commission, told: Told) -> Written:
    """A song by one model; Unwritable where its second answer still breaks the brief."""
    prompt = _prompt(commission)
    told("writing", 0, 2)
    ask = _ask(commission, model, 1, prompt.messages, prompt.hash)
    first = await asker.ask(ask)
    told("checking", 1, 2)
    charts = _charts_shown(commission, ask, first)
    song, problems = _song_of(first.text, commission)
    if not problems:
        return Written(song, [first], charts=charts)
    told("mending", 1, 2)
    repair = render("song_repair", problems=problems)
    messages = (*prompt.messages, Message("assistant", first.text), *repair.messages)
    second = await asker.ask(_ask(commission, model, 2, messages, repair.hash))
    song, problems = _song_of(second.text, commission)
    if problems:
        raise Unwritable(problems)
    return Written(song, [first, second], charts=charts)


def _charts_shown(commission: Commission, ask: Ask, answer: Answer) -> tuple[TrendUse, ...]:
    """What the answer's model was shown of charts.

    A repeat takes the answer that was paid before, and charts may have moved on since: then nobody knows any
    more which snapshots it was shown, and none is named.
    """
    uses = tuple(commission.charts.uses) if commission.charts.lines else ()
    if answer.digest == ask.digest:
        return uses
    return tuple(
        TrendUse(
            source=use.source, country=use.country, genre=use.genre, items=use.items, alignment=use.alignment
        )
        for use in uses
    )


def _ask(commission: Commission, model: str, number: int, messages: tuple[Message, ...], hash: str) -> Ask:
    return Ask(
        request_id=f"{commission.request_id}/song-{model}/{number}",
        role=ROLE,
        messages=messages,
        digest=question_digest(messages),
        json_schema=SCHEMA,
        max_tokens=MAX_TOKENS,
        prompt_hash=hash,
        artist_id=commission.artist_id,
        run_id=commission.run_id,
        models=(model,),
        strict=False,
    )


def _prompt(commission: Commission) -> Prompt:
    singer = commission.singer
    slowest, fastest = singer.tempo
    return render(
        "song",
        name=singer.name,
        genre=spoken(singer.genre),
        language=singer.language,
        point_of_view=singer.point_of_view,
        timbre=singer.timbre,
        delivery=singer.delivery,
        style=singer.style,
        themes=singer.themes,
        theme=Dice.of(commission.request_id).choice("theme", singer.themes),
        instruments=singer.instruments,
        motif=singer.motif,
        tempo=singer.tempo,
        keys=singer.keys,
        moods=singer.moods,
        seconds=round(singer.target_ms / 1_000),
        bars=tuple(round(singer.target_ms * bpm / MS_PER_BAR_AT_1_BPM) for bpm in (slowest, fastest)),
        banned=singer.banned,
        titles=commission.titles,
        note=commission.note,
        direction=commission.direction,
        charts=commission.charts.lines,
        alignment=f"{commission.charts.alignment:g}",
        follow=_how_far(commission.charts.alignment),
    )


def _how_far(alignment: float) -> str:
    """An artist's `trend_alignment` in words."""
    steps = ((0.25, "hardly, a trace of it"), (0.5, "a little"), (0.75, "clearly"))
    return next((words for below, words in steps if alignment < below), "closely")


def _song_of(text: str, commission: Commission) -> tuple[Song, list[str]]:
    """The song in an answer, with the small things set right, and what is wrong with the rest of it."""
    told = json.loads(text)
    choruses = [
        s["lines"] for s in told["sections"] if s["kind"] == Kind.CHORUS and any(map(str.strip, s["lines"]))
    ]
    sections = []
    for entry in told["sections"]:
        kind = Kind(entry["kind"])
        given = choruses[0] if kind is Kind.CHORUS and choruses else entry["lines"]
        lines = () if kind in _WORDLESS else tuple(filter(None, map(tidied, given)))
        sections.append(Section(kind, entry["bars"], lines))
    song = Song(
        title=repaired(tidied(told["title"]), commission.singer.language),
        theme=tidied(told["theme"]),
        mood=tidied(told["mood"]).lower(),
        tempo_bpm=told["tempo_bpm"],
        key=told["key"],
        sections=tuple(sections),
        instruments=tuple(filter(None, map(str.strip, told["instruments"]))),
        style_prompt=told["style_prompt"].strip(),
        cover_prompt=told["cover_prompt"].strip(),
        video_plan=tuple(filter(None, map(str.strip, told["video_plan"]))),
    )
    problems = problems_of(song, commission)
    return song if problems else _fitted(song, commission.singer), problems


def _fitted(song: Song, singer: Singer) -> Song:
    """With the lengths brought near the wanted duration: counting is not a language model's strength."""
    bars, tempo_bpm = fit_length(
        [section.bars for section in song.sections],
        song.tempo_bpm,
        tempo=singer.tempo,
        target_ms=singer.target_ms,
    )
    sections = tuple(
        replace(section, bars=length) for section, length in zip(song.sections, bars, strict=True)
    )
    return replace(song, sections=sections, tempo_bpm=tempo_bpm)


def problems_of(song: Song, commission: Commission) -> list[str]:
    """What a song breaks of its brief, a sentence each; empty: nothing."""
    singer = commission.singer
    slowest, fastest = singer.tempo
    found = []
    if not slowest <= song.tempo_bpm <= fastest:
        found.append(f"tempo_bpm is {song.tempo_bpm}; it must be {slowest} to {fastest}")
    if song.key not in singer.keys:
        found.append(f"key is {song.key}; it must be one of {', '.join(singer.keys)}")
    found += _title_problems(song.title, commission)
    found += _form_problems(song)
    for section in song.sections:
        for line in section.lines:
            if len(words_of(line)) > _MAX_LINE_WORDS or len(line) > _MAX_LINE_CHARACTERS:
                found.append(f"this line is too long to sing: {line!r}")
    sung = "\n".join([song.title, *(line for section in song.sections for line in section.lines)])
    if word := has_banned(sung, singer.banned):
        found.append(f"the banned word {word!r} occurs")
    return found


def _title_problems(title: str, commission: Commission) -> list[str]:
    if not 1 <= len(title.split()) <= 5 or len(title) > 80:
        return [f"the title {title!r} must have 1 to 5 words"]
    if commission.title_charted(title):
        return [f"the title {title!r} is that of a song in the charts; give this one another title"]
    if commission.title_taken(title):
        return [f"the artist has a song called {title!r} already; give this one another title"]
    return [f"the title {title!r} is not one that stores take: {fault.text}" for fault in faults(title)]


def _form_problems(song: Song) -> list[str]:
    kinds = [section.kind for section in song.sections]
    found = []
    if kinds.count(Kind.CHORUS) < 2:
        found.append("there must be at least two choruses")
    if Kind.VERSE not in kinds:
        found.append("there must be at least one verse")
    for place, section in enumerate(song.sections, start=1):
        if section.kind in _WORDLESS or section.kind is Kind.OUTRO:
            continue
        if not 2 <= len(section.lines) <= 8:
            found.append(
                f"section {place}, a {section.kind}, has {len(section.lines)} lines; it needs 2 to 8"
            )
    verses = [section.lines for section in song.sections if section.kind is Kind.VERSE]
    if len({lines for lines in verses if lines}) < len([lines for lines in verses if lines]):
        found.append("two verses have the same words")
    return found
