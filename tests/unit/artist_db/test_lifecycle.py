"""The artist's states."""

from services.artist_db.domain.lifecycle import TRANSITIONS, State, Verb


def test_the_lifecycle_is_exactly_that_of_the_contract() -> None:
    moves = {(verb, source, rule.target) for verb, rule in TRANSITIONS.items() for source in rule.sources}

    assert moves == {
        (Verb.PAUSE, State.ACTIVE, State.PAUSED),
        (Verb.RESUME, State.PAUSED, State.ACTIVE),
        (Verb.RETIRE, State.ACTIVE, State.RETIRED),
        (Verb.RETIRE, State.PAUSED, State.RETIRED),
    }


def test_nothing_leads_out_of_retirement() -> None:
    assert all(State.RETIRED not in rule.sources for rule in TRANSITIONS.values())


def test_the_expected_states_are_told_in_words() -> None:
    assert TRANSITIONS[Verb.PAUSE].expected == "ACTIVE"
    assert TRANSITIONS[Verb.RETIRE].expected == "ACTIVE or PAUSED"
