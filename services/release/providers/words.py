"""A brief in the words that music models know: lyrics with section tags, and a line of style."""

import re

from aiartist.common.v1 import brief_pb2
from services.chassis.genres import spoken
from services.chassis.logs import mask_text
from services.chassis.redaction import redact

_BEATS_PER_BAR = 4
_TAGS = {
    brief_pb2.Section.KIND_INTRO: "Intro",
    brief_pb2.Section.KIND_VERSE: "Verse",
    brief_pb2.Section.KIND_PRE_CHORUS: "Pre-Chorus",
    brief_pb2.Section.KIND_CHORUS: "Chorus",
    brief_pb2.Section.KIND_BRIDGE: "Bridge",
    brief_pb2.Section.KIND_INSTRUMENTAL: "Instrumental",
    brief_pb2.Section.KIND_OUTRO: "Outro",
}
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SENTENCE_ENDS = ".!?…"


def is_instrumental(brief: brief_pb2.Brief) -> bool:
    """True where nobody sings."""
    return not any(line.strip() for section in brief.sections for line in section.lines)


def lyrics(brief: brief_pb2.Brief, most: int) -> str:
    """The words, each section under its tag, as `[Verse 2]`; at most so many characters, in whole lines.

    Kinds that come once or not by their words have no number.
    """
    verses = 0
    lines: list[str] = []
    for section in brief.sections:
        tag = _TAGS.get(section.kind, "Verse")
        if tag == "Verse":
            verses += 1
            tag = f"Verse {verses}"
        lines += [f"[{tag}]", *(_clean(line) for line in section.lines), ""]
    return _whole_lines(lines, most)


def style(brief: brief_pb2.Brief, note: str, most: int, *, with_length: bool = False) -> str:
    """How it should sound, then the take's wish; at most so many characters, those of the wish first."""
    facts = [
        spoken(brief.genre),
        brief.mood,
        ", ".join(brief.instruments),
        f"{brief.tempo_bpm} bpm" if brief.tempo_bpm else "",
        brief.key,
        "instrumental, no vocals" if is_instrumental(brief) else "",
    ]
    if with_length and (seconds := wanted_s(brief)):
        facts.append(f"about {round(seconds) // 60}:{round(seconds) % 60:02} long")
    told = _clean(brief.style_prompt)
    if told and told[-1] not in _SENTENCE_ENDS:
        told += "."
    text = f"{told} {', '.join(_clean(fact) for fact in facts if fact)}".strip()
    wish = f" For this take: {_clean(note)}" if note.strip() else ""
    wish = wish[:most]
    return f"{text[: most - len(wish)].rstrip()}{wish}".strip()


def wanted_s(brief: brief_pb2.Brief) -> float:
    """The wanted length in seconds: as the brief says, else as its bars give; 0: nobody said."""
    if brief.target_duration_ms:
        return brief.target_duration_ms / 1_000
    bars = sum(section.bars for section in brief.sections)
    return bars * _BEATS_PER_BAR * 60 / brief.tempo_bpm if brief.tempo_bpm else 0.0


def title(brief: brief_pb2.Brief, most: int) -> str:
    """The title, at most so many characters."""
    return _clean(brief.title)[:most].rstrip()


def _clean(text: str) -> str:
    """In one line, without secrets: briefs and notes hold what models and people wrote."""
    return redact(mask_text(" ".join(_CONTROLS.sub(" ", text).split())))


def _whole_lines(lines: list[str], most: int) -> str:
    kept: list[str] = []
    length = 0
    for line in lines:
        length += len(line) + 1
        if length > most:
            break
        kept.append(line)
    # A tag without its words at the end would be sung, or played for ever.
    while kept and (not kept[-1] or (len(kept) < len(lines) and kept[-1].startswith("["))):
        kept.pop()
    return "\n".join(kept)
