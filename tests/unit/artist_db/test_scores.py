"""Scores: what is usual is the middle, what is unsure goes there, and more listening never hurts."""

from collections.abc import Callable
from datetime import date, timedelta
from math import isclose
from typing import Any

from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from services.artist_db.domain import scores
from services.artist_db.domain.scores import Mark, Score, Usual
from tests.support.listening import Heard, scores_of

TODAY = date(2026, 6, 1)
METRICS = ("STREAMS", "VIEWS", "DOWNLOADS", "SAVES", "LIKES", "SHARES", "LISTENERS", "EARNINGS")

_EXAMPLES = settings(max_examples=40, deadline=None)


def given(*strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """A property that is tried with fewer examples than usual: each makes a whole label."""
    return lambda test: _EXAMPLES(drawn(*strategies)(test))


numbers = st.lists(
    st.builds(
        Heard,
        st.integers(0, 200).map(lambda age: TODAY - timedelta(days=age)),
        st.sampled_from(METRICS),
        st.integers(0, 10**6),
    ),
    max_size=6,
)
labels = st.lists(st.tuples(numbers, st.integers(0, 300)), min_size=1, max_size=14)
Label = list[tuple[list[Heard], int]]


def scored(label: Label, today: date = TODAY) -> dict[str, Score]:
    """The scores of releases called 0, 1, 2, …, each with its numbers and its age."""
    return scores_of(
        {str(n): heard for n, (heard, _) in enumerate(label)},
        {str(n): TODAY - timedelta(days=age) for n, (_, age) in enumerate(label)},
        today,
    )


def daily(plays: int, days: int = 20, ends: date = TODAY) -> list[Heard]:
    return [Heard(ends - timedelta(days=n), "STREAMS", plays) for n in range(days)]


@given(labels)
def test_scores_and_sureness_are_from_zero_to_one(label: Label) -> None:
    for score in scored(label).values():
        assert 0 <= score.score <= 1
        assert 0 <= score.sureness < 1
        # How far from the middle a score may be is what sureness says.
        assert abs(score.score - 0.5) <= score.sureness / 2 + 1e-12


@given(labels, st.data())
def test_a_higher_number_never_lowers_a_score(label: Label, data: st.DataObject) -> None:
    places = [(n, m) for n, (heard, _) in enumerate(label) for m in range(len(heard))]
    if not places:
        return
    release, place = data.draw(st.sampled_from(places))
    before = scored(label)
    heard = label[release][0]
    old = heard[place]
    heard[place] = Heard(old.day, old.metric, old.value + data.draw(st.integers(1, 10**7)))

    after = scored(label)

    assert after[str(release)].score >= before[str(release)].score - 1e-9
    assert after[str(release)].sureness == before[str(release)].sureness


@given(labels, st.integers(0, 300))
def test_a_release_without_numbers_is_in_the_middle_and_says_that_it_knows_nothing(
    label: Label, age: int
) -> None:
    assert scored([*label, ([], age)])[str(len(label))] == Score(0.5, 0.0, 0, None)


@given(labels, st.integers(1, 400))
def test_time_without_new_numbers_makes_less_sure_and_leads_back_to_the_middle(
    label: Label, days: int
) -> None:
    now, later = scored(label), scored(label, TODAY + timedelta(days=days))
    for name, score in now.items():
        assert later[name].sureness < score.sureness or score.sureness == 0
        assert abs(later[name].score - 0.5) <= abs(score.score - 0.5)
        assert (later[name].score - 0.5) * (score.score - 0.5) >= 0


@given(numbers, st.integers(0, 300))
def test_a_release_alone_in_its_label_is_what_is_usual(heard: list[Heard], age: int) -> None:
    assert scored([(heard, age)])["0"].score == 0.5


@given(labels, st.integers(2, 1_000))
def test_a_label_that_is_heard_more_in_all_has_the_same_scores(label: Label, times: int) -> None:
    louder = [([Heard(h.day, h.metric, h.value * times) for h in heard], age) for heard, age in label]
    for name, score in scored(louder).items():
        assert isclose(score.score, scored(label)[name].score, rel_tol=1e-9)
        assert score.sureness == scored(label)[name].sureness


@given(st.integers(1_000, 10**10))
def test_one_hit_does_not_make_failures_of_the_others(plays: int) -> None:
    others: Label = [(daily(100 + n), 30) for n in range(5)]
    found = scored([*others, (daily(plays), 30)])
    assert all(0.48 < found[str(n)].score < 0.52 for n in range(5))
    assert found["5"].score > 0.8


def test_twice_the_usual_plays_are_two_thirds_as_far_as_that_is_sure() -> None:
    found = scored([(daily(100), 30), (daily(100), 30), (daily(200), 30)])
    assert isclose(found["2"].score - 0.5, found["2"].sureness * (2 / 3 - 0.5))
    assert found["2"].sureness > 0.8


def test_what_was_heard_long_ago_counts_for_less_than_what_is_heard_now() -> None:
    fading = [*daily(10), *daily(100, ends=TODAY - timedelta(days=60))]
    rising = [*daily(100), *daily(10, ends=TODAY - timedelta(days=60))]
    found = scored([(fading, 90), (rising, 90), (daily(50), 90)])
    assert found["0"].score < 0.5 < found["1"].score
    assert found["0"].plays == found["1"].plays


def test_few_days_with_numbers_are_less_sure_than_many() -> None:
    found = scored([(daily(100, days), 60) for days in (1, 7, 28)])
    sure = [found[str(n)].sureness for n in range(3)]
    assert sure == sorted(sure)
    assert isclose(sure[0], 0.25)


def test_a_statement_of_a_month_is_not_taken_for_a_day() -> None:
    months = [Heard(date(2026, month, 28), "STREAMS", 3_000) for month in (3, 4, 5)]
    found = scored([(months, 100), (daily(100, 90), 100), (daily(100, 80), 100)])
    assert 0.45 < found["0"].score < 0.55


def test_saves_lift_a_score_but_can_not_stand_for_plays() -> None:
    saved = [*daily(100), Heard(TODAY, "SAVES", 50)]
    flooded = [*daily(100), Heard(TODAY, "SAVES", 10**9)]
    found = scored([(daily(100), 30), (daily(100), 30), (daily(100), 30), (saved, 30), (flooded, 30)])
    assert found["0"].score == 0.5
    assert 0.5 < found["3"].score < found["4"].score < 2 / 3
    alone = scored([(daily(100), 30), ([Heard(TODAY, "LIKES", 10**6)], 30)])["1"]
    assert (alone.score, alone.sureness, alone.last_day) == (0.5, 0.0, TODAY)


def test_releases_are_held_against_those_of_their_age_where_there_are_enough() -> None:
    young: Label = [(daily(1_000, 5), 4) for _ in range(8)]
    old: Label = [(daily(10), 200) for _ in range(8)]
    found = scored([*young, *old])
    assert {round(score.score, 9) for score in found.values()} == {0.5}
    few = scored([*young, *old[:7]])
    assert few["0"].score == 0.5
    assert few["8"].score < 0.2


def test_where_most_are_never_heard_those_that_are_set_the_scale() -> None:
    found = scored([(daily(0), 30)] * 5 + [(daily(5), 30), (daily(7), 30)])
    assert found["0"].score < 0.1
    assert found["5"].score < 0.5 < found["6"].score
    assert scored([(daily(0), 30)] * 3)["1"].score == 0.5


def test_a_day_that_has_not_come_is_no_older_than_today() -> None:
    mark = Mark(10.0, 3.0, 0, TODAY + timedelta(days=1), 10, TODAY + timedelta(days=1))
    assert scores.score(mark, 10.0, TODAY).sureness == 0.5
    assert scores.usual_rate(0, {0: Usual(7, 4.0, 4.0)}, Usual(9, 2.0, 2.0)) == 2.0
