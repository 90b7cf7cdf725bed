"""The plan for small models: seeded numbers, short asks, many rough lines, the best of them kept."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.orchestrator.domain import ABOUT_CONTENT, Answer, Ask
from services.orchestrator.errors import ModelsExhausted
from services.orchestrator.gateway.gateway import question_digest
from services.orchestrator.prompts import Prompt, render
from services.orchestrator.song import rhyme
from services.orchestrator.song.brief import Commission, Section, Song, Unwritable, Written
from services.orchestrator.song.dice import Dice
from services.orchestrator.song.form import (
    MS_PER_BAR_AT_1_BPM,
    QUATRAIN_MS,
    SUNG,
    Form,
    Kind,
    Part,
    plan_form,
)
from services.orchestrator.song.large import ROLE, Asker, Told
from services.orchestrator.song.notebook import Notebook, Taste, best_pair, rhymed
from services.orchestrator.song.prompts_for_media import cover_prompt, style_prompt, video_plan
from services.orchestrator.song.scenes import pictures_for
from services.orchestrator.song.text import lines_of, stems, word_set, words_of
from services.orchestrator.song.titles import choose_title

ASKS = {Kind.VERSE: 4, Kind.CHORUS: 5, Kind.BRIDGE: 3, Kind.PRE_CHORUS: 3}
"""First asks for four lines of a part."""
REPAIR_ASKS = 3
REPAIR_ROUNDS = 4
TITLE_ASKS = 2
PICTURES = 8
MAX_TOKENS = 120
_TWO_QUATRAINS_MS = 26_000

_LINES_GRAMMAR = r"""root ::= line "\n" line "\n" line "\n" line
line ::= first (" " word){3,8}
first ::= "I" ("'m" | "'ll" | "'ve" | "'d")? | [A-Z] [a-z]{1,10}
word ::= "I" ("'m" | "'ll" | "'ve" | "'d")? | [a-z] [a-z]{0,11} ("'" ("s" | "ll" | "re" | "ve" | "t" | "d"))?
"""
_LINES_GRAMMAR_ANY = r"""root ::= line "\n" line "\n" line "\n" line
line ::= [^\n\x00-\x1f]{8,64}
"""
_TITLE_GRAMMAR = r"""root ::= word (" " word){0,3}
word ::= [A-Z] [a-z]{0,11} ("'" [a-z]{1,2})?
"""
_TITLE_GRAMMAR_ANY = r"root ::= [^\n\x00-\x1f]{2,40}"
_EXAMPLES = 6
"""Worked examples in prompts/lines.j2; three go into each ask."""


@dataclass(slots=True)
class _Desk:
    """One song being written."""

    asker: Asker
    model: str
    commission: Commission
    told: Told
    dice: Dice
    theme: str
    mood: str
    pictures: Sequence[str]
    notebook: Notebook
    answers: list[Answer] = field(default_factory=list)
    asked: int = 0
    done: int = 0


async def write_small(asker: Asker, model: str, commission: Commission, told: Told) -> Written:
    """A song by one model; Unwritable where its lines do not make one."""
    singer, dice = commission.singer, Dice.of(commission.request_id)
    form = plan_form(dice, tempo=singer.tempo, target_ms=singer.target_ms, genre=singer.genre)
    desk = _open_desk(asker, model, commission, told, dice)
    parts = _distinct(form)
    desk.asked = sum(_asks(part, form) for part in parts) + TITLE_ASKS
    await _fill(desk, [(part, number) for part in parts for number in range(1, _asks(part, form) + 1)])
    words = await _choose(desk, form, parts)
    hook = words["chorus"]
    suggestions = await _suggest_titles(desk, hook)
    lines = [line for part in parts for line in words[part.name]]
    sections = tuple(
        Section(part.kind, part.bars, _outro(hook) if part.kind is Kind.OUTRO else words.get(part.name, ()))
        for part in form.parts
    )
    song = Song(
        title=choose_title(suggestions, hook, lines, commission, desk.theme),
        theme=desk.theme,
        mood=desk.mood,
        tempo_bpm=form.tempo_bpm,
        key=dice.choice("key", singer.keys),
        sections=sections,
        instruments=singer.instruments,
        style_prompt=style_prompt(singer, form.tempo_bpm, desk.mood),
        cover_prompt=cover_prompt(singer, desk.pictures, desk.mood),
        video_plan=video_plan(form.parts, desk.pictures, desk.mood),
    )
    return Written(song, desk.answers)


def _open_desk(asker: Asker, model: str, commission: Commission, told: Told, dice: Dice) -> _Desk:
    singer = commission.singer
    theme, mood = dice.choice("theme", singer.themes), dice.choice("mood", singer.moods)
    # All that it can do with a wish or a direction: look at it, and prefer lines with its words.
    wishes = [wish for wish in (commission.note, commission.direction) if wish]
    pictures = pictures_for(" ".join([*wishes, theme, mood]), dice, PICTURES)
    pictures = [*(wish[:80] for wish in wishes), *pictures][:PICTURES]
    taste = Taste(
        about=stems(words_of(" ".join([theme, *wishes])))
        - stems(word_set("the a an of in on and to for with")),
        banned=singer.banned,
        point_of_view=singer.point_of_view,
        examples=tuple(_example_lines()),
        english=singer.english,
    )
    return _Desk(asker, model, commission, told, dice, theme, mood, pictures, Notebook(taste))


def _distinct(form: Form) -> list[Part]:
    """The parts with words of their own, each once."""
    found: dict[str, Part] = {}
    for part in form.parts:
        if part.kind in SUNG:
            found.setdefault(part.name, part)
    return list(found.values())


def _line_count(part: Part, form: Form) -> int:
    """2, 4 or 8 lines: as many as can be sung without haste."""
    lasts_ms = part.bars * MS_PER_BAR_AT_1_BPM / form.tempo_bpm
    if lasts_ms >= _TWO_QUATRAINS_MS and part.kind is Kind.VERSE:
        return 8
    return 4 if lasts_ms >= QUATRAIN_MS else 2


def _asks(part: Part, form: Form) -> int:
    return ASKS[part.kind] + (2 if _line_count(part, form) == 8 else 0)


async def _fill(desk: _Desk, places: Sequence[tuple[Part, int]]) -> None:
    """Asks for rough lines, all at once, and keeps them in the order of `places`."""
    answers = await _gather(desk, [_lines_ask(desk, part, number) for part, number in places])
    for answer in answers:
        if answer is not None:
            desk.notebook.add(lines_of(answer.text))


async def _gather(desk: _Desk, asks: Sequence[Ask]) -> list[Answer | None]:
    """Answers in the order of the asks; None where the model is up but this ask came to nothing."""

    async def one(ask: Ask) -> Answer | None:
        try:
            answer = await desk.asker.ask(ask)
        except ModelsExhausted as error:
            if not all(attempt.outcome in ABOUT_CONTENT for attempt in error.attempts):
                raise
            answer = None
        desk.done += 1
        desk.told(ask.request_id.rsplit("/", 2)[-2], desk.done, max(desk.asked, desk.done))
        return answer

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(ask)) for ask in asks]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    answers = [task.result() for task in tasks]
    desk.answers += [answer for answer in answers if answer is not None]
    if asks and not any(answers):
        raise Unwritable(["the model answered nothing that could be used"])
    return answers


async def _choose(desk: _Desk, form: Form, parts: Sequence[Part]) -> dict[str, tuple[str, ...]]:
    """The lines of every part: the chorus first, so that it gets the best."""
    words: dict[str, tuple[str, ...]] = {}
    used: list[str] = []
    for part in sorted(parts, key=lambda part: part.kind is not Kind.CHORUS):
        wanted = _line_count(part, form)
        lines: list[str] = []
        try:
            while len(lines) < wanted:
                lines += await _next_lines(desk, part, min(4, wanted - len(lines)), [*used, *lines], form)
        except Unwritable:
            # A song needs its verses and its chorus; between them music may stand alone, and a verse that has
            # four good lines is sung with those.
            if not lines and part.kind not in (Kind.BRIDGE, Kind.PRE_CHORUS):
                raise
        used += lines
        words[part.name] = tuple(lines)
    return words


async def _next_lines(
    desk: _Desk, part: Part, count: int, used: Sequence[str], form: Form
) -> tuple[str, ...]:
    """Two or four lines; more rough ones are asked for while what is there does not rhyme."""
    for round_number in range(REPAIR_ROUNDS + 1):
        # A fraction of a second of weighing: other calls go on meanwhile.
        couplets = await asyncio.to_thread(desk.notebook.couplets, without=list(used))
        if count == 2 and couplets:
            return couplets[0].lines
        pair = await asyncio.to_thread(best_pair, couplets)
        is_last = round_number == REPAIR_ROUNDS
        if pair is not None and (rhymed(pair) >= rhyme.NEAR or is_last):
            first, second = pair
            if part.kind is Kind.CHORUS:
                # A hook is heard twice.
                return (*first.lines, first.lines[0], second.lines[1])
            return (*first.lines, *second.lines)
        if not is_last:
            start = _asks(part, form) + round_number * REPAIR_ASKS
            desk.asked += REPAIR_ASKS
            await _fill(desk, [(part, start + number) for number in range(1, REPAIR_ASKS + 1)])
    if couplets:
        # One couplet that is good is sung twice before the whole song is given up.
        return (*couplets[0].lines, *couplets[0].lines)
    fit = len(desk.notebook.lines(without=used))
    raise Unwritable([f"{fit} usable lines are left for the {part.name}, {count} are needed"])


def _lines_ask(desk: _Desk, part: Part, number: int) -> Ask:
    singer = desk.commission.singer
    name = part.name.replace(" ", "-")
    shift = desk.dice.number(f"pictures/{name}", len(desk.pictures))
    prompt = render(
        "lines",
        point_of_view=singer.point_of_view,
        language="" if singer.english else singer.language,
        examples=desk.dice.shuffled("examples", range(_EXAMPLES))[:3],
        theme=desk.theme,
        mood=desk.mood,
        picture=desk.pictures[(shift + number) % len(desk.pictures)],
    )
    return _ask(desk, name, number, prompt, _LINES_GRAMMAR if singer.english else _LINES_GRAMMAR_ANY)


async def _suggest_titles(desk: _Desk, hook: Sequence[str]) -> list[str]:
    english = desk.commission.singer.english
    prompt = render("title", chorus=hook[:2], language="" if english else desk.commission.singer.language)
    grammar = _TITLE_GRAMMAR if english else _TITLE_GRAMMAR_ANY
    try:
        answers = await _gather(
            desk, [_ask(desk, "title", number, prompt, grammar) for number in range(1, TITLE_ASKS + 1)]
        )
    except Unwritable:
        # The song's own words make a title too.
        return []
    return [answer.text for answer in answers if answer is not None]


def _ask(desk: _Desk, part: str, number: int, prompt: Prompt, grammar: str) -> Ask:
    return Ask(
        request_id=f"{desk.commission.request_id}/{part}/{number}",
        role=ROLE,
        messages=prompt.messages,
        digest=question_digest(prompt.messages, number=number),
        max_tokens=MAX_TOKENS,
        seed=desk.dice.number(f"{part}/{number}", 2**31),
        grammar=grammar,
        prompt_hash=prompt.hash,
        artist_id=desk.commission.artist_id,
        run_id=desk.commission.run_id,
        models=(desk.model,),
        strict=False,
    )


def _outro(hook: Sequence[str]) -> tuple[str, ...]:
    return tuple(hook[:1])


def _example_lines() -> list[str]:
    prompt = render(
        "lines", point_of_view="", language="", examples=range(_EXAMPLES), theme="", mood="", picture=""
    )
    shown = [message.content for message in prompt.messages if message.role == "assistant"]
    return [line for text in shown for line in text.splitlines()]
