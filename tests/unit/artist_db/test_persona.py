"""What a persona may be, and what it is completed with."""

import pytest

from aiartist.common.v1.persona_pb2 import Persona, TempoRange, VisualIdentity, Voice
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.persona import GENRES, check_persona, completed, name_key


def persona(**changes: object) -> Persona:
    fields = {"name": "Nova Vale", "genre": "synthwave", "style": "Night drives.", "themes": ["neon"]}
    return Persona(**{**fields, **changes})


def problems(given: Persona) -> dict[str, str]:
    checks = Checks()
    check_persona(checks, "persona", completed(given))
    assert len({v.field for v in checks.found}) == len(checks.found), "one violation for each field"
    return {violation.field: violation.description for violation in checks.found}


def test_a_persona_with_all_that_is_required_is_valid() -> None:
    assert problems(persona()) == {}


@pytest.mark.parametrize("genre", GENRES)
def test_every_genre_of_the_contract_is_valid(genre: str) -> None:
    assert problems(persona(genre=genre)) == {}


def test_a_full_persona_at_every_upper_bound_is_valid() -> None:
    full = persona(
        name="N" * 80,
        style="s" * 2_000,
        voice=Voice(timbre="t" * 200, delivery="d" * 200, point_of_view="third person"),
        themes=["theme"] * 20,
        moods=["mood"] * 12,
        instruments=["piano"] * 12,
        keys=["C major"] * 24,
        tempo=TempoRange(min_bpm=40, max_bpm=220),
        language="zh-Hant-TW",
        visual=VisualIdentity(palette=["#000000"] * 6, motif="m" * 500),
        bio="b" * 1_000,
        banned_words=["word"] * 100,
        preserve_core_identity=["name", "genre", "target_duration_ms"],
        target_duration_ms=240_000,
    )

    assert problems(full) == {}


def test_an_empty_persona_names_every_required_field_at_once() -> None:
    assert problems(Persona()) == {
        "persona.name": "is required: 1 to 80 characters",
        "persona.genre": f"is required: one of {', '.join(GENRES)}",
        "persona.style": "is required: 1 to 2,000 characters",
        "persona.themes": "must have 1 to 20 entries, has 0",
    }


@pytest.mark.parametrize(
    ("changes", "field", "description"),
    [
        ({"name": "N" * 81}, "persona.name", "must have 1 to 80 characters, has 81"),
        ({"name": "  "}, "persona.name", "is required: 1 to 80 characters, is '  '"),
        ({"name": "Nova "}, "persona.name", "must not begin or end with white space, is 'Nova '"),
        (
            {"name": "No\nva"},
            "persona.name",
            "must be one line without control characters, has U+000A",
        ),
        (
            {"name": "Nova\u202eelaV"},
            "persona.name",
            "must be one line without control characters, has U+202E",
        ),
        (
            {"genre": "jazz"},
            "persona.genre",
            "must be one of synthwave, lofi, house, techno, drum_and_bass, trap, pop, ambient, is 'jazz'",
        ),
        ({"style": "s" * 2_001}, "persona.style", "must have 1 to 2,000 characters, has 2,001"),
        (
            {"style": "a\0b"},
            "persona.style",
            "must have no control characters but line breaks and tabs, has U+0000",
        ),
        (
            {"voice": Voice(timbre="t" * 201)},
            "persona.voice.timbre",
            "must have at most 200 characters, has 201",
        ),
        (
            {"voice": Voice(delivery="d" * 201)},
            "persona.voice.delivery",
            "must have at most 200 characters, has 201",
        ),
        (
            {"voice": Voice(point_of_view="omniscient")},
            "persona.voice.point_of_view",
            "must be one of first person, second person, third person, is 'omniscient'",
        ),
        ({"themes": ["x"] * 21}, "persona.themes", "must have 1 to 20 entries, has 21"),
        ({"themes": ["x", " "]}, "persona.themes[1]", "is required: 1 to 100 characters, is ' '"),
        ({"moods": ["x"] * 13}, "persona.moods", "must have at most 12 entries, has 13"),
        ({"instruments": ["x"] * 13}, "persona.instruments", "must have at most 12 entries, has 13"),
        ({"keys": ["C major"] * 25}, "persona.keys", "must have at most 24 entries, has 25"),
        (
            {"keys": ["A minor", "H minor"]},
            "persona.keys[1]",
            "must be a tonic and a mode such as `A minor` or `F# major`, is 'H minor'",
        ),
        ({"tempo": TempoRange(min_bpm=39, max_bpm=90)}, "persona.tempo.min_bpm", "must be 40 to 220, is 39"),
        (
            {"tempo": TempoRange(min_bpm=90, max_bpm=221)},
            "persona.tempo.max_bpm",
            "must be 40 to 220, is 221",
        ),
        ({"tempo": TempoRange(min_bpm=90)}, "persona.tempo.max_bpm", "must be 40 to 220, is 0"),
        (
            {"tempo": TempoRange(min_bpm=120, max_bpm=90)},
            "persona.tempo.max_bpm",
            "must be at least min_bpm, 120, is 90",
        ),
        (
            {"language": "english"},
            "persona.language",
            "must be a BCP 47 tag such as `en` or `pt-BR`, is 'english'",
        ),
        (
            {"visual": VisualIdentity(palette=["#000000"])},
            "persona.visual.palette",
            "must have 2 to 6 entries, has 1",
        ),
        (
            {"visual": VisualIdentity(palette=["#000000"] * 7)},
            "persona.visual.palette",
            "must have 2 to 6 entries, has 7",
        ),
        (
            {"visual": VisualIdentity(palette=["#000000", "#ffffff", "red"])},
            "persona.visual.palette[2]",
            "must be a colour as `#rrggbb`, is 'red'",
        ),
        (
            {"visual": VisualIdentity(motif="m" * 501)},
            "persona.visual.motif",
            "must have at most 500 characters, has 501",
        ),
        ({"bio": "b" * 1_001}, "persona.bio", "must have at most 1,000 characters, has 1,001"),
        ({"banned_words": ["x"] * 101}, "persona.banned_words", "must have at most 100 entries, has 101"),
        (
            {"target_duration_ms": 59_999},
            "persona.target_duration_ms",
            "must be 60,000 to 240,000, is 59,999",
        ),
        (
            {"target_duration_ms": 240_001},
            "persona.target_duration_ms",
            "must be 60,000 to 240,000, is 240,001",
        ),
    ],
)
def test_a_broken_rule_is_named_by_its_field_with_what_was_expected_and_given(
    changes: dict[str, object], field: str, description: str
) -> None:
    assert problems(persona(**changes)) == {field: description}


