"""A title out of what a model suggested and what the song says itself."""

from collections.abc import Iterable, Iterator, Sequence

from services.chassis.titles import faults
from services.orchestrator.song.brief import Commission
from services.orchestrator.song.lexicon import Part, is_content, is_known, part_of
from services.orchestrator.song.notebook import WORN_OUT
from services.orchestrator.song.sense import ends_well, starts_well, stumbles
from services.orchestrator.song.text import has_banned, lines_of, stems, title_case, word_set, words_of

MOST_WORDS = 5
_NUMERALS = ("II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")
_CLAUSE_OPENINGS = word_set("when what where how if all until before after the since because while")
_PRONOUNS = word_set("i you we they he she")
_WEAK_OPENINGS = word_set("and but or so if to that than as is was were are am been be it there then")


def choose_title(
    suggestions: Sequence[str], hook: Sequence[str], lines: Sequence[str], commission: Commission, theme: str
) -> str:
    """1 to 5 words in title case, no title that the artist has or a store refuses, no banned word.

    `suggestions` are a model's, `hook` the chorus, `lines` every line of the song.
    """
    about = stems(words_of(theme))
    suggested = [
        words for answer in suggestions for line in lines_of(answer)[:1] if (words := words_of(line))
    ]
    weighed = [(_weight(words, hook, about, commission) + 0.5, words) for words in suggested]
    weighed += [(_weight(words, hook, about, commission) + whole, words) for words, whole in _phrases(hook)]
    weighed += [
        (_weight(words, hook, about, commission) + whole - 1.0, words) for words, whole in _phrases(lines)
    ]
    for _, words in sorted(
        ((weight, words) for weight, words in weighed if weight > 0), key=lambda w: (-w[0], w[1])
    ):
        title = title_case(" ".join(words))
        if not commission.title_taken(title) and not faults(title):
            return title
    spare = (" ".join(words_of(text)[:MOST_WORDS]) for text in (theme, *hook, *lines))
    titles = (title for text in spare if (title := title_case(text)) and not faults(title))
    # A genre is none of a song's own, yet always there; a numeral tells its songs apart.
    return _last_resort(next(titles, title_case(f"{commission.singer.genre} nocturne")), commission)


def another_title(title: str, commission: Commission) -> str:
    """The same title told apart from those that are taken."""
    return _last_resort(title, commission)


def _last_resort(title: str, commission: Commission) -> str:
    candidates = [title, *(f"{title} {numeral}" for numeral in _NUMERALS)]
    # A store may refuse the title with its numeral: "Music II", or what is too long then.
    free = (
        candidate
        for candidate in candidates
        if not commission.title_taken(candidate) and not faults(candidate)
    )
    return next(free, f"{title} {len(commission.titles) + 1}")


def _phrases(lines: Iterable[str]) -> Iterator[tuple[list[str], float]]:
    """Runs of words that no noun phrase is cut by, and how whole they are within their lines."""
    for line in lines:
        words = words_of(line)
        for length in (2, 3, 4):
            for start in range(len(words) - length + 1):
                end = start + length
                if start and not _phrase_may_follow(words[start - 1]):
                    continue
                if (
                    end < len(words)
                    and part_of(words[end]) & Part.NOUN
                    and not part_of(words[end]) & Part.SUBJECT
                ):
                    continue
                yield words[start:end], 0.3 * (start == 0) + 0.3 * (end == len(words))


def _phrase_may_follow(word: str) -> bool:
    parts = part_of(word)
    if parts & (Part.DETERMINER | Part.QUALITY):
        return False
    return bool(
        parts
        & (Part.PREPOSITION | Part.JOINER | Part.BASE | Part.PAST | Part.THIRD | Part.ING | Part.AUXILIARY)
    )


def _weight(
    words: Sequence[str], hook: Sequence[str], about: frozenset[str], commission: Commission
) -> float:
    """How good a title is; 0 or less where it must not be one."""
    if not 1 <= len(words) <= MOST_WORDS or has_banned(" ".join(words), commission.singer.banned):
        return -1.0
    content = [word for word in words if is_content(word)]
    if not content or len(set(words)) < len(words):
        return -1.0
    weight = {1: 0.8, 2: 1.5, 3: 1.6, 4: 1.2, 5: 0.5}[len(words)]
    if commission.singer.english:
        if not all(map(is_known, words)) or not ends_well(words) or not starts_well(words) or stumbles(words):
            return -1.0
        if words[0] in _WEAK_OPENINGS or part_of(words[-1]) == Part.PREPOSITION:
            return -1.0
        if words[0] not in _CLAUSE_OPENINGS and _PRONOUNS & set(words[1:]):
            return -1.0
        if part_of(words[-1]) == Part.QUALITY and len(words) > 1 and part_of(words[-2]) & Part.NOUN:
            weight -= 0.6
        weight += 0.4 * any(part_of(word) & Part.THING for word in content)
        weight -= 0.5 * (not part_of(words[-1]) & (Part.NOUN | Part.QUALITY | Part.MANNER))
    if any(" ".join(words) in " ".join(words_of(line)) for line in hook):
        weight += 0.8
    found = stems(words)
    weight += 0.4 * min(1, len(found & about)) - 0.8 * len((found & WORN_OUT) - about)
    weight += 0.3 * min(2, len(content))
    return weight
