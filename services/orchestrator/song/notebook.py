"""A songwriter's notebook: many rough lines, from which the few that hold together are chosen.

A small model writes one good line in three and rhymes by accident. So it is asked for more than
is needed, every pair of neighbouring lines is weighed, and the pairs that rhyme best with each
other become a verse.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise, product

from services.orchestrator.song import rhyme
from services.orchestrator.song.lexicon import Part, is_content, is_known, part_of
from services.orchestrator.song.sense import ends_well, hangs, starts_well, stumbles
from services.orchestrator.song.text import has_banned, stem, stems, syllables, word_set, words_of

REFUSED = -100.0
"""The weight of what must not be sung."""
RHYME_WEIGHT = 2.6
STRANGERS = 0.5
"""What two lines lose that did not stand together."""
OPENERS = 14

WORN_OUT = stems(
    word_set(
        "neon echo echoes whisper shadow destiny symphony tapestry twilight embrace forevermore whispering "
        "soul kaleidoscope labyrinth dance eternal journey realm enchanted beauty sweet"
    )
)
_FIRST = word_set("i i'm i've i'll i'd me my mine myself we we're we've we'll us our")
_SECOND = word_set("you you're you've you'll you'd your yours")
_THIRD = word_set("he she they him her his their them he's she's they're himself herself themselves")
_OWN_VOICE = {"first person": _FIRST, "second person": _SECOND, "third person": _THIRD}


@dataclass(frozen=True, slots=True)
class Taste:
    """What this song wants of a line."""

    about: frozenset[str]
    """Stems of the words that the song is about."""
    banned: tuple[str, ...] = ()
    point_of_view: str = "first person"
    examples: tuple[str, ...] = ()
    """Lines that the model was shown and must not give back."""
    english: bool = True
    syllables: tuple[int, int] = (5, 11)


@dataclass(frozen=True, slots=True)
class Couplet:
    """Two lines that can follow each other."""

    lines: tuple[str, str]
    weight: float
    natural: bool
    """True where the model wrote them one after the other."""

    @property
    def last_word(self) -> str:
        return _essence(self.lines[1]).split()[-1]


@dataclass(slots=True)
class Notebook:
    """The lines so far, weighed."""

    taste: Taste
    _answers: list[tuple[str, ...]] = field(default_factory=list)
    _weights: dict[str, float] = field(default_factory=dict)

    def add(self, lines: Sequence[str]) -> None:
        """Keeps one answer's lines, in their order."""
        self._answers.append(tuple(lines))

    def weight(self, line: str) -> float:
        """How good a line is by itself; about 0 to 2, `REFUSED` where it must not be sung."""
        if line not in self._weights:
            self._weights[line] = _weigh(line, self.taste)
        return self._weights[line]

    def couplets(self, *, without: Collection[str] = ()) -> list[Couplet]:
        """Two-line thoughts fit to be sung, best first, none of their lines in `without`.

        Lines that stood together come first; every line also gets the best strangers before it.
        """
        used = {_essence(line) for line in without}
        found: dict[tuple[str, str], Couplet] = {}
        for lines in self._answers:
            for first, second in pairwise(lines):
                self._note(found, first, second, used, 0.0)
        openers = self.lines(without=without)[:OPENERS]
        for second in self.lines(without=without):
            for first in openers:
                self._note(found, first, second, used, STRANGERS)
        return sorted(found.values(), key=lambda couplet: (-couplet.weight, couplet.lines))

    def _note(
        self,
        found: dict[tuple[str, str], Couplet],
        first: str,
        second: str,
        used: Collection[str],
        less: float,
    ) -> None:
        if _essence(first) in used or _essence(second) in used:
            return
        weight = self._pair_weight((first, second)) - less
        known = found.get((first, second))
        if weight > REFUSED / 2 and (known is None or weight > known.weight):
            found[first, second] = Couplet((first, second), weight, natural=less == 0.0)

    def lines(self, *, without: Collection[str] = ()) -> list[str]:
        """Single lines fit to be sung, best first, none of them in `without`."""
        used = {_essence(line) for line in without}
        fit = {line for lines in self._answers for line in lines if self.weight(line) > REFUSED / 2}
        return sorted(
            (line for line in fit if _essence(line) not in used), key=lambda line: (-self.weight(line), line)
        )

    def _pair_weight(self, pair: tuple[str, str]) -> float:
        first, second = (_essence(line).split() for line in pair)
        if not first or not second or first[-1] == second[-1] or _overlap(pair[0], pair[1]) > 0.5:
            return REFUSED
        weight = self.weight(pair[0]) + self.weight(pair[1])
        if first[0] in ("and", "but", "or", "so", "then", "to", "with"):
            weight -= 0.4
        if _tense(first) and _tense(second) and _tense(first) != _tense(second):
            weight -= 0.3
        return weight + 0.5 * rhyme.likeness(first[-1], second[-1])


