"""What a reflector is told, and what its answers come to."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiartist.artist_db.v1.artist_db_pb2 import Artist, StoredBrief
from aiartist.artist_db.v1.life_pb2 import Blame, ChangeableField, FieldChange, PersonaChange, RunOutcome
from aiartist.common.v1.brief_pb2 import Brief
from aiartist.common.v1.decision_pb2 import VERDICT_REJECTED, Decision
from aiartist.common.v1.persona_pb2 import Persona
from services.orchestrator.reflection.facts import Facts, facts_of
from services.orchestrator.reflection.question import question, schema
from services.orchestrator.reflection.reading import read
from services.orchestrator.reflection.words import cleaned

VALUES = {"moods": '["wistful"]', "tempo": '{"min_bpm": 84, "max_bpm": 112}', "trend_alignment": "0.2"}
CHANGE = {
    "decision": "change",
    "field": "moods",
    "from": ["wistful"],
    "to": ["wistful", "cold"],
    "why": "Cold songs were liked.",
    "facts": ["F1"],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("change"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*CHANGE, "min_bpm", "max_bpm"]), inner, max_size=6)
    ),
    max_leaves=10,
)


def two_facts() -> Facts:
    facts = Facts()
    facts.add("this song ended REJECTED", "too slow")
    facts.add("another one")
    return facts


def outcome(number: int, **changes: Any) -> RunOutcome:
    made = RunOutcome(
        run_id=f"run_{number}",
        state="RELEASED",
        blame=Blame.BLAME_APPROVED,
        brief_id=f"brf_{number}",
        takes=1,
    )
    made.ended_at.seconds = 1_000 + number
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_a_change_is_handed_on_with_its_facts_in_words() -> None:
    reading = read(json.dumps(CHANGE), VALUES, two_facts())

    assert reading.change == FieldChange(field="moods", to='["wistful", "cold"]', **{"from": '["wistful"]'})
    assert (reading.why, reading.evidence) == (
        "Cold songs were liked.",
        ("this song ended REJECTED (too slow)",),
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"facts": ["F0", "F3", "F", "F1x", "1", 1, "F\u0661"]}, "relies on no fact that there is"),
        ({"facts": "F1"}, "relies on no fact that there is"),
        ({"field": "name"}, "no change of a field that may change, but of 'name'"),
        ({"field": None}, "no change of a field that may change"),
        ({"from": ["happy"]}, "begins with a value of moods that it does not have"),
        ({"to": "cold"}, "moods: expected a list of texts"),
        ({"to": ["x" * 5_000]}, "is too long"),
        ({"decision": "no_change"}, "Cold songs were liked."),
        ({"decision": "sudo"}, "Cold songs were liked."),
        ({"decision": "no_change", "why": ""}, "the reflector gave no reason"),
    ],
)
def test_what_is_no_change_about_this_artist_for_real_reasons_is_none(
    changes: dict[str, Any], why: str
) -> None:
    reading = read(json.dumps(CHANGE | changes), VALUES, two_facts())

    assert reading.change is None
    assert why in reading.why


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"change"', "[" * 100_000])
def test_what_can_t_be_read_is_no_change(text: str) -> None:
    assert read(text, VALUES, two_facts()).why == "the reflector's answer could not be read"


@given(answer=JSON, over=st.dictionaries(st.sampled_from(list(CHANGE)), JSON, max_size=3))
def test_whatever_is_answered_a_reading_is_short_and_about_a_field_that_may_change(
    answer: Any, over: dict[str, Any]
) -> None:
    for told in (answer, CHANGE | over):
        reading = read(json.dumps(told), VALUES, two_facts())

        assert 1 <= len(reading.why) <= 1_000
        assert len(reading.evidence) <= 10
        if reading.change is not None:
            assert reading.evidence
            assert getattr(reading.change, "from") == VALUES[reading.change.field]
            assert len(reading.change.to) <= 4_000


def test_a_fact_under_two_names_counts_once() -> None:
    facts = Facts()
    facts.add("three of four were rejected")
    told = {"decision": "no_change", "why": "too early", "facts": ["F1", "F01", "F001"]}
    assert read(json.dumps(told), {}, facts).evidence == ("three of four were rejected",)


def test_facts_are_numbers_of_the_label_s_own_and_reasons_stand_apart() -> None:
    rejected = outcome(3, state="REJECTED", blame=Blame.BLAME_REJECTED, review=0.75)
    rejected.decision.CopyFrom(Decision(verdict=VERDICT_REJECTED, reason="too slow, see https://x.example"))
    songs = [outcome(5), rejected, outcome(2, score=0.4, score_sureness=0.9), outcome(1)]
    briefs = {
        f"brf_{n}": StoredBrief(
            brief=Brief(title=f"Song {n}", theme="rain", mood="cold", tempo_bpm=90, key="A minor")
        )
        for n in (1, 2, 3)
    }

    facts = facts_of("run_3", songs, briefs, [])

    assert facts.lines[0] == (
        "F1: this song ended REJECTED, decision rejected, 1 take, review 0.75, cost $0.0000"
    )
    assert "'Song 3' about rain, cold, 90 bpm, A minor" in facts.lines[1]
    assert facts.lines[2].startswith(
        "F3: of the last 3 songs: 1 REJECTED, 2 RELEASED; 2 approved, 1 rejected"
    )
    assert "listeners' score 0.40, sure 0.90" in facts.lines[3]
    assert not any("Song 5" in line for line in facts.lines), "what came after the song is no fact about it"
    assert [(m.label, m.text) for m in facts.materials] == [
        ("The reason given in F1", "too slow, see [link]")
    ]


def test_earlier_changes_are_facts_with_what_became_of_them() -> None:
    earlier = PersonaChange(
        state=PersonaChange.STATE_DECLINED,
        change=FieldChange(field="moods", to='["cold"]', **{"from": '["wistful"]'}),
    )
    nothing = PersonaChange(state=PersonaChange.STATE_NO_CHANGE)

    facts = facts_of("run_1", [outcome(1)], {}, [nothing, earlier])

    assert facts.lines[-1] == ("F4: an earlier change of moods from wistful to cold was declined by a person")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("see https://evil.example/a?b=c now", "see [link] now"),
        ("see www.evil.com, or nova.fm/x", "see [link] or [link]"),
        ("see evil.shop/x, 10.0.0.1/y or evil.top:8080", "see [link] [link] or [link]"),
        ("ask @nova or mail a@b.example", "ask [link] or mail [link]"),
        ("two\nlines\tand \u202ehidden\u0000", "two lines and hidden"),
        ("3.5 of 5. Fine, e.g. this one.", "3.5 of 5. Fine, e.g. this one."),
    ],
)
def test_words_from_outside_are_one_line_without_addresses(text: str, plain: str) -> None:
    assert cleaned(text, 300) == plain


@pytest.mark.parametrize("text", ["\u3316" * 5_000, "a" * 5_000, "a." * 2_500, "a1+" * 1_666])
def test_a_long_word_from_outside_is_read_about_as_fast_as_short_ones(text: str) -> None:
    def took(text: str) -> float:
        started = time.process_time()
        cleaned(text, 300)
        return time.process_time() - started

    short = " ".join(text[place : place + 10] for place in range(0, len(text), 10))
    # Over a hundred times as long where each letter of a word begins a search to the word's end.
    assert min(took(text) for _ in range(3)) < 20 * max(took(short) for _ in range(3))


@given(text=st.text(max_size=400), most=st.integers(1, 50))
def test_words_from_outside_are_never_longer_than_they_may_be(text: str, most: int) -> None:
    assert len(cleaned(text, most)) <= most
    assert cleaned(text, most).isprintable() or not cleaned(text, most)


def test_one_question_a_run_whatever_the_request_and_only_about_what_may_change() -> None:
    artist = Artist(id="art_1", persona=Persona(name="Nova Vale", genre="lofi", bio="See https://x.example"))
    fields = [
        ChangeableField(field="moods", value='["wistful"]', bound="at most 2"),
        ChangeableField(field="bio", value='"See https://x.example"', bound="short"),
    ]

    asked = question("run_1", artist, fields, two_facts())

    assert asked.request_id == question("run_1", artist, [], Facts()).request_id
    assert (asked.role, asked.artist_id, asked.run_id, asked.strict) == ("reflector", "art_1", "run_1", False)
    assert asked.json_schema is not None
    assert asked.json_schema["properties"]["field"]["enum"] == ["", "moods"]
    words = "\n".join(message.content for message in asked.messages)
    assert '> moods = ["wistful"]\n> bound: at most 2' in words
    assert "> - F1: this song ended REJECTED" in words
    assert "x.example" not in words
    assert schema(["bio"])["properties"]["decision"]["enum"] == ["no_change", "change"]
