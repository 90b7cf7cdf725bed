"""What a competent songwriter would answer; always the same for the same question."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any


def _list(values: str) -> list[str]:
    return values.split(",")


_THINGS = _list(
    "the porch light,your letters,a paper map,the kitchen table,an old guitar,my winter coat,the radio,"
    "a silver key,your photograph,the garden gate,a broken watch,the empty chair,your yellow dress,a candle,"
    "the last train,my suitcase,the window,a bottle of wine,your name,the piano,the harbor,a wooden boat,"
    "the bedroom door,a summer song,my father's hat,the highway,a box of records,"
    "the mirror,your sweater,the moon"
)
_DEEDS = _list(
    "I carried,You left,I remember,We counted,I painted,You kept,I buried,We borrowed,I followed,You opened,"
    "I folded,We waited by,I lost,You promised me,I wrote about,We danced around"
)
_ENDS = (
    ("in the morning light", "through the longest night", "and I held on tight", "with the town in sight"),
    ("along the winter road", "under a heavy load", "where the river flowed", "with the song you owed"),
    ("before the rain", "on the early train", "and I felt no pain", "down the narrow lane"),
    ("by the kitchen door", "on the wooden floor", "like the time before", "till we wanted more"),
    ("in another day", "when you went away", "and I chose to stay", "while the lamps were gray"),
    ("under open skies", "with the fireflies", "and I told no lies", "till I saw you rise"),
    ("on a city street", "with your tired feet", "in the summer heat", "to a steady beat"),
    ("with an open hand", "on the yellow sand", "till you understand", "over broken land"),
)
_QUALITIES = _list(
    "Paper,Silver,Northern,Quiet,Borrowed,Wooden,Winter,Second,Yellow,Open,Broken,Early,Distant,Hollow,Golden,Salt"
)
_NOUNS = _list(
    "Harbor,Letters,Window,Highway,Lanterns,Garden,Mirror,Station,Weather,Orchard,River,Engines,Postcard,Summer,"
    "Bridges,Kitchen,Sailors,Records,Valley,Telephone"
)
_BARS = re.compile(r"is (\d+) to (\d+) bars")


class _Choices:
    """Numbers that follow from a question."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        asked = json.dumps([body.get("messages"), body.get("seed"), body.get("model")], sort_keys=True)
        self._state = hashlib.sha256(asked.encode()).digest()

    def of(self, values: Sequence[Any]) -> Any:
        self._state = hashlib.sha256(self._state).digest()
        return values[int.from_bytes(self._state[:8], "big") % len(values)]


def write_answer(body: Mapping[str, Any]) -> str:
    """The answer to a chat completion's body."""
    choices = _Choices(body)
    messages = [str(message.get("content", "")) for message in body.get("messages", ())]
    everything = "\n".join(messages)
    if "Write one new song for this artist." in everything:
        return _whole_song(everything, choices)
    if messages and messages[0].startswith("You give songs short titles"):
        return _title(choices)
    schema = _schema(body, messages[-1] if messages else "")
    if schema is not None:
        return json.dumps(_instance(schema, choices))
    return "\n".join(_quatrain(choices))


def _quatrain(choices: _Choices) -> list[str]:
    ends = choices.of(_ENDS)
    other = choices.of(_ENDS)
    tails = [choices.of(other), ends[0], choices.of(other), ends[1]]
    return [f"{choices.of(_DEEDS)} {choices.of(_THINGS)} {tail}" for tail in tails]


def _title(choices: _Choices) -> str:
    return f"{choices.of(_QUALITIES)} {choices.of(_NOUNS)}"


def _whole_song(prompt: str, choices: _Choices) -> str:
    slowest, fastest = map(int, _found(r"Tempo: (\d+) to (\d+)", prompt))
    tempo = choices.of(range(slowest, fastest + 1))
    keys = _found(r"Keys: (.+)", prompt)[0].split(", ")
    moods = _moods(prompt)
    # Versions before this one, which some tests run too, have moods and theme in their lines.
    theme = _found(r"serves the wish below better:(?:\n>)? (.+)", prompt)[0]
    chorus = _quatrain(choices)
    kinds = ["intro", "verse", "chorus", "verse", "chorus", "bridge", "chorus", "outro"]
    lines = {"intro": list, "outro": list, "chorus": lambda: chorus}
    sections = [
        {
            "kind": kind,
            "bars": 4 if kind in ("intro", "outro", "bridge") else 8,
            "lines": lines.get(kind, lambda: _quatrain(choices))(),
        }
        for kind in kinds
    ]
    song = {
        "title": _title(choices),
        "theme": theme,
        "mood": choices.of(moods),
        "tempo_bpm": tempo,
        "key": choices.of(keys),
        "sections": sections,
        "instruments": ["drums", "bass", "piano"],
        "style_prompt": f"a song about {theme} at {tempo} bpm",
        "cover_prompt": f"{choices.of(_THINGS)}, seen from above",
        "video_plan": [f"{kind}: {choices.of(_THINGS)}" for kind in kinds],
    }
    return json.dumps(song)


def _moods(prompt: str) -> list[str]:
    listed = re.search(r"Mood: .+\n((?:> - .+\n)+)", prompt)
    if listed is None:
        return _found(r"Mood: (.+?);", prompt)[0].split(", ")
    return re.findall(r"> - (.+)", listed[1])


def _found(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text)
    assert match is not None, f"the prompt has no {pattern!r}"
    return match.groups()


def _schema(body: Mapping[str, Any], last_message: str) -> Mapping[str, Any] | None:
    told = body.get("response_format") or {}
    if told.get("type") == "json_schema":
        found: Mapping[str, Any] = told["json_schema"]["schema"]
        return found
    _, marker, rest = last_message.partition("must meet this JSON schema:\n")
    return json.JSONDecoder().raw_decode(rest)[0] if marker else None


def _instance(schema: Mapping[str, Any], choices: _Choices) -> Any:
    """A value that meets a simple schema: types, enums, required properties, minItems."""
    if "enum" in schema:
        return choices.of(schema["enum"])
    kind = schema.get("type", "object")
    if kind == "object":
        return {name: _instance(inner, choices) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [_instance(schema["items"], choices) for _ in range(max(1, int(schema.get("minItems", 1))))]
    if kind in ("number", "integer"):
        return int(schema.get("minimum", 1))
    return choices.of(_THINGS) if kind == "string" else True
