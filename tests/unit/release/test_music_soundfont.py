import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.chassis.errors import SetupError
from services.release.music.builtin import BuiltinProvider
from services.release.music.soundfont.layout import PROGRAMS, BrokenSoundFont, check, read_layout
from services.release.music.soundfont.sampled import SampledVoice, SoundFont
from services.release.music.synth.patches import line_voice, polyphonic_voice
from tests.support.songs import CHORUS, Form, Kind, make_brief
from tests.support.soundfonts import Tone, soundfont

RATE = 44_100
FORM: Form = [(Kind.KIND_CHORUS, 2, CHORUS)]
PIANO = PROGRAMS["piano"]

Sound = NDArray[np.float32]


def voice(folder: Path, *tones: Tone, added: dict[int, int] | None = None) -> SampledVoice:
    found = SoundFont.open(soundfont(folder / "font.sf2", {PIANO: tones}, added=added)).voice("piano")
    assert found is not None
    return found


def played(voice: SampledVoice, pitch: int = 69, *, velocity: float = 0.8, seconds: float = 1.0) -> Sound:
    return voice.note(pitch, round(seconds * RATE), velocity, 0.5, 0)


def pitch_hz(sound: Sound) -> float:
    size = 1 << 18
    spectrum = np.abs(np.fft.rfft(sound.mean(axis=0) * np.hanning(sound.shape[-1]), size))
    return float(np.argmax(spectrum) * RATE / size)


def level_db(sound: Sound) -> float:
    return float(10 * np.log10(np.mean(sound.astype(np.float64) ** 2) + 1e-15))


def render(path: Path | None, genre: str = "pop", instruments: tuple[str, ...] = ("piano",)) -> Sound:
    brief = make_brief(genre, form=FORM, instruments=instruments)
    return BuiltinProvider(path).render(brief, seed=1, progress=lambda *update: None).samples


@pytest.mark.parametrize(("pitch", "hz"), [(69, 440.0), (81, 880.0), (57, 220.0), (64, 329.63)])
def test_a_key_sounds_at_its_pitch_whatever_was_recorded(tmp_path: Path, pitch: int, hz: float) -> None:
    assert pitch_hz(played(voice(tmp_path, Tone()), pitch)) == pytest.approx(hz, rel=0.001)


def test_a_loop_holds_a_short_recording_for_as_long_as_the_key_is_down_without_a_seam(tmp_path: Path) -> None:
    held = played(voice(tmp_path, Tone()), seconds=3.0)
    assert held.shape[-1] >= 3 * RATE
    assert level_db(held[:, RATE : 2 * RATE]) == pytest.approx(level_db(held[:, :RATE]), abs=0.3)
    spectrum = np.abs(np.fft.rfft(held[0, : 2 * RATE] * np.hanning(2 * RATE)))
    spectrum[800:960] = 0
    assert spectrum.max() < 0.003 * np.abs(np.fft.rfft(held[0, : 2 * RATE] * np.hanning(2 * RATE))).max()


def test_a_recording_without_a_loop_ends_by_itself(tmp_path: Path) -> None:
    assert played(voice(tmp_path, Tone(loops=False)), seconds=3.0).shape[-1] < 0.2 * RATE


def test_keys_and_velocities_choose_the_recording(tmp_path: Path) -> None:
    low, high, hard = (
        Tone(1, keys=(0, 60)),
        Tone(4, keys=(61, 127), velocities=(0, 90)),
        Tone(8, (61, 127), (91, 127)),
    )
    found = voice(tmp_path, low, high, hard)

    def overtones(sound: Sound) -> int:
        spectrum = np.abs(np.fft.rfft(sound[0, :RATE] * np.hanning(min(RATE, sound.shape[-1]))))
        peaks = (spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:])
        return int(np.count_nonzero(peaks & (spectrum[1:-1] > 0.05 * spectrum.max())))

    assert overtones(played(found, 57)) == 1
    assert overtones(played(found, 69, velocity=0.5)) == 4
    assert overtones(played(found, 69, velocity=1.0)) == 8


def test_a_key_that_no_zone_has_borrows_the_nearest(tmp_path: Path) -> None:
    assert pitch_hz(played(voice(tmp_path, Tone(keys=(60, 72))), 84)) == pytest.approx(1_046.5, rel=0.001)


