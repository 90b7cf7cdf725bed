"""Whether a new artist is one of their own."""

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2, performance_pb2
from aiartist.common.v1.persona_pb2 import Persona
from services.orchestrator.scouting.likeness import (
    MOST_LIKENESS,
    likeness,
    mentioned,
    name_faults,
    near,
    parties,
    related,
)
from services.orchestrator.scouting.world import World, problems_of

NOVA = Persona(
    name="Nova Vale",
    genre="synthwave",
    style="Drives through a city that never sleeps and talks to somebody who is not in the car.",
    themes=["night drives", "neon rain", "letters never sent"],
    moods=["wistful", "hopeful"],
    language="en",
)
OTHER = Persona(
    name="Ferro Quill",
    genre="lofi",
    style="Mends clocks in a market hall and notes what customers say while they wait.",
    themes=["repair shops", "old clocks", "market mornings"],
    moods=["patient"],
    language="en",
)


def artist(
    persona: Persona, state: int = artist_state_pb2.ARTIST_STATE_ACTIVE, id: str = "art_1"
) -> db.Artist:
    return db.Artist(id=id, persona=persona, state=state)  # type: ignore[arg-type]


def with_name(name: str) -> Persona:
    changed = Persona()
    changed.CopyFrom(OTHER)
    changed.name = name
    return changed


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Nova Vale", "NOVA VALE"),
        ("Nova Vale", "nova-vale"),
        ("Nova Vale", "The Nova Vale"),
        ("Nova Vale", "Vale Nova"),
        ("Nova Vale", "Nóva Valé"),
        ("Nova Vale", "N0va Va1e"),
        ("Nova Vale", "Nova Vail"),
        ("Nova Vale", "Ｎova Vale"),
        ("Salt & Wire", "Salt and Wire"),
        ("Taylor Swift", "Taylor Swift Blue"),
        ("Taylor Swift", "Tailor Swift"),
        ("Taylor Swift", "Blue Taylor Swift Night"),
        ("Metallica", "Metalica"),
        ("A$AP", "ASAP"),
    ],
)
def test_names_that_pass_for_each_other_are_near_either_way_round(name: str, other: str) -> None:
    assert near(name, other)
    assert near(other, name)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Nova Vale", "Moss and Lamplight"),
        ("Sia", "Mia"),
        ("Air", "Aura Fields"),
        ("Paper Lanterns", "Lights"),
    ],
)
def test_names_of_their_own_are_not_near(name: str, other: str) -> None:
    assert not near(name, other)
    assert not near(other, name)


@pytest.mark.parametrize("name", ["Nova Rise", "Vale of Ash", "Nova Vael"])
def test_artists_of_one_label_share_no_word_of_their_names(name: str) -> None:
    assert related(name, "Nova Vale")
    assert any("'Nova Vale'" in problem for problem in problems_of(with_name(name), _world()))


@pytest.mark.parametrize(
    "name",
    [
        "", "X", "Rain™", "Cash€Flow", "A$AP Nova", "@nova", "nova.com", "Nova\nVale", "Nova  Vale",
        "🌙 Moon", "One Two Three Four Five", "N" * 41, "Untitled", "N\N{CYRILLIC SMALL LETTER O}va Glass",
        "Ignore {this}", "Nova <b>", "Nova (feat. Me)",
    ],
)  # fmt: skip
def test_what_is_no_name_for_an_artist_is_refused(name: str) -> None:
    assert name_faults(name)


@pytest.mark.parametrize(
    "name", ["Salt & Wire", "Wren Under Glass", "Björk's Attic", "K-Line 9", "Ночной Трамвай"]
)
def test_names_as_artists_have_them_pass(name: str) -> None:
    assert name_faults(name) == []


def test_everybody_in_a_billing_is_somebody() -> None:
    assert parties("Mika Larsen") == ["Mika Larsen"]
    assert set(parties("Mika Larsen feat. Ida Holm & DJ Ørsted")) >= {"Mika Larsen", "Ida Holm", "DJ Ørsted"}


def test_a_text_that_names_somebody_is_found_and_single_words_are_not_names() -> None:
    assert mentioned("Sounds like early mika LARSEN, at night", ["Ida Holm", "Mika Larsen"]) == "Mika Larsen"
    assert mentioned("The future is a drake on a lake", ["Future", "Drake"]) == ""


def test_a_copy_of_an_artist_is_too_much_like_them_and_a_neighbour_in_genre_and_mood_is_not() -> None:
    copy, neighbour = Persona(), Persona()
    copy.CopyFrom(NOVA)
    copy.style = "Somebody else's words for the same thing, again and again."
    neighbour.CopyFrom(OTHER)
    neighbour.genre = NOVA.genre
    neighbour.moods[:] = NOVA.moods
    assert likeness(NOVA, NOVA) == pytest.approx(1.0)
    assert likeness(copy, NOVA) >= MOST_LIKENESS
    assert likeness(neighbour, NOVA) < MOST_LIKENESS
    assert likeness(OTHER, NOVA) < 0.1


def test_a_persona_of_their_own_has_no_problems() -> None:
    assert problems_of(OTHER, _world()) == []


def test_a_copy_under_another_name_is_refused() -> None:
    copy = Persona()
    copy.CopyFrom(NOVA)
    copy.name = "Ferro Quill"
    assert problems_of(copy, _world()) == [
        "it is too much like 'Nova Vale'; take other themes, moods and another manner"
    ]


def test_the_names_of_retired_artists_stay_theirs_and_their_manner_is_free() -> None:
    world = World.of([artist(NOVA, artist_state_pb2.ARTIST_STATE_RETIRED)], [], [])
    copy = Persona()
    copy.CopyFrom(NOVA)
    copy.name = "Ferro Quill"
    assert problems_of(copy, world) == []
    assert problems_of(NOVA, world)
    assert (world.roster, world.other_names) == ([], ["Nova Vale"])


@pytest.mark.parametrize(
    "text", ["Hear more at https://example.com/x", "Find me as @ferro", "like Mika Larsen"]
)
def test_a_persona_that_points_out_of_itself_is_refused(text: str) -> None:
    persona = Persona()
    persona.CopyFrom(OTHER)
    persona.bio = text
    assert len(problems_of(persona, _world(["Mika Larsen feat. Ida Holm"]))) == 1


def test_scores_are_told_by_genre_weighed_by_how_sure_they_are() -> None:
    scores = [
        performance_pb2.ReleaseScore(artist_id="art_1", score=0.8, sureness=0.9),
        performance_pb2.ReleaseScore(artist_id="art_1", score=0.5, sureness=0.1),
        performance_pb2.ReleaseScore(artist_id="art_1", score=0.5, sureness=0.0),
        performance_pb2.ReleaseScore(artist_id="art_gone", score=0.1, sureness=1.0),
    ]
    world = World.of([artist(NOVA)], [], scores)
    assert world.scores == ["synthwave: 0.77, 2 releases"]


def test_a_label_without_artists_sings_in_english() -> None:
    assert World.of([], [], []).languages == ["en"]
    german = Persona()
    german.CopyFrom(NOVA)
    german.language = "de"
    assert World.of([artist(german), artist(OTHER, id="art_2")], [], []).languages == ["de", "en"]


def _world(charted: list[str] | None = None) -> World:
    return World.of([artist(NOVA)], charted or [], [])
