"""What makes a persona valid, and what it is completed with."""

import re
import unicodedata
from collections.abc import Sequence

from aiartist.common.v1.persona_pb2 import Persona
from services.artist_db.domain.checks import Checks, shown
from services.chassis.genres import GENRES, genre_name

POINTS_OF_VIEW = ("first person", "second person", "third person")
DEFAULT_LANGUAGE = "en"
DEFAULT_DURATION_MS = 150_000
MIN_BPM, MAX_BPM = 40, 220
MAX_NAME = 80
MAX_PHRASE = 100
"""Characters of a theme, a mood, an instrument or a banned word: a word or a phrase, not a page."""

_FIELDS = tuple(Persona.DESCRIPTOR.fields_by_name)
_KEY = re.compile(r"[A-G][#b]? (major|minor)")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
# RFC 5646, langtag: language, extlang, script, region, variants, extensions, private use.
_LANGUAGE = re.compile(
    r"[a-z]{2,3}(-[a-z]{3}){0,3}(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?"
    r"(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(-[a-wyz0-9](-[a-z0-9]{2,8})+)*(-x(-[a-z0-9]{1,8})+)?",
    re.IGNORECASE,
)


def name_key(name: str) -> str:
    """The form in which two spellings of one name are equal: compatibility-composed, case folded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def completed(persona: Persona) -> Persona:
    """A copy with every default filled in, and with the genre's one name: language, point of view, length."""
    whole = Persona()
    whole.CopyFrom(persona)
    whole.genre = genre_name(whole.genre)
    whole.language = whole.language or DEFAULT_LANGUAGE
    whole.voice.point_of_view = whole.voice.point_of_view or POINTS_OF_VIEW[0]
    whole.target_duration_ms = whole.target_duration_ms or DEFAULT_DURATION_MS
    # -0.0 is 0.0 to everybody but those who compare bytes.
    whole.trend_alignment += 0.0
    if not (whole.tempo.min_bpm or whole.tempo.max_bpm):
        whole.ClearField("tempo")
    if not (whole.visual.palette or whole.visual.motif):
        whole.ClearField("visual")
    return whole


def check_persona(checks: Checks, path: str, persona: Persona) -> None:
    """Notes every rule of persona.proto that a completed persona breaks, fields as `path.name`."""
    _check_name(checks, f"{path}.name", persona.name)
    checks.choice(f"{path}.genre", persona.genre, GENRES)
    checks.prose(f"{path}.style", persona.style, most=2_000, required=True)
    checks.phrase(f"{path}.voice.timbre", persona.voice.timbre, most=200)
    checks.phrase(f"{path}.voice.delivery", persona.voice.delivery, most=200)
    checks.choice(f"{path}.voice.point_of_view", persona.voice.point_of_view, POINTS_OF_VIEW)
    _check_phrases(checks, f"{path}.themes", persona.themes, least=1, most=20)
    _check_phrases(checks, f"{path}.moods", persona.moods, most=12)
    _check_phrases(checks, f"{path}.instruments", persona.instruments, most=12)
    checks.count(f"{path}.keys", persona.keys, most=24)
    for index, key in enumerate(persona.keys):
        checks.pattern(
            f"{path}.keys[{index}]", key, _KEY, "a tonic and a mode such as `A minor` or `F# major`"
        )
    if persona.HasField("tempo"):
        _check_tempo(checks, f"{path}.tempo", persona.tempo.min_bpm, persona.tempo.max_bpm)
    checks.pattern(f"{path}.language", persona.language, _LANGUAGE, "a BCP 47 tag such as `en` or `pt-BR`")
    _check_palette(checks, f"{path}.visual.palette", persona.visual.palette)
    checks.prose(f"{path}.visual.motif", persona.visual.motif, most=500)
    checks.prose(f"{path}.bio", persona.bio, most=1_000)
    _check_phrases(checks, f"{path}.banned_words", persona.banned_words, most=100)
    for index, field in enumerate(persona.preserve_core_identity):
        checks.choice(f"{path}.preserve_core_identity[{index}]", field, _FIELDS)
    checks.number(f"{path}.target_duration_ms", persona.target_duration_ms, least=60_000, most=240_000)
    # What is no number at all is in no range either.
    if not 0 <= persona.trend_alignment <= 1:
        checks.add(f"{path}.trend_alignment", f"must be 0 to 1, is {persona.trend_alignment:g}")


def _check_name(checks: Checks, field: str, name: str) -> None:
    checks.phrase(field, name, most=MAX_NAME, required=True)
    if name.strip() and name != name.strip():
        checks.add(field, f"must not begin or end with white space, is {shown(name)}")


def _check_phrases(checks: Checks, field: str, phrases: Sequence[str], *, least: int = 0, most: int) -> None:
    checks.count(field, phrases, least=least, most=most)
    for index, phrase in enumerate(phrases):
        checks.phrase(f"{field}[{index}]", phrase, most=MAX_PHRASE, required=True)


def _check_tempo(checks: Checks, field: str, slowest: int, fastest: int) -> None:
    checks.number(f"{field}.min_bpm", slowest, least=MIN_BPM, most=MAX_BPM)
    checks.number(f"{field}.max_bpm", fastest, least=MIN_BPM, most=MAX_BPM)
    if MIN_BPM <= fastest < slowest <= MAX_BPM:
        checks.add(f"{field}.max_bpm", f"must be at least min_bpm, {slowest}, is {fastest}")


def _check_palette(checks: Checks, field: str, palette: Sequence[str]) -> None:
    if palette:
        checks.count(field, palette, least=2, most=6)
    for index, colour in enumerate(palette):
        checks.pattern(f"{field}[{index}]", colour, _COLOUR, "a colour as `#rrggbb`")