def test_zones_are_tuned_panned_attenuated_and_shaped_as_they_say(tmp_path: Path) -> None:
    plain = played(voice(tmp_path, Tone()))
    assert pitch_hz(played(voice(tmp_path, Tone(generators={51: 7})))) == pytest.approx(659.3, rel=0.001)
    assert pitch_hz(played(voice(tmp_path, Tone(generators={58: 57})))) == pytest.approx(880.0, rel=0.001)
    quiet = played(voice(tmp_path, Tone(generators={48: 120})))
    assert level_db(plain) - level_db(quiet) == pytest.approx(12.0, abs=0.2)
    left = played(voice(tmp_path, Tone(generators={17: -500})))
    assert level_db(left[:1]) > level_db(left[1:]) + 40
    slow = played(voice(tmp_path, Tone(generators={34: 0})), seconds=1.5)
    assert level_db(slow[:, : RATE // 10]) < level_db(slow[:, RATE : RATE + RATE // 10]) - 15
    falling = played(voice(tmp_path, Tone(generators={36: 0, 37: 300})), seconds=1.5)
    assert level_db(falling[:, RATE:][:, : RATE // 4]) == pytest.approx(level_db(plain) - 30, abs=2)
    long, short = (played(voice(tmp_path, Tone(generators={38: cents}))) for cents in (1_200, -6_000))
    assert long.shape[-1] > short.shape[-1] + RATE


def test_what_a_preset_says_is_added_to_its_zones(tmp_path: Path) -> None:
    both = voice(tmp_path, Tone(generators={51: 5}), added={51: 7})
    assert pitch_hz(played(both)) == pytest.approx(880.0, rel=0.001)


def test_natural_instruments_come_from_the_file_and_the_song_says_from_which(tmp_path: Path) -> None:
    path = soundfont(tmp_path / "font.sf2", {program: [Tone(3)] for program in PROGRAMS.values()})
    rendering = BuiltinProvider(path).render(
        make_brief("pop", form=FORM, instruments=("piano",)), seed=1, progress=lambda *update: None
    )
    assert rendering.model == f"soundfont/{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert np.isfinite(rendering.samples).all()
    assert not np.array_equal(rendering.samples, render(None))
    assert np.array_equal(rendering.samples, render(path))


def test_a_file_without_the_instrument_leaves_it_synthesised(tmp_path: Path) -> None:
    path = soundfont(tmp_path / "font.sf2", {PROGRAMS["harp"]: [Tone()]})
    assert SoundFont.open(path).voice("piano") is None
    assert SoundFont.open(path).voice("harp") is not None
    assert np.array_equal(render(path, "house"), render(None, "house"))


def test_every_instrument_of_the_list_has_a_synthesised_one_to_stand_in_for_it() -> None:
    for name in PROGRAMS:
        assert line_voice(name) is not None or polyphonic_voice(name) is not None


@pytest.mark.parametrize("synthetic", ["saw_lead", "supersaw", "warm_pad", "eight_oh_eight", "acid"])
def test_what_a_genre_wants_synthetic_stays_so(tmp_path: Path, synthetic: str) -> None:
    path = soundfont(tmp_path / "font.sf2", {program: [Tone()] for program in range(128)})
    assert SoundFont.open(path).voice(synthetic) is None


def test_a_good_file_and_none_pass_the_check_at_the_start(tmp_path: Path) -> None:
    check(None)
    check(soundfont(tmp_path / "font.sf2", {PIANO: [Tone()]}))


def broken(folder: Path, kind: str) -> Path:
    path = soundfont(folder / "font.sf2", {PIANO: [Tone()]})
    data = path.read_bytes()
    if kind == "missing":
        path.unlink()
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "another format":
        path.write_bytes(b"RIFF" + struct.pack("<I", 4) + b"WAVE")
    elif kind == "cut off":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "without a table":
        path.write_bytes(data.replace(b"shdr", b"xxxx"))
    elif kind == "without samples":
        path.write_bytes(data.replace(b"smpl", b"xxxx"))
    elif kind == "pointing nowhere":
        at = data.index(b"pgen") + 8
        path.write_bytes(data[:at] + struct.pack("<HH", 41, 99) + data[at + 4 :])
    elif kind == "no instrument of ours":
        soundfont(path, {127: [Tone()]})
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "No such file"),
        ("empty", "cut off"),
        ("another format", "no SoundFont 2 file"),
        ("cut off", "cut off"),
        ("without a table", "no table shdr"),
        ("without samples", "no samples"),
        ("pointing nowhere", "do not fit together"),
        ("no instrument of ours", "none of the General MIDI instruments"),
    ],
)
def test_a_file_that_cannot_be_played_stops_the_start_and_names_the_variable(
    tmp_path: Path, kind: str, reason: str
) -> None:
    with pytest.raises(SetupError, match=f"^AIARTIST_MUSIC_SOUNDFONT is .*{reason}.*unset it"):
        check(broken(tmp_path, kind))


def test_whatever_single_byte_is_damaged_the_file_is_read_or_refused(tmp_path: Path) -> None:
    path = soundfont(tmp_path / "font.sf2", {PIANO: [Tone(), Tone(2, keys=(60, 90))]})
    data = path.read_bytes()
    tables = data.index(b"pdta")
    for at in [*range(60), *range(tables, len(data), 3)]:
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            layout = read_layout(path)
        except BrokenSoundFont:
            continue
        for zones in layout.presets.values():
            samples = np.zeros(layout.sample_count, dtype=np.int16)
            sound = SampledVoice(zones, samples).note(69, 500, 0.8, 0.5, 0)
            assert np.isfinite(sound).all()