def test_a_preserved_field_must_be_a_field_of_a_persona() -> None:
    found = problems(persona(preserve_core_identity=["name", "shoe_size"]))

    assert list(found) == ["persona.preserve_core_identity[1]"]
    assert found["persona.preserve_core_identity[1]"].endswith("is 'shoe_size'")


def test_all_violations_of_a_persona_are_found_at_once() -> None:
    broken = persona(
        name="",
        genre="jazz",
        tempo=TempoRange(min_bpm=10, max_bpm=300),
        visual=VisualIdentity(palette=["#000000", "#fff"]),
        banned_words=["ok", ""],
    )

    assert list(problems(broken)) == [
        "persona.name",
        "persona.genre",
        "persona.tempo.min_bpm",
        "persona.tempo.max_bpm",
        "persona.visual.palette[1]",
        "persona.banned_words[1]",
    ]


@pytest.mark.parametrize("key", ["A minor", "F# major", "Bb minor", "C major"])
def test_keys_are_a_tonic_and_a_mode(key: str) -> None:
    assert problems(persona(keys=[key])) == {}


@pytest.mark.parametrize("key", ["a minor", "A  minor", "Am", "A minor\n", "Cb# major", "A dorian", ""])
def test_other_spellings_of_keys_are_refused(key: str) -> None:
    assert list(problems(persona(keys=[key]))) == ["persona.keys[0]"]


@pytest.mark.parametrize("tag", ["en", "de-CH", "zh-Hant-TW", "es-419", "sl-rozaj", "de-1996", "en-x-label"])
def test_language_tags_of_bcp_47_are_valid(tag: str) -> None:
    assert problems(persona(language=tag)) == {}


@pytest.mark.parametrize("tag", ["e", "en_US", "en-", "en US", "x", "12", "en-toolongasubtag"])
def test_what_is_no_language_tag_is_refused(tag: str) -> None:
    assert list(problems(persona(language=tag))) == ["persona.language"]


def test_a_long_given_value_is_shown_shortened() -> None:
    assert problems(persona(genre="x" * 5_000))["persona.genre"].endswith(f"is '{'x' * 59}…'")


def test_defaults_are_filled_in_and_the_given_persona_is_left_alone() -> None:
    given = persona()

    whole = completed(given)

    assert (whole.language, whole.voice.point_of_view, whole.target_duration_ms) == (
        "en",
        "first person",
        150_000,
    )
    assert given == persona()


@pytest.mark.parametrize("text", ["lofi", "Lo-Fi Hip Hop", "lo-fi", "LOFI hip-hop", "chillhop"])
def test_a_genre_is_kept_by_its_one_name(text: str) -> None:
    assert completed(persona(genre=text)).genre == "lofi"


def test_what_is_no_genre_is_shown_as_it_was_given() -> None:
    assert problems(completed(persona(genre="Free Jazz")))["persona.genre"].endswith("is 'Free Jazz'")


def test_what_is_given_is_kept_over_the_defaults() -> None:
    given = persona(language="de", voice=Voice(point_of_view="second person"), target_duration_ms=120_000)

    assert completed(given) == given


def test_an_empty_tempo_or_visual_identity_means_none() -> None:
    whole = completed(persona(tempo=TempoRange(), visual=VisualIdentity()))

    assert not whole.HasField("tempo")
    assert not whole.HasField("visual")


@pytest.mark.parametrize(
    ("one", "other"),
    [("Nova Vale", "NOVA vale"), ("Straße", "STRASSE"), ("Caf\u00e9", "Cafe\u0301"), ("ﬁre", "FIRE")],
)
def test_spellings_of_one_name_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


def test_different_names_have_different_keys() -> None:
    assert name_key("Nova Vale") != name_key("Nova Vail")


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_trend_alignment_is_a_share(value: float) -> None:
    assert problems(persona(trend_alignment=value)) == {}


@pytest.mark.parametrize("value", [-0.1, 1.01, float("nan"), float("inf")])
def test_what_is_no_share_is_no_trend_alignment(value: float) -> None:
    assert list(problems(persona(trend_alignment=value))) == ["persona.trend_alignment"]


def test_a_zero_has_no_sign() -> None:
    assert completed(persona(trend_alignment=-0.0)) == completed(persona())
    assert (
        completed(persona(trend_alignment=-0.0)).SerializeToString()
        == completed(persona()).SerializeToString()
    )
