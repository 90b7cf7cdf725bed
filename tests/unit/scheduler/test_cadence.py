"""When artists are due, and in which order."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduler.cadence import Cadence, Due, Past, Regular, Restraint, due_now
from services.scheduler.quiet import Quiet

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURLY = Cadence(interval_s=3_600)
AT_TEN = Cadence(cron="0 10 * * *")


def regular(artist_id: str, cadence: Cadence = HOURLY, taken_on_at: datetime = NOON - 24 * HOUR) -> Regular:
    return Regular(artist_id, cadence, autopilot=False, taken_on_at=taken_on_at)


def due(
    *artists: Regular,
    last: dict[str, tuple[datetime, bool]] | None = None,
    restraint: Restraint | None = None,
    in_week: int = 1,
) -> list[str]:
    past = {artist_id: Past(at, busy, in_week) for artist_id, (at, busy) in (last or {}).items()}
    return [found.regular.artist_id for found in due_now(artists, past, NOON, restraint or Restraint())]


def test_an_interval_counts_from_the_start_of_the_last_run() -> None:
    artist = regular("a")
    assert due(artist, last={"a": (NOON - HOUR, False)}) == ["a"]
    assert due(artist, last={"a": (NOON - HOUR + timedelta(seconds=1), False)}) == []


def test_an_artist_on_an_interval_who_never_ran_is_due_at_once() -> None:
    assert due(regular("a", taken_on_at=NOON)) == ["a"]


def test_a_cron_time_is_the_first_one_after_the_last_run() -> None:
    artist = regular("a", AT_TEN)
    assert due(artist, last={"a": (NOON - 3 * HOUR, False)}) == ["a"]
    assert due(artist, last={"a": (NOON - HOUR, False)}) == []


def test_an_artist_on_cron_who_never_ran_waits_for_the_first_time_after_being_taken_on() -> None:
    assert due(regular("a", AT_TEN, taken_on_at=NOON - 3 * HOUR)) == ["a"]
    assert due(regular("a", AT_TEN, taken_on_at=NOON - HOUR)) == []


def test_cron_is_read_in_utc_wherever_the_last_run_was_noted() -> None:
    elsewhere = timezone(timedelta(hours=9))
    last = (NOON - 3 * HOUR).astimezone(elsewhere)
    assert AT_TEN.due_at(last) == NOON - 2 * HOUR


def test_times_that_were_missed_count_once() -> None:
    (found,) = due_now([regular("a", AT_TEN)], {"a": Past(NOON - 100 * HOUR, False)}, NOON)
    assert found.due_at == datetime(2026, 2, 28, 10, 0, tzinfo=UTC)
    assert due(regular("a", AT_TEN), last={"a": (NOON, False)}) == []


def test_an_artist_with_a_run_under_way_is_not_due() -> None:
    assert due(regular("a"), last={"a": (NOON - 9 * HOUR, True)}) == []


def test_the_least_recently_run_comes_first_and_who_never_ran_before_all() -> None:
    last = {"a": (NOON - 2 * HOUR, False), "b": (NOON - 5 * HOUR, False), "d": (NOON - 3 * HOUR, False)}
    assert due(*(regular(a) for a in "abcd"), last=last) == ["c", "b", "d", "a"]


def test_of_those_who_never_ran_the_first_taken_on_comes_first() -> None:
    artists = [regular("young", taken_on_at=NOON - HOUR), regular("old", taken_on_at=NOON - 2 * HOUR)]
    assert due(*artists) == ["old", "young"]


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "no cron", "* * *", "61 * * * *"])
def test_a_cron_that_never_comes_starts_nothing_and_breaks_nothing(cron: str) -> None:
    assert due(regular("never", Cadence(cron=cron)), regular("b")) == ["b"]


def test_a_cadence_that_says_nothing_starts_nothing() -> None:
    assert due(regular("a", Cadence())) == []
    assert due(regular("a", Cadence()), last={"a": (NOON - 99 * HOUR, False)}) == []


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**6), st.booleans()), max_size=8),
)
def test_nobody_is_due_before_their_time_and_everybody_at_it(found: list[tuple[int, int, bool]]) -> None:
    artists = [regular(str(n), Cadence(interval_s=interval)) for n, (_, interval, _) in enumerate(found)]
    last = {str(n): Past(NOON - timedelta(seconds=ago), busy) for n, (ago, _, busy) in enumerate(found)}
    expected = {str(n) for n, (ago, interval, busy) in enumerate(found) if not busy and ago >= interval}
    answer: list[Due] = due_now(artists, last, NOON)
    assert {d.regular.artist_id for d in answer} == expected
    starts = [last[d.regular.artist_id].started_at for d in answer]
    assert starts == sorted(starts)


def test_an_artist_whose_week_is_full_waits_for_room() -> None:
    last = {"a": (NOON - 2 * HOUR, False)}
    assert due(regular("a"), last=last, restraint=Restraint(most_a_week=7), in_week=7) == []
    assert due(regular("a"), last=last, restraint=Restraint(most_a_week=7), in_week=6) == ["a"]


def test_without_a_cap_a_week_is_never_full() -> None:
    assert due(regular("a"), last={"a": (NOON - 2 * HOUR, False)}, in_week=1_000) == ["a"]


def test_two_starts_of_one_artist_are_spaced_whatever_the_cadence_says() -> None:
    spaced = Restraint(spacing=3 * HOUR)
    assert due(regular("a"), last={"a": (NOON - 2 * HOUR, False)}, restraint=spaced) == []
    assert due(regular("a"), last={"a": (NOON - 3 * HOUR, False)}, restraint=spaced) == ["a"]


def test_the_first_song_of_an_artist_is_held_back_by_neither_cap_nor_spacing() -> None:
    assert due(regular("a"), restraint=Restraint(most_a_week=1, spacing=9 * HOUR)) == ["a"]


def test_in_a_quiet_period_nothing_is_due_and_after_it_what_was_missed_is_once() -> None:
    artists = [regular("a"), regular("new")]
    last = {"a": Past(NOON - 30 * HOUR, False)}
    restraint = Restraint(quiet=Quiet.parse("11:00-13:00"))
    assert due_now(artists, last, NOON, restraint) == []
    found = due_now(artists, last, NOON + HOUR, restraint)
    assert sorted(one.regular.artist_id for one in found) == ["a", "new"]
    started = {one.regular.artist_id: Past(NOON + HOUR, False) for one in found}
    assert due_now(artists, started, NOON + HOUR, restraint) == []
