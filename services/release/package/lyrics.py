"""The lyrics file, as it follows from a brief."""

from collections import Counter

from aiartist.common.v1 import brief_pb2

_NAMES = {
    brief_pb2.Section.KIND_INTRO: "Intro",
    brief_pb2.Section.KIND_VERSE: "Verse",
    brief_pb2.Section.KIND_PRE_CHORUS: "Pre-Chorus",
    brief_pb2.Section.KIND_CHORUS: "Chorus",
    brief_pb2.Section.KIND_BRIDGE: "Bridge",
    brief_pb2.Section.KIND_INSTRUMENTAL: "Instrumental",
    brief_pb2.Section.KIND_OUTRO: "Outro",
}


def lyrics_text(brief: brief_pb2.Brief) -> str:
    """The title, then every part that has words under its name in brackets; verses are numbered."""
    verses = Counter(section.kind for section in brief.sections if section.lines)
    parts = [brief.title]
    number = 0
    for section in brief.sections:
        if not section.lines:
            continue
        name = _NAMES.get(section.kind, "Part")
        if section.kind == brief_pb2.Section.KIND_VERSE and verses[section.kind] > 1:
            number += 1
            name = f"{name} {number}"
        parts.append("\n".join([f"[{name}]", *(line.strip() for line in section.lines)]))
    if len(parts) == 1:
        parts.append("[Instrumental]")
    return "\n\n".join(parts) + "\n"
