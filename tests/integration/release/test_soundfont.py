import hashlib
from pathlib import Path

import pytest

from services.chassis.errors import SetupError
from services.release import studio
from services.release.music.soundfont.layout import PROGRAMS
from tests.support.fake_artist_db_media import FakeArtistDb
from tests.support.release_service import ReleaseService
from tests.support.songs import CHORUS, Kind, make_brief
from tests.support.soundfonts import Tone, soundfont


async def test_the_service_does_not_start_with_a_soundfont_that_is_not_there(
    artist_db: FakeArtistDb, tmp_path: Path
) -> None:
    missing = tmp_path / "missing.sf2"
    with pytest.raises(SetupError, match=r"^AIARTIST_MUSIC_SOUNDFONT is .*missing\.sf2"):
        async with ReleaseService.running(artist_db, tmp_path / "data", music_soundfont=missing):
            pass


def test_a_take_is_played_on_the_soundfont_of_its_job(tmp_path: Path) -> None:
    font = soundfont(tmp_path / "font.sf2", {program: [Tone(3)] for program in PROGRAMS.values()})
    brief = make_brief(
        "pop", form=[(Kind.KIND_CHORUS, 4, CHORUS)], instruments=("piano",)
    ).SerializeToString()

    def made(soundfont: Path | None) -> studio.TakeResult:
        job = studio.TakeJob(brief, 1, tmp_path / "take.flac", soundfont=soundfont)
        return studio.produce(job, lambda *update: None)

    plain, sampled = made(None), made(font)
    assert sampled == made(font)
    assert sampled.sha256 != plain.sha256
    assert plain.model == ""
    assert sampled.model == f"soundfont/{hashlib.sha256(font.read_bytes()).hexdigest()}"
