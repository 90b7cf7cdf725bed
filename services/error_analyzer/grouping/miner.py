"""Families of masked lines that differ in one free word, such as a user's name.

    login of alice failed        20 lines that are equal but for one place, with 20 different words there,
    login of bob failed          are one error: `login of <*> failed`. Fewer may be 15 stages that fail
    ...                          for 15 reasons.

A family's fingerprint is that of its template: every process that finds it gives it the same. Families that
differ in one place are one family by the same rule. What was known by a template of its own before becomes
part of the family, and is named as absorbed until the store is known to have heard of it.

Where two families cross, a line of both is of the one with more free words, or else with the first one.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.error_analyzer.grouping.digest import line_fingerprint
from services.error_analyzer.grouping.masks import MAX_WORDS
from services.error_analyzer.grouping.recent import Recent

FREE = "<*>"
FREE_WORDS = 20
"""Different words at one place that make it free."""
LEAST_CONSTANT = 2
"""Words that a family has in common at least. At least half of its words are in common, too."""
MAX_FAMILIES = 5_000
MAX_ABSORBED = 1_000
"""Groups that are named as absorbed at once; more follow with the next batch."""

_EDGES = ".,;:!?()[]{}\"'"
_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"[0-9]")
_MASK = re.compile(r"<[a-z]+>|<\*>")

_Words = Sequence[str]


@dataclass(frozen=True, slots=True)
class Placement:
    """The group of a line. `absorbs`: fingerprints of its parts that the store may still have as groups."""

    fingerprint: str
    template: str
    absorbs: tuple[str, ...] = ()


class TemplateMiner:
    """Finds the group of each masked line. Its memory is bounded; not for several threads at once.

    lines: templates that are remembered. places: beginnings of families that are remembered; what is
    forgotten of these has to show its words again.
    """

    def __init__(self, *, lines: int = 20_000, places: int = 200_000) -> None:
        self._placed: Recent[str, Placement] = Recent(lines)
        self._singles: Recent[str, bool] = Recent(lines)
        """Templates without a free word that have a group of their own."""
        self._seen: Recent[int, str | set[str]] = Recent(places)
        """The words seen at one place of one line; a single one as it is, to save memory."""
        self._families: dict[str, Placement] = {}
        """By template."""
        self._shapes: dict[int, list[tuple[int, ...]]] = {}
        """By the number of words: at which places families have free ones, the most first."""
        self._unstored: dict[str, dict[str, None]] = {}
        """By a family's fingerprint: what it absorbed, until the store has heard of it."""

    def known(self, templates: Iterable[tuple[str, str]]) -> None:
        """Takes over the groups that are stored, each a fingerprint with its template.

        A stored line that a family covers, for another process knew less, is to be absorbed by it.
        """
        singles = []
        for fingerprint, template in templates:
            words = template.split(" ")
            if fingerprint != line_fingerprint(template):
                continue
            if not any(map(_is_free, words)):
                singles.append(template)
            elif (greater := self._family_of(words)) is None:
                self._found(template, words)
            elif greater != template:
                self._absorb(greater, [fingerprint])
        for template in singles:
            words = template.split(" ")
            family = self._family_of(words)
            if family is None:
                self._new_line(template, words)
            else:
                self._absorb(family, [line_fingerprint(template)])
        self._placed.clear()

    def place(self, line: str) -> Placement:
        """The group of a masked line, whose words stand apart by single spaces."""
        placed = self._placed.get(line)
        if placed is None:
            words = line.split(" ")
            template = self._family_of(words) or self._new_line(line, words)
            placed = self._families.get(template) or Placement(line_fingerprint(template), template)
            self._placed.put(line, placed)
        if placed.fingerprint in self._unstored:
            absorbs = list(self._unstored[placed.fingerprint])[:MAX_ABSORBED]
            return Placement(placed.fingerprint, placed.template, tuple(absorbs))
        return placed

    def stored(self, fingerprint: str, absorbed: Iterable[str]) -> None:
        """The store has heard that these groups are part of that family."""
        unstored = self._unstored.get(fingerprint)
        if unstored is not None:
            for part in absorbed:
                unstored.pop(part, None)
            if not unstored:
                del self._unstored[fingerprint]

    def _family_of(self, words: _Words) -> str | None:
        """The template of the family with the most free words that a line belongs to."""
        for places in self._shapes.get(len(words), ()):
            template = _freed(words, places)
            if template in self._families:
                return template
        return None

    def _new_line(self, line: str, words: _Words) -> str:
        """Remembers a line that no family covers; the template that it has now."""
        self._singles.put(line, True)
        family = self._family_at_a_free_place(words)
        return line if family is None else self._family_of(words) or family

    def _family_at_a_free_place(self, words: _Words) -> str | None:
        """Notes the words of a template by their places; the new family where one place is free by now."""
        count = len(words)
        free = sum(map(_is_free, words))
        if count > MAX_WORDS or free + 1 > count // 2 or len(self._families) >= MAX_FAMILIES:
            return None
        constant = [_is_constant(word) for word in words]
        constants = sum(constant)
        for place, word in enumerate(words):
            if not constant[place] or constants - 1 < LEAST_CONSTANT or not _may_vary(place, word):
                continue
            # By hash, to save memory: two places that share one would have to meet in all their words, too.
            key = hash((place, _frame(word), *words[:place], *words[place + 1 :]))
            seen = self._seen.get(key)
            core = word.strip(_EDGES)
            if seen is None:
                self._seen.put(key, core)
            elif isinstance(seen, set):
                seen.add(core)
            elif seen != core:
                self._seen.put(key, seen := {seen, core})
            if isinstance(seen, set) and len(seen) >= FREE_WORDS:
                self._seen.forget(key)
                family = _freed(words, (place,))
                self._found(family, family.split(" "))
                return family
        return None

    def _found(self, family: str, words: _Words) -> None:
        """A new family takes in all that it covers; by it, a greater one may be found."""
        places = tuple(place for place, word in enumerate(words) if _is_free(word))
        self._families[family] = Placement(line_fingerprint(family), family)
        shapes = self._shapes.setdefault(len(words), [])
        if places not in shapes:
            shapes.append(places)
            shapes.sort(key=lambda shape: (-len(shape), shape))
        beginning = family.partition(FREE)[0]
        covered = [
            line
            for line in (*self._families, *self._singles)
            if line != family and line.startswith(beginning) and _covers(family, places, line)
        ]
        parts = []
        for line in covered:
            self._singles.forget(line)
            self._families.pop(line, None)
            part = line_fingerprint(line)
            parts += [part, *self._unstored.pop(part, ())]
        self._absorb(family, parts)
        self._placed.clear()
        self._family_at_a_free_place(words)

    def _absorb(self, family: str, parts: Sequence[str]) -> None:
        if parts:
            self._unstored.setdefault(self._families[family].fingerprint, {}).update(dict.fromkeys(parts))


def _covers(family: str, places: Sequence[int], line: str) -> bool:
    words = line.split(" ")
    return len(words) > places[-1] and _freed(words, places) == family


def _freed(words: _Words, places: Sequence[int]) -> str:
    """The template in which these places are free."""
    freed = [*words]
    for place in places:
        freed[place] = _frame(words[place])
    return " ".join(freed)


def _frame(word: str) -> str:
    """`(alice),` becomes `(<*>),`: what encloses a word is no part of it."""
    core = word.strip(_EDGES)
    if not core:
        return word
    before, _, after = word.partition(core)
    return f"{before}{FREE}{after}"


def _is_free(word: str) -> bool:
    return FREE in word and word.strip(_EDGES) == FREE


def _is_constant(word: str) -> bool:
    """It has letters beside what is masked."""
    return _LETTER.search(_MASK.sub("", word) if "<" in word else word) is not None


def _may_vary(place: int, word: str) -> bool:
    """No word with something masked in it, no code, nor what says who speaks, as `ValueError:` at the start.

    Digits that are not masked tell which error it is.
    """
    return (
        "<" not in word
        and "=" not in word
        and _DIGIT.search(word) is None
        and not (place == 0 and word.endswith(":"))
    )