def best_pair(couplets: Sequence[Couplet]) -> tuple[Couplet, Couplet] | None:
    """The two couplets that make the best four lines: good by themselves, with rhyming ends."""
    by_end: dict[str, list[Couplet]] = {}
    for couplet in couplets:
        by_end.setdefault(couplet.lines[1], []).append(couplet)
    ends = list(by_end.values())
    rhyming = [
        (likeness, one, two)
        for one in ends
        for two in ends
        if (likeness := rhyme.likeness(one[0].last_word, two[0].last_word)) >= rhyme.NEAR
    ]
    pairs = rhyming or [(rhyme.NONE, one, two) for one in ends[:12] for two in ends[:12]]
    # No pair can be better than its best couplets and its rhyme: the search ends when the rest can't win.
    pairs.sort(key=lambda pair: -_bound(*pair))
    best: tuple[float, tuple[Couplet, Couplet]] | None = None
    for likeness, one, two in pairs:
        if best is not None and best[0] >= _bound(likeness, one, two):
            break
        for first, second in product(one[:4], two[:4]):
            weight = _quatrain_weight(first, second)
            if weight > REFUSED / 2 and (best is None or weight > best[0]):
                best = (weight, (first, second))
    return best[1] if best else None


def _bound(likeness: float, one: Sequence[Couplet], two: Sequence[Couplet]) -> float:
    return one[0].weight + two[0].weight + RHYME_WEIGHT * likeness


def rhymed(pair: tuple[Couplet, Couplet]) -> float:
    """How well the second and the fourth line rhyme."""
    return rhyme.likeness(pair[0].last_word, pair[1].last_word)


def _quatrain_weight(first: Couplet, second: Couplet) -> float:
    lines = (*first.lines, *second.lines)
    essences = {_essence(line) for line in lines}
    if len(essences) < 4 or any(_overlap(a, b) > 0.5 for a in first.lines for b in second.lines):
        return REFUSED
    weight = first.weight + second.weight + RHYME_WEIGHT * rhyme.likeness(first.last_word, second.last_word)
    if first.last_word == second.last_word:
        weight -= 1.5
    openings = [_essence(line).split()[:2] for line in lines]
    return weight - 0.3 * (len(openings) - len({tuple(opening) for opening in openings}))


def _weigh(line: str, taste: Taste) -> float:
    words = words_of(line)
    if not 3 <= len(words) <= 10 or has_banned(line, taste.banned) or _copied(words, taste.examples):
        return REFUSED
    least, most = taste.syllables
    length = sum(syllables(word) for word in words)
    weight = -0.25 * max(0, least - length, length - most)
    if taste.english:
        unknown = [word for word in words if not is_known(word)]
        # Two words that grew together, or half of one, stand at the ends of a line that went wrong.
        if len(unknown) > 1 or (unknown and unknown[0] in (words[0], words[-1])):
            return REFUSED
        if not ends_well(words) or not starts_well(words):
            return REFUSED
        weight -= 2.0 * len(unknown) + 1.6 * stumbles(words)
        weight += 0.3 * min(2, sum(bool(part_of(word) & Part.THING) for word in words))
        weight -= 1.8 * hangs(words) + 0.4 * (words[0] in _BARE_STARTS or _is_bare(words[0]))
    weight += _voice_weight(words, taste.point_of_view)
    found = stems(words)
    weight += 0.5 * min(2, len(found & taste.about)) - 0.8 * len((found & WORN_OUT) - taste.about)
    content = [stem(word) for word in words if is_content(word)]
    return weight - 0.8 * (len(content) - len(set(content))) - (1.0 if not content else 0.0)


_BARE_STARTS = word_set("is was are were has had did does do")


def _is_bare(word: str) -> bool:
    """A verb that looks for its subject: `barked on the window`."""
    parts = part_of(word)
    return bool(parts & (Part.PAST | Part.THIRD)) and not parts & (
        Part.BASE | Part.NOUN | Part.JOINER | Part.MANNER
    )


def _voice_weight(words: Iterable[str], point_of_view: str) -> float:
    found = set(words)
    own = _OWN_VOICE.get(point_of_view, _FIRST)
    weight = 0.35 if found & own else 0.0
    if own is not _THIRD:
        weight += (0.2 if found & _SECOND else 0.0) - (0.6 if found & _THIRD else 0.0)
    elif found & _FIRST:
        weight -= 0.6
    return weight


_PAST_SIGNS = word_set("was were had did didn't wasn't went came took saw felt knew told gave left made said")
_PRESENT_SIGNS = word_set("is am are do don't can can't will i'm you're we're it's i'll")


def _tense(words: Iterable[str]) -> str:
    found = set(words)
    past, present = bool(found & _PAST_SIGNS), bool(found & _PRESENT_SIGNS)
    return "" if past == present else "past" if past else "present"


def _copied(words: Sequence[str], examples: Iterable[str], run: int = 4) -> bool:
    runs = {tuple(words[i : i + run]) for i in range(len(words) - run + 1)}
    return any(
        tuple(shown[i : i + run]) in runs
        for shown in map(words_of, examples)
        for i in range(len(shown) - run + 1)
    )


@lru_cache(maxsize=8_192)
def _essence(line: str) -> str:
    return " ".join(words_of(line))


@lru_cache(maxsize=8_192)
def _content(line: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words_of(line) if is_content(word))


def _overlap(first: str, second: str) -> float:
    one, two = _content(first), _content(second)
    return len(one & two) / max(1, min(len(one), len(two)))
