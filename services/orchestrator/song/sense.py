"""Whether a line could be a sentence: neighbours that do not go together, and ends that hang in the air."""

from collections.abc import Sequence
from itertools import pairwise

from services.orchestrator.song.lexicon import NOTHING, Part, part_of
from services.orchestrator.song.text import word_set

_WEAK_ENDS = word_set(
    "ever never "
    "the a an my your our their his its and or but nor if of to with from for as at into onto that than "
    "because i i'm i'll i've i'd we they he she we're they're you're he's she's it's is was am are were "
    "be been will would could can should might must may very like while who which whose until since "
    "upon toward towards every each these those some no any both let's gonna wanna gotta had has have "
    "don't doesn't didn't won't can't couldn't wouldn't shouldn't there's that's what's such between "
    "among during within without although though so just only even not when where whenever what how too "
    "or we'll you'll they'll he'd she'd we've you've once get got"
)
_WEAK_STARTS = word_set("of than into onto which whose that's'")

_CUT_SHORT = ("'s", "n't", "'d", "'ll", "'ve", "'re", "'m")
_BEFORE_QUALITY = word_set("most more such")
_CLAUSE_OPENERS = word_set("as when while where if that until before")
_SINGULAR_VERBS = word_set("is was has does isn't wasn't doesn't")
_PLURAL_VERBS = word_set("are were have aren't weren't haven't")
_CLAUSE_SUBJECTS = word_set("i you we they he she it")

_NOMINAL = Part.NOUN | Part.QUALITY | Part.ING | Part.PAST | Part.DETERMINER
_AFTER_DETERMINER = Part.NOUN | Part.QUALITY | Part.ING | Part.PAST
_FINITE = Part.BASE | Part.THIRD | Part.PAST | Part.AUXILIARY | Part.MODAL
_AFTER_PREPOSITION = _NOMINAL | Part.OBJECT | Part.PREPOSITION | Part.MANNER | Part.JOINER
_BASE_AFTER = Part.BASE | Part.MANNER | Part.SUBJECT
_AFTER_BE = _NOMINAL | Part.MANNER | Part.PREPOSITION | Part.OBJECT | Part.SUBJECT | Part.JOINER
_ADVERBS_BEFORE_ADJECTIVES = word_set("very so too most more quite just only same own other")
_BE = word_set("am is are was were be been isn't aren't wasn't weren't ain't")
_BE_JOINED = word_set("i'm you're we're they're")
_WILL_JOINED = word_set("i'll you'll we'll they'll he'll she'll it'll that'll there'll")
_HAVE = word_set("have has had i've you've we've they've haven't hasn't hadn't")
_SUBJECTS = word_set("i we they he she")
_WRONG_PAIRS = frozenset(
    pair
    for subject, verbs in {
        "i": "is are has does were goes me my mine them him us",
        "you": "is am was has does goes i",
        "we": "is am was has does goes us me",
        "they": "is am was has does goes them",
        "he": "are am were have do go him",
        "she": "are am were have do go her",
        "it": "are am were have do go i",
    }.items()
    for pair in ((subject, verb) for verb in verbs.split())
)


def stumbles(words: Sequence[str]) -> int:
    """How many neighbours in a line do not go together. `words` are in lower case."""
    return sum(_clash(first, second) for first, second in pairwise(words))


def ends_well(words: Sequence[str]) -> bool:
    """False for a line whose last word asks for another."""
    return bool(words) and words[-1] not in _WEAK_ENDS and not words[-1].endswith(_CUT_SHORT)


def hangs(words: Sequence[str]) -> bool:
    """True for an end that is only half a thought: `as I watch`, `the most beautiful`, `the rain in`."""
    last = part_of(words[-1])
    before = words[-2] if len(words) > 1 else ""
    if last == Part.PREPOSITION:
        return True
    if last == Part.QUALITY and (before in _BEFORE_QUALITY or part_of(before) == Part.DETERMINER):
        return True
    return len(words) > 3 and words[-3] in _CLAUSE_OPENERS and before in _CLAUSE_SUBJECTS


def starts_well(words: Sequence[str]) -> bool:
    """False for a line whose first word needs the line before."""
    return bool(words) and words[0] not in _WEAK_STARTS


def _clash(first: str, second: str) -> bool:
    if first == second or (first, second) in _WRONG_PAIRS:
        return True
    before, after = part_of(first), part_of(second)
    plain_noun = before & Part.NOUN and not before & (Part.BASE | Part.DETERMINER | Part.SUBJECT)
    if plain_noun and second in (_PLURAL_VERBS if not before & Part.PLURAL else _SINGULAR_VERBS):
        return True
    if NOTHING in (before, after):
        return False
    if second in _ADVERBS_BEFORE_ADJECTIVES and before & (Part.DETERMINER | Part.AUXILIARY):
        return False
    return not after & _allowed(first, before)


def _allowed(word: str, parts: Part) -> Part:
    """What may follow; everything where the rules have nothing to say."""
    everything = ~NOTHING
    if word in ("a", "an"):
        return _AFTER_DETERMINER
    if word in _WILL_JOINED or (parts & Part.MODAL and not parts & Part.NOUN):
        return _BASE_AFTER
    if word in _BE_JOINED:
        return _AFTER_BE & ~Part.SUBJECT
    if word in _BE:
        return _AFTER_BE
    if word in _HAVE:
        return Part.PAST | Part.MANNER | _NOMINAL | Part.OBJECT | Part.SUBJECT | Part.PREPOSITION
    if word == "to":
        return Part.BASE | _NOMINAL | Part.OBJECT
    if word in _SUBJECTS:
        return _FINITE | Part.MANNER | Part.JOINER
    if parts == Part.DETERMINER:
        return _AFTER_DETERMINER
    if parts == Part.PREPOSITION:
        return _AFTER_PREPOSITION
    if parts & Part.JOINED:
        return everything & ~(Part.MODAL | Part.AUXILIARY)
    return everything
