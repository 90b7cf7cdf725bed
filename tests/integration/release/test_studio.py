"""The real studio behind the real service: once through all stages."""

from pathlib import Path

from aiartist.common.v1 import brief_pb2
from services.release.jobs import STUDIO
from services.release.package.verify import verify_package
from tests.support.fake_artist_db_media import FakeArtistDb
from tests.support.release_service import ReleaseService


async def test_real_audio_goes_from_brief_to_a_release_that_verifies(
    artist_db: FakeArtistDb, tmp_path: Path
) -> None:
    async with ReleaseService.running(artist_db, tmp_path / "data", studio=STUDIO) as service:
        brief = service.keep_brief()
        kinds = brief_pb2.Section
        brief.brief.ClearField("sections")
        for kind, bars in (
            (kinds.KIND_INTRO, 4),
            (kinds.KIND_VERSE, 8),
            (kinds.KIND_CHORUS, 8),
            (kinds.KIND_OUTRO, 4),
        ):
            brief.brief.sections.add(kind=kind, bars=bars, lines=["Rain on the glass", "Stay awake"])
        brief.brief.target_duration_ms = 24 * 4 * 60_000 // brief.brief.tempo_bpm
        take = await service.produce(brief.id)
        assert take.review.passed, [check for check in take.review.checks if check.outcome == 3]
        package = await service.package(take)
        publication = await service.publish(package.release_id)
        assert verify_package(Path(publication.location)) == []
