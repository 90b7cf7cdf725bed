"""What the mix does to sound: each treatment alone, on sounds where its effect can be measured."""

import numpy as np
import pytest
from numpy.typing import NDArray

from services.release.mastering import CEILING_DBTP, balance, master
from services.release.music.genre import Channel
from services.release.music.genres import GENRES
from services.release.music.mixer import Desk, glue, loudness
from services.release.music.synth.effects import (
    Room,
    ducking,
    echoes,
    opened,
    reverberate,
)
from services.release.review.loudness import true_peak_dbtp

RATE = 44_100

Signal = NDArray[np.float32]


def noise(seconds: float, seed: int = 1, level: float = 0.1) -> Signal:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((2, round(seconds * RATE))) * level).astype(np.float32)


def strokes(seconds: float) -> Signal:
    """A steady bed with hard strokes: much above its mean."""
    sound = noise(seconds, level=0.03)
    for start in range(0, sound.shape[-1] - 4_000, RATE // 2):
        sound[:, start : start + 4_000] += 0.6 * np.exp(-np.arange(4_000, dtype=np.float32) / 900.0)
    return sound


def level_db(sound: Signal) -> float:
    return float(10 * np.log10(np.mean(sound.astype(np.float64) ** 2) + 1e-15))


def crest_db(sound: Signal) -> float:
    return float(20 * np.log10(np.abs(sound).max())) - level_db(sound)


def high_share_db(sound: Signal) -> float:
    power = np.abs(np.fft.rfft(sound[0])) ** 2
    f = np.fft.rfftfreq(sound.shape[-1], 1 / RATE)
    return float(10 * np.log10(power[f > 4_000].sum() / power.sum()))


def on_desk(channel: Channel, duck: Signal | None = None) -> Desk:
    sound = noise(2)
    desk = Desk(sound.shape[-1])
    desk.add(sound, channel, np.ones(sound.shape[-1], np.float32) if duck is None else duck)
    return desk


def test_a_fader_gives_parts_their_level_whatever_they_were_played_at() -> None:
    for played in (0.001, 0.1, 3.0):
        desk = Desk(2 * RATE)
        desk.add(noise(2, level=played), Channel(-20.0), np.ones(2 * RATE, np.float32))
        assert loudness(desk.music) == pytest.approx(-20.0, abs=0.2)


@pytest.mark.parametrize("pan", [-0.4, 0.4])
def test_panning_moves_a_part_to_its_side(pan: float) -> None:
    left, right = on_desk(Channel(-20.0, pan=pan)).music
    assert (level_db(left[None]) > level_db(right[None]) + 3.0) is (pan < 0)


def test_width_narrows_to_mono_and_widens() -> None:
    def side_db(width: float) -> float:
        left, right = on_desk(Channel(-20.0, width=width)).music
        return level_db(((left - right) / 2)[None])

    assert side_db(0.0) < side_db(1.0) - 60
    assert side_db(1.3) > side_db(1.0) + 1


def test_sends_feed_the_rooms_and_nothing_else_does() -> None:
    dry, wet = on_desk(Channel(-20.0)), on_desk(Channel(-20.0, hall=0.5, room=0.25, echo=0.1))
    assert not dry.hall.any()
    assert level_db(wet.hall) == pytest.approx(level_db(wet.music) - 6.0, abs=0.1)
    assert level_db(wet.room) == pytest.approx(level_db(wet.music) - 12.0, abs=0.1)
    assert level_db(wet.echo) == pytest.approx(level_db(wet.music) - 20.0, abs=0.1)


@pytest.mark.parametrize(("length_s", "seconds"), [(0.5, 3.0), (2.5, 6.0)])
def test_a_room_rings_for_its_length_after_a_click(length_s: float, seconds: float) -> None:
    click = np.zeros((2, round(seconds * RATE)), dtype=np.float32)
    click[:, 100] = 1.0
    answer = reverberate(click, Room(length_s, pre_delay_s=0.02, damping=0.0))
    assert not np.abs(answer[:, : 100 + round(0.019 * RATE)]).max() > 1e-5
    tenth = RATE // 10
    early = level_db(answer[:, 3 * tenth : 4 * tenth])
    late = level_db(answer[:, 3 * tenth + round(length_s * RATE / 2) :][:, :tenth])
    assert early - late == pytest.approx(30.0, abs=6.0)
    left, right = answer
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.3


def test_a_long_room_is_the_same_sum_however_it_is_cut_into_blocks() -> None:
    sound = noise(7)
    room = Room(1.0)
    whole = reverberate(sound, room)
    parts = [np.zeros_like(sound) for _ in range(2)]
    parts[0][:, : 3 * RATE] = sound[:, : 3 * RATE]
    parts[1][:, 3 * RATE :] = sound[:, 3 * RATE :]
    assert np.allclose(reverberate(parts[0], room) + reverberate(parts[1], room), whole, atol=1e-4)


def test_a_gated_room_stops_where_it_is_told() -> None:
    click = np.zeros((2, RATE), dtype=np.float32)
    click[:, 0] = 1.0
    answer = reverberate(click, Room(1.6, pre_delay_s=0.0, gate_s=0.2))
    assert level_db(answer[:, round(0.3 * RATE) :]) < level_db(answer[:, : round(0.2 * RATE)]) - 30


def test_echoes_come_on_time_from_side_to_side_and_fade() -> None:
    click = np.zeros((2, 2 * RATE), dtype=np.float32)
    click[:, 0] = 1.0
    answer = echoes(click, 0.25, feedback=0.5)
    peaks = [np.abs(answer[:, n * RATE // 4 : n * RATE // 4 + 900]).max(axis=1) for n in (1, 2, 3)]
    assert peaks[0][0] > 2 * peaks[0][1]
    assert peaks[1][1] > 2 * peaks[1][0]
    assert peaks[2][0] < 0.4 * peaks[0][0]


def test_parts_dip_with_each_kick_and_come_back_in_time() -> None:
    kicks = [(RATE // 2, 1.0), (RATE, 0.5)]
    gain = ducking(2 * RATE, kicks, depth=1.0, recovery_s=0.25)
    assert gain[RATE // 2 - 1] == 1.0
    assert gain[RATE // 2 : RATE // 2 + 1_000].min() < 0.05
    assert gain[RATE : RATE + 1_000].min() == pytest.approx(0.5, abs=0.05)
    assert gain[RATE // 2 + round(0.25 * RATE)] == pytest.approx(1.0, abs=1e-3)
    desk = on_desk(Channel(-20.0, duck=0.8), gain)
    dip = desk.music[:, RATE // 2 + 200 : RATE // 2 + 1_200]
    assert level_db(dip) < level_db(desk.music[:, : RATE // 2]) - 9


def test_the_bus_compressor_lowers_the_crest_factor_and_more_so_the_deeper_it_goes() -> None:
    crests = [crest_db(glue(strokes(6), depth)) for depth in (0.0, 2.0, 4.0)]
    assert crests[0] == pytest.approx(crest_db(strokes(6)), abs=0.01)
    assert crests[0] > crests[1] + 0.2
    assert crests[1] > crests[2] + 0.2


def test_the_limiter_takes_peaks_off_that_the_compressor_leaves() -> None:
    sound = np.ascontiguousarray(strokes(6).T)
    made = master(sound, RATE)
    assert true_peak_dbtp(made.samples) <= CEILING_DBTP
    assert crest_db(made.samples.T) < crest_db(balance(sound, RATE).T) - 1


def test_the_opening_filter_begins_dull_ends_clear_and_touches_nothing_else() -> None:
    before = noise(6)
    sound = before.copy()
    opened(sound, 2 * RATE, 4 * RATE, from_hz=400.0)
    assert np.array_equal(sound[:, : round(1.97 * RATE)], before[:, : round(1.97 * RATE)])
    assert np.array_equal(sound[:, 4 * RATE :], before[:, 4 * RATE :])
    half = RATE // 2
    shares = [high_share_db(sound[:, 2 * RATE + n * half : 2 * RATE + (n + 1) * half]) for n in range(4)]
    assert shares == sorted(shares)
    assert shares[0] < high_share_db(before) - 15
    assert shares[3] > high_share_db(before) - 3
    # No click where it sets in or ends: no step larger than noise itself makes.
    steps = np.abs(np.diff(sound[0]))
    assert steps.max() <= np.abs(np.diff(before[0])).max()


@pytest.mark.parametrize("genre", GENRES)
def test_every_genre_uses_all_of_the_desk(genre: str) -> None:
    table = GENRES[genre]
    channels = [
        *(layer.channel for layer in table.layers.values()),
        table.bass.channel,
        table.lead.channel,
        table.lead.answer_channel,
    ]
    assert len({channel.pan for channel in channels}) >= 3
    assert any(channel.hall for channel in channels)
    assert any(channel.echo for channel in channels)
    assert table.sound.glue_db > 0
    if genre != "ambient":
        assert any(channel.duck for channel in channels)


def test_no_two_genres_have_the_same_groove_harmony_instruments_form_or_mix() -> None:
    tables = list(GENRES.values())
    for aspect in (
        lambda g: g.tempo_bpm,
        lambda g: str(g.drums.grooves),
        lambda g: str(g.progressions),
        lambda g: str({name: layer.voices for name, layer in g.layers.items()}),
        lambda g: str((g.bars, g.drums.intensity, g.ending)),
        lambda g: str(g.sound),
    ):
        assert len({aspect(table) for table in tables}) == len(tables)
