"""An MP4 file's boxes, read exactly; and whatever else is given to the reader."""

import struct
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.release.video.mp4 import NotMp4, is_mp4, read_movie
from tests.support import clips


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.video(tmp_path_factory.mktemp("mp4") / "film.mp4", seconds=1.0, size="320x180")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mp4") / "scratch.mp4"


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def test_the_numbers_are_those_of_the_encoder(film: Path) -> None:
    movie = read_movie(film)
    video, audio = movie.first("video"), movie.first("audio")

    assert video is not None
    assert audio is not None
    assert movie.starts_fast
    assert (video.codec, video.profile, video.width, video.height) == ("avc1", 100, 320, 180)
    assert (video.samples, video.lengths, video.seconds) == (30, (Fraction(1, 30),), Fraction(1))
    assert (audio.codec, audio.profile, audio.sample_rate, audio.channels) == ("mp4a", 2, 44_100, 2)
    assert audio.seconds == Fraction(1)


def test_an_index_at_the_end_is_told(tmp_path: Path) -> None:
    path = clips.video(tmp_path / "slow.mp4", seconds=0.5, size="320x180", fast_start=False)

    assert not read_movie(path).starts_fast


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no ftyp"),
        (b"<!doctype html><html></html>", "impossible length"),
        (box(b"ftyp", b"isom") + box(b"mdat", b"x"), "no moov"),
        (box(b"ftyp", b"isom") + box(b"moov", box(b"mvhd", bytes(100))), "no mdat"),
        (box(b"ftyp", b"isom") + box(b"moov") + box(b"mdat", b"x"), "no mvhd"),
        (box(b"ftyp", b"isom") + b"\0\0\0\x03moov", "impossible length"),
        (box(b"ftyp", b"isom") + b"\0\0", "cut off"),
    ],
)
def test_what_is_no_film_is_refused_with_its_reason(scratch: Path, content: bytes, why: str) -> None:
    scratch.write_bytes(content)

    with pytest.raises(NotMp4, match=why):
        read_movie(scratch)


def test_the_first_bytes_tell_an_mp4_file(film: Path) -> None:
    assert is_mp4(film.read_bytes()[:16])
    assert not is_mp4(b"<!doctype html>..")
    assert not is_mp4(b"\0\0\0\x20")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_garbage_is_refused_and_nothing_else(scratch: Path, content: bytes) -> None:
    scratch.write_bytes(box(b"ftyp", b"isom") + box(b"mdat", b"x") + content)

    with pytest.raises(NotMp4):
        read_movie(scratch)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_film_with_changed_bytes_in_its_index_is_read_or_refused(
    film: Path, scratch: Path, data: st.DataObject
) -> None:
    content = bytearray(film.read_bytes())
    moov = content.index(b"moov")
    for _ in range(data.draw(st.integers(1, 4))):
        content[moov + data.draw(st.integers(0, 900))] = data.draw(st.integers(0, 255))
    scratch.write_bytes(content)

    with suppress(NotMp4):
        assert read_movie(scratch).brand == "isom"
