"""Whether words need a parental advisory.

No list binds anybody: the RIAA's guidelines for its Parental Advisory logo leave it to the label and name
strong language, sex, violence and drugs as reasons. This is a cautious reading of the first: profane and
sexual terms and slurs in English and the commonest in German, Spanish, French, Italian and Portuguese, as
they are written, inflected and disguised. It tells words, not meanings: violence or drugs in plain words
are for the person who approves.
"""

import re
import unicodedata
from collections.abc import Iterable

_EVERYWHERE = (
    r"(?:mother|motha|mutha|cluster)?fuck\w*|fuk|fck|fcking|wtf|stfu|milf|milfs",
    r"(?:bull|horse|dip|bat|ape)?shit(?:s|e|ty|ting|ted|ter|ters|less|load|loads|head|heads"
    r"|hole|holes|show|faced)?",
    r"bitch|bitches|bitchy|bitching|bitchin|biatch|cunt|cunts|twat|twats|wank|wanker|wankers|wanking",
    r"cock|cocks|cocksuck\w*|dick|dicks|dickhead|dickheads|pussy|pussies|tits|titties|blowjob\w*|handjob\w*",
    r"ass|asses|asshole|assholes|arse|arsehole|arseholes|dumbass|jackass|badass|kickass|smartass",
    r"whore|whores|slut|sluts|slutty|hoes|thot|thots|cum|cums|cumming|jizz|dildo|dildos|porn|porno|pornos",
    r"nigga|niggas|niggaz|nigger|niggers|faggot|faggots|tranny|trannies|retard|retards|retarded|kike|kikes",
    r"spic|spics|chink|chinks",
    r"schei(?:ss|ß)\w*|arschl(?:o|ö)ch\w*|ficken|ficker|fickt|gefickt|fotze|fotzen|hurensohn|hurensöhne|wichser"
    r"|wichsen|schlampe|schlampen|schwuchtel|missgeburt",
    r"mierda|puta|putas|putos|hijueputa|hijoputa|coño|coños|cabrón|cabrones|pendej[oa]s?|chingar|chingada|maricón",
    r"merde|putain|putains|connards?|connasses?|salopes?|enculé\w*|niquer|couilles",
    r"cazzo|cazzi|stronz[oaie]|puttan[ae]|vaffanculo|fanculo|coglion[ei]",
    r"caralho|foder|fodid[oa]|foda-se|fodase|buceta|viados?|cuzão",
)
_ONLY_IN = {
    "de": r"fick|hure|huren",
    "es": r"puto|joder|jodid[oa]|verga|polla|pollas|chinga|cabron|maricon",
    "fr": r"pute|putes|bite|bites|nique|bordel|pédés?",
    "it": r"troia|troie|figa",
    "pt": r"puto|porra|foda",
}
"""Words that are clean in other languages."""
_CLEAN_IN = {
    "de": {"dick", "ass", "asses", "cum"},
    "nl": {"hoes", "dick"},
    "ro": {"cum"},
    "la": {"cum"},
    "sv": {"slut", "kock"},
    "da": {"slut"},
    "no": {"slut", "kike"},
    "nb": {"slut", "kike"},
    "nn": {"slut", "kike"},
    "fr": {"retard", "retards"},
    "ca": {"retard", "retards"},
    "es": {"kike"},
    "bs": {"puta"},
    "hr": {"puta"},
    "sl": {"puta"},
    "sr": {"puta"},
}
_CLEAN_PHRASES = re.compile(
    r"\b(?:moby|tricky|private) dick\b|\bdick (?:tracy|whittington|van dyke)\b|\bphilip k\.? dick\b"
    r"|\bcock(?:s|-a-doodle)? ?(?:crow(?:s|ed|ing)?|doodle)\b|\bpussy ?(?:cat|willow)s?\b|\bcum laude\b"
    r"|\bgarden hoes\b|\bchinks? (?:of|in)\b"
    r"|\bspic (?:and|n|'n'|&) span\b"
)
_STRONG = re.compile("|".join(_EVERYWHERE))
_STRONG_IN = {language: re.compile(words) for language, words in _ONLY_IN.items()}
_LOOKALIKES = str.maketrans("013457$@!€", "oieastsaie")
_SPELLED = re.compile(r"(?<!\w)(?:\w[. ]){2,}\w(?!\w)")
_TOKEN = re.compile(r"[^\s.,;:?\"“”„«»()\[\]{}/\\|–—…<>=+~^`´]+")
_LONG_RUN = re.compile(r"(.)\1{2,}")
_MARKS = "*#%&-_"
_OFTEN_MASKED = (
    *("fuck", "fucks", "fucked", "fucking", "fucker", "motherfucker", "motherfucking"),
    *(
        "shit",
        "shits",
        "bullshit",
        "bitch",
        "bitches",
        "cunt",
        "asshole",
        "nigga",
        "nigger",
        "pussy",
        "whore",
    ),
)


def strong_words(texts: Iterable[str], language: str = "en") -> list[str]:
    """The words that need an advisory, in lower case, each once, in order; `language`: that of the texts."""
    spoken = language.lower().split("-")[0]
    found: dict[str, None] = {}
    for text in texts:
        visible = "".join(c for c in text if unicodedata.category(c) != "Cf")
        plain = _CLEAN_PHRASES.sub(" ", unicodedata.normalize("NFKC", visible).casefold())
        joined = _SPELLED.sub(lambda match: re.sub(r"[. ]", "", match[0]), plain)
        for token in _TOKEN.findall(joined):
            word = token.strip("'’‘")
            if _masked(word) or any(_listed(reading, spoken) for reading in _readings(word)):
                found[word] = None
    return list(found)


def _readings(token: str) -> set[str]:
    """What a token may stand for: itself, and without marks, look-alikes, accents or stretched letters."""
    forms = {token.strip(_MARKS + "!$@")}
    # A number is a number: 455 spells nothing.
    if not token.isdecimal():
        forms.add(token.translate(_LOOKALIKES).strip(_MARKS))
    forms |= {_unaccented(form) for form in forms}
    forms |= {_LONG_RUN.sub(letters, form) for form in forms for letters in (r"\1", r"\1\1")}
    # Only what is spelled letter by letter is joined: "cock-a-hoop" is three words, "f-u-c-k" is one.
    forms |= {re.sub(r"[-_*]", "", form) for form in forms if re.fullmatch(r"\w(?:[-_*]\w)+", form)}
    forms |= {part for form in forms for part in re.split(r"[-_]", form)}
    return {reading for form in forms for reading in (form, re.sub(r"['’](?:s|d|ll|re)?$", "", form))}


def _listed(word: str, spoken: str) -> bool:
    if word in _CLEAN_IN.get(spoken, ()):
        return False
    own = _STRONG_IN.get(spoken)
    return bool(_STRONG.fullmatch(word) or (own and own.fullmatch(word)))


def _masked(token: str) -> bool:
    """True for f*ck and b***h: a strong word with marks for some letters, but not for its first one."""
    return any(
        len(word) == len(token)
        and token[0] == word[0]
        and any(own in "*#%&" for own in token)
        and all(own in (letter, *_MARKS) for own, letter in zip(token, word, strict=True))
        and any(own == letter for own, letter in zip(token[1:], word[1:], strict=True))
        for word in _OFTEN_MASKED
    )


def _unaccented(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
