"""Casting: which voice plays which part."""

import random
from collections.abc import Sequence

from services.release.music.genre import Genre
from services.release.music.seeds import dice

# Longer names first: an "electric piano" is no piano.
_WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("electric piano", ("electric_piano",)),
    ("rhodes", ("electric_piano",)),
    ("felt piano", ("felt_piano",)),
    ("piano", ("piano", "felt_piano")),
    ("muted guitar", ("muted_guitar",)),
    ("electric guitar", ("muted_guitar", "guitar")),
    ("guitar", ("guitar", "muted_guitar")),
    ("vibraphone", ("vibraphone",)),
    ("vibes", ("vibraphone",)),
    ("kalimba", ("kalimba",)),
    ("bell", ("bell",)),
    ("harp", ("harp",)),
    ("organ", ("organ",)),
    ("string", ("strings",)),
    ("violin", ("strings",)),
    ("cello", ("strings",)),
    ("choir", ("choir", "choir_voice")),
    ("flute", ("flute",)),
    ("vocal", ("voice",)),
    ("voice", ("voice",)),
    ("upright bass", ("upright_bass",)),
    ("double bass", ("upright_bass",)),
    ("bass guitar", ("electric_bass",)),
    ("808", ("eight_oh_eight",)),
    ("reese", ("reese_bass",)),
    ("acid", ("acid",)),
    ("303", ("acid",)),
    ("sub", ("sub_bass",)),
    ("arpeggi", ("saw_pluck", "square_pluck")),
    ("pluck", ("saw_pluck", "soft_pluck")),
    ("supersaw", ("supersaw",)),
    ("square", ("square_lead", "square_pluck", "square_bass")),
    ("saw", ("saw_lead", "saw_pluck")),
    ("pad", ("warm_pad", "analog_pad")),
    ("stab", ("stab",)),
)


def wished_for(instruments: Sequence[str]) -> list[str]:
    """The voices that plain words such as `warm analog pads` or `Rhodes` ask for, in their order."""
    wished: list[str] = []
    for text in instruments:
        plain = text.lower()
        for word, voices in _WORDS:
            if word in plain:
                wished.extend(voice for voice in voices if voice not in wished)
                plain = plain.replace(word, " ")
    return wished


def cast_voices(genre: Genre, instruments: Sequence[str], *, seed: int) -> dict[str, str]:
    """Chooses each part's voice among the genre's: what the brief wishes for, else by chance."""
    wished = wished_for(instruments)
    candidates = {name: layer.voices for name, layer in genre.layers.items()}
    candidates |= {"bass": genre.bass.voices, "lead": genre.lead.voices, "answer": genre.lead.answers}
    roles: dict[str, str] = {}
    for name, options in candidates.items():
        roles[name] = _choice(options, wished, taken=set(roles.values()), chance=dice(seed, "voice", name))
    # The second voice sings as the first one does.
    roles["second"] = roles["lead"]
    return roles


def _choice(options: Sequence[str], wished: Sequence[str], *, taken: set[str], chance: random.Random) -> str:
    free = [voice for voice in options if voice not in taken] or list(options)
    granted = [voice for voice in wished if voice in free]
    return granted[0] if granted else chance.choice(free)
