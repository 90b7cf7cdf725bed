"""The numbers of a song."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.orchestrator.song.dice import Dice
from services.orchestrator.song.form import (
    DEFAULT_DURATION_MS,
    Kind,
    duration_ms,
    fit_length,
    plan_form,
)
from services.orchestrator.song.genres import GENRES


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**62),
    slowest=st.integers(50, 150),
    width=st.integers(8, 40),
    target_ms=st.integers(60_000, 240_000),
)
def test_a_form_lasts_about_as_long_as_wanted_at_a_tempo_of_the_range(
    seed: int, slowest: int, width: int, target_ms: int
) -> None:
    form = plan_form(Dice(seed), tempo=(slowest, slowest + width), target_ms=target_ms)
    assert slowest <= form.tempo_bpm <= slowest + width
    assert abs(form.duration_ms - target_ms) <= 0.3 * target_ms


@pytest.mark.parametrize("genre", GENRES)
@pytest.mark.parametrize("target_ms", [90_000, 120_000, 150_000, 180_000, 240_000])
def test_every_genre_hits_the_wanted_length_within_a_twentieth(genre: str, target_ms: int) -> None:
    for seed in range(8):
        form = plan_form(Dice(seed), tempo=GENRES[genre].tempo, target_ms=target_ms, genre=genre)
        assert abs(form.duration_ms - target_ms) <= 0.05 * target_ms


@pytest.mark.parametrize("genre", GENRES)
def test_where_nobody_says_how_long_a_song_lasts_two_to_four_minutes(genre: str) -> None:
    for seed in range(4):
        form = plan_form(Dice(seed), tempo=GENRES[genre].tempo, target_ms=DEFAULT_DURATION_MS, genre=genre)
        assert 120_000 <= form.duration_ms <= 240_000
        kinds = [part.kind for part in form.parts]
        assert (kinds[0], kinds[-1]) == (Kind.INTRO, Kind.OUTRO)
        assert kinds.count(Kind.CHORUS) >= 2
        assert kinds.count(Kind.VERSE) >= 1


def test_music_for_the_floor_has_a_turn_without_a_singer() -> None:
    """Where there is time for it."""
    for genre in ("house", "techno", "drum_and_bass"):
        forms = [
            plan_form(Dice(seed), tempo=GENRES[genre].tempo, target_ms=180_000, genre=genre)
            for seed in range(12)
        ]
        with_one = [form for form in forms if any(part.kind is Kind.INSTRUMENTAL for part in form.parts)]
        assert len(with_one) >= 6


def test_a_form_opens_and_ends_and_has_verses_choruses_and_a_bridge() -> None:
    for seed in range(20):
        kinds = [part.kind for part in plan_form(Dice(seed), tempo=(84, 118), target_ms=90_000).parts]
        assert kinds[0] is Kind.INTRO
        assert kinds[-1] is Kind.OUTRO
        assert kinds.count(Kind.CHORUS) >= 2
        assert kinds.count(Kind.VERSE) >= 2
        assert Kind.BRIDGE in kinds


def test_the_same_seed_gives_the_same_form_and_other_seeds_give_others() -> None:
    forms = [plan_form(Dice(seed), tempo=(84, 118), target_ms=90_000) for seed in range(12)]
    assert forms == [plan_form(Dice(seed), tempo=(84, 118), target_ms=90_000) for seed in range(12)]
    assert len(set(forms)) > 3


@given(
    bars=st.lists(st.integers(1, 32), min_size=3, max_size=12),
    tempo_bpm=st.integers(60, 140),
    target_ms=st.integers(60_000, 240_000),
)
def test_fitting_keeps_equal_lengths_equal_and_the_tempo_in_its_range(
    bars: list[int], tempo_bpm: int, target_ms: int
) -> None:
    fitted, tempo = fit_length(bars, tempo_bpm, tempo=(60, 140), target_ms=target_ms)
    assert 60 <= tempo <= 140
    assert all(2 <= length <= 32 and length % 2 == 0 for length in fitted)
    assert len(set(zip(bars, fitted, strict=True))) == len(set(bars))


def test_a_form_twice_too_long_is_brought_near_the_wanted_length() -> None:
    bars, tempo = fit_length([8, 16, 16, 16, 16, 8, 16, 8], 120, tempo=(110, 130), target_ms=90_000)
    assert abs(duration_ms(sum(bars), tempo) - 90_000) < 9_000
