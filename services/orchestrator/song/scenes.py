"""Things to see, for a song about something: what each ask of a small model looks at."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from services.orchestrator.song.dice import Dice
from services.orchestrator.song.text import stems, words_of


@dataclass(frozen=True, slots=True)
class Scene:
    """The stems of the words that call it, and its pictures."""

    calls: frozenset[str]
    pictures: tuple[str, ...]


def pictures_for(about: str, dice: Dice, count: int) -> list[str]:
    """Pictures for a text, from the scene that it calls most, then the next; `count` different ones."""
    wanted = stems(words_of(about))
    scenes = _scenes()
    called = [scene for scene in scenes if scene.calls & wanted]
    called.sort(key=lambda scene: -len(scene.calls & wanted))
    rest = [scene for scene in scenes if not scene.calls]
    found: list[str] = []
    for place, scene in enumerate([*called[:2], *rest]):
        found += [
            picture for picture in dice.shuffled(f"pictures/{place}", scene.pictures) if picture not in found
        ]
    return found[:count]


@cache
def _scenes() -> tuple[Scene, ...]:
    scenes = []
    for line in files(__package__).joinpath("data/scenes.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            calls, _, pictures = line.partition("|")
            named = frozenset() if calls.strip() == "*" else stems(calls.split())
            scenes.append(Scene(named, tuple(picture.strip() for picture in pictures.split(","))))
    return tuple(scenes)
