"""The artist's states."""

import pytest

from services.artist_db.domain.lifecycle import TRANSITIONS, WAYS, Rule, State, Verb, undoable, way_to

BY_RULES = [rule for rule in Rule if rule not in (Rule.PERSON, Rule.UNDO, Rule.VACANCY)]


def test_the_ways_are_exactly_those_of_the_contract() -> None:
    ways = {(source.value, target.value) for source, targets in WAYS.items() for target in targets}

    assert ways == {
        ("CANDIDATE", "ACTIVE"),
        ("CANDIDATE", "RETIRED"),
        ("ACTIVE", "CANDIDATE"),
        ("ACTIVE", "EVOLVING"),
        ("ACTIVE", "PAUSED"),
        ("ACTIVE", "RETIRED"),
        ("EVOLVING", "ACTIVE"),
        ("EVOLVING", "PAUSED"),
        ("EVOLVING", "RETIRED"),
        ("PAUSED", "ACTIVE"),
        ("PAUSED", "EVOLVING"),
        ("PAUSED", "RETIRED"),
    }


def test_nothing_leads_out_of_retirement_but_an_undo() -> None:
    assert WAYS[State.RETIRED] == ()
    assert all(State.RETIRED not in transition.sources for transition in TRANSITIONS.values())


@pytest.mark.parametrize(
    ("verb", "target", "expected"),
    [
        (Verb.PAUSE, State.PAUSED, "ACTIVE or EVOLVING"),
        (Verb.RESUME, State.ACTIVE, "PAUSED"),
        (Verb.RETIRE, State.RETIRED, "CANDIDATE or ACTIVE or EVOLVING or PAUSED"),
    ],
)
def test_a_verb_leads_to_its_state_and_tells_the_expected_ones_in_words(
    verb: Verb, target: State, expected: str
) -> None:
    assert (TRANSITIONS[verb].target, TRANSITIONS[verb].expected) == (target, expected)


def test_every_state_but_the_last_has_a_way_back() -> None:
    for source, targets in WAYS.items():
        for target in targets:
            if target is State.RETIRED:
                continue
            assert any(source in WAYS[between] for between in (target, *WAYS[target])), (source, target)


@pytest.mark.parametrize("rule", BY_RULES)
@pytest.mark.parametrize("target", [State.ACTIVE, State.EVOLVING, State.PAUSED, State.RETIRED])
def test_what_a_rule_did_can_be_undone_also_a_retirement(rule: Rule, target: State) -> None:
    source = State.EVOLVING if target is State.ACTIVE else State.ACTIVE

    assert undoable(source, target, rule) == ""


def test_what_a_person_did_can_be_undone_but_not_a_retirement() -> None:
    assert undoable(State.ACTIVE, State.PAUSED, Rule.PERSON) == ""
    assert undoable(State.ACTIVE, State.RETIRED, Rule.PERSON) == "A PERSON'S RETIREMENT"


def test_an_undo_can_be_undone_but_never_leads_into_retirement() -> None:
    assert undoable(State.PAUSED, State.ACTIVE, Rule.UNDO) == ""
    assert undoable(State.RETIRED, State.ACTIVE, Rule.UNDO) == "A WAY OUT OF RETIREMENT"


def test_the_beginning_can_not_be_undone() -> None:
    assert undoable(None, State.ACTIVE, Rule.PERSON) == "WHERE THE ARTIST BEGAN"


def test_the_states_from_which_a_person_may_move_an_artist_are_told_in_order() -> None:
    assert way_to(State.ACTIVE).expected == "CANDIDATE or EVOLVING or PAUSED"
    assert way_to(State.CANDIDATE).expected == "ACTIVE"
    assert way_to(State.EVOLVING).expected == "ACTIVE or PAUSED"
