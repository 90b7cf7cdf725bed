"""Which groups become one, and which of their reports speak for it."""

from hypothesis import given
from hypothesis import strategies as st

from aiartist.artist_db.v1.artist_db_pb2 import ErrorOccurrences
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.error_merges import Party, Plan, planned, speaker
from services.artist_db.domain.errors import changes

A, B, C, D = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)
NAMES = st.sampled_from([A, B, C, D])
BATCHES = st.lists(st.tuples(NAMES, st.lists(NAMES, max_size=3)), min_size=1, max_size=5)


def plan(*batch: ErrorOccurrences, aliases: dict[str, str] | None = None) -> Plan:
    checks = Checks()
    found = changes(checks, batch)
    checks.finish()
    return planned(found, aliases or {})


def occurrences(fingerprint: str, *absorbs: str, title: str = "", template: str = "") -> ErrorOccurrences:
    return ErrorOccurrences(fingerprint=fingerprint, count=1, title=title, template=template, absorbs=absorbs)


def test_what_is_recorded_under_an_alias_goes_to_its_group() -> None:
    made = plan(occurrences(B), occurrences(A), aliases={B: A})

    assert [(change.fingerprint, change.count) for change in made.changes] == [(A, 2)]
    assert made.merges == {}
    assert made.targets == {B: A}


def test_a_group_s_own_words_count_more_than_those_of_its_parts() -> None:
    made = plan(
        occurrences(A, title="get 7", template="get 7"),
        occurrences(B, A, title="get <*>", template="get <*>"),
    )

    assert [(c.fingerprint, c.title, c.template) for c in made.changes] == [(B, "get <*>", "get <*>")]
    assert made.merges == {B: [A]}


def test_the_template_of_a_part_is_not_that_of_the_whole() -> None:
    [change] = plan(occurrences(A, title="get 7", template="get 7"), aliases={A: B}).changes

    assert (change.title, change.template) == ("get 7", "")


def test_chains_end_at_the_group_that_is_left() -> None:
    made = plan(occurrences(A, B), occurrences(C, A))

    assert made.merges == {C: [A, B]}
    assert [(change.fingerprint, change.count) for change in made.changes] == [(C, 2)]


def test_a_merge_that_was_made_before_is_none() -> None:
    assert plan(occurrences(A, B), aliases={B: A}).merges == {}
    assert plan(occurrences(B, A), aliases={B: A}).merges == {}
    assert plan(occurrences(A, A)).merges == {}


@given(BATCHES)
def test_every_occurrence_goes_to_one_group_that_is_left_whatever_is_merged(
    batch: list[tuple[str, list[str]]],
) -> None:
    made = plan(*(occurrences(name, *parts) for name, parts in batch))
    gone = [part for parts in made.merges.values() for part in parts]

    assert len(gone) == len(set(gone))
    assert set(made.targets) == set(gone)
    assert not set(gone) & set(made.targets.values())
    assert not set(gone) & {change.fingerprint for change in made.changes}
    assert sum(change.count for change in made.changes) == len(batch)


@given(BATCHES)
def test_the_same_batch_after_its_merges_merges_nothing_more(batch: list[tuple[str, list[str]]]) -> None:
    given = [occurrences(name, *parts) for name, parts in batch]
    made = plan(*given)

    again = plan(*given, aliases=dict(made.targets))

    assert again.merges == {}
    assert again.targets == made.targets
    assert again.changes == made.changes


def party(name: str, status: str = "new", report: int = 1, *, stays: bool = False) -> Party:
    return Party(name, status, report, stays)


def test_an_applied_fix_is_spoken_for_first() -> None:
    applied = party(B, "fix_applied", 3)

    assert speaker([party(A, "analyzed", 9, stays=True), applied]) == applied


def test_the_group_that_stays_speaks_where_it_has_reports() -> None:
    stays = party(A, "new", 1, stays=True)

    assert speaker([stays, party(B, "analyzed", 9)]) == stays


def test_a_new_group_takes_over_what_was_found_out_last_about_its_parts() -> None:
    stays = party(A, "new", 0, stays=True)

    assert speaker([stays, party(B, "analyzed", 3), party(C, "ignored", 4), party(D, "new", 9)]).status == (
        "ignored"
    )
