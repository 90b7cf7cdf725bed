"""Takes of runs with arms: whose music, what cover, and for whom."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import experiment_pb2 as exp
from services.chassis.errors import AppError
from services.release.cover import draw_cover
from services.release.cover.identity import identity
from services.release.illustrator import STYLES
from tests.support import media
from tests.support.fake_artist_db_media import FakeArtistDb
from tests.support.fake_illustrator import FakeIllustrator
from tests.support.music_desk import MusicDesk, music_desk
from tests.support.release_service import ReleaseService


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[MusicDesk]:
    """The list suno, acestep, builtin."""
    async with music_desk(tmp_path) as running:
        yield running


@pytest.fixture
async def illustrator() -> AsyncIterator[FakeIllustrator]:
    async with FakeIllustrator.serving() as fake:
        yield fake


@pytest.fixture
async def drawing(
    artist_db: FakeArtistDb, illustrator: FakeIllustrator, tmp_path: Path
) -> AsyncIterator[ReleaseService]:
    """A service with an image model."""
    async with ReleaseService.running(
        artist_db, tmp_path / "data", orchestrator_addr=illustrator.address
    ) as running:
        yield running


def give(brief: db.StoredBrief, kind: exp.ArmKind.ValueType, value: str) -> None:
    """An arm of the brief's run."""
    brief.arms.append(exp.AssignedArm(experiment_id="exp_1", arm="b", kind=kind, value=value))


async def test_the_provider_of_an_order_is_asked_first(bed: MusicDesk) -> None:
    assert (await bed.make(provider="acestep")).provider == "acestep"
    assert not bed.suno.calls


async def test_the_provider_of_an_order_stays_first_however_its_takes_were_reviewed(bed: MusicDesk) -> None:
    assert (await bed.make(provider="builtin", failed={"builtin": 2})).provider == "builtin"


async def test_others_are_asked_behind_the_provider_of_an_order_by_how_seldom_they_failed(
    bed: MusicDesk,
) -> None:
    bed.acestep.key = "another"
    made = await bed.make(provider="acestep", failed={"suno": 1})
    assert made.provider == "builtin"


async def test_a_provider_that_nobody_has_leaves_the_order_as_it_is(bed: MusicDesk) -> None:
    assert (await bed.make(provider="gone")).provider == "suno"


async def test_a_song_under_way_elsewhere_is_fetched_before_the_orders_provider_is_asked(
    bed: MusicDesk,
) -> None:
    paid = await bed.make("one")
    asked = len(bed.suno.tasks)
    again = await bed.make("one", provider="builtin")
    assert (again.provider, again.reference) == ("suno", paid.reference)
    assert len(bed.suno.tasks) == asked


async def test_a_take_follows_the_arms_and_the_persona_of_its_brief_as_far_as_it_can_and_says_so(
    service: ReleaseService,
) -> None:
    brief = service.keep_brief()
    brief.persona.CopyFrom(media.persona())
    brief.persona.visual.palette[:] = ["#102030", "#f0a0b0"]
    service.artist_db.personas.clear()
    style = next(style for style in STYLES if style != identity(brief.persona, brief.brief).motif)
    give(brief, exp.ARM_KIND_COVER_STYLE, style)
    give(brief, exp.ARM_KIND_PROVIDER, "suno")
    brief.trends.add(snapshot_id="trd_1", source="apple_music", country="us", items=5, alignment=0.3)
    take = await service.produce(brief.id)
    kept = service.artist_db.takes[take.take_id]
    assert (kept.cover_style, kept.provider) == (style, "builtin")
    drawn = draw_cover(brief.persona, brief.brief, motif=style)
    assert service.artifact(take.cover.path).read_bytes() == drawn.jpeg

    package = await service.package(take)
    assert not (await service.verify(package.release_id)).problems
    files = {file.path.rpartition("/")[2]: file for file in package.files}
    provenance = json.loads(service.artifact(files["provenance.json"].path).read_bytes())
    assert provenance["cover"]["motif"] == style
    assert [arm["followed"] for arm in provenance["experiments"]] == [True, False]
    assert provenance["charts"][0]["source"] == "apple_music"


async def test_a_take_without_an_arm_that_it_could_follow_is_made_as_ever(service: ReleaseService) -> None:
    plain, odd, flop = (
        service.keep_brief(title, seed) for seed, title in enumerate(("Plain", "Odd", "a flop"))
    )
    give(odd, exp.ARM_KIND_COVER_STYLE, "oil on canvas")
    takes = [await service.produce(brief.id, f"r-{brief.id}") for brief in (plain, odd, flop)]
    own = identity(media.persona(), plain.brief).motif
    assert [service.artist_db.takes[take.take_id].cover_style for take in takes] == [own, own, ""]


async def test_an_image_model_is_told_the_arms_motif_in_words_which_is_drawn_where_none_draws(
    drawing: ReleaseService, illustrator: FakeIllustrator
) -> None:
    told, plain, refused = (
        drawing.keep_brief(title, seed) for seed, title in enumerate(("Told", "Plain", "Refused"))
    )
    give(told, exp.ARM_KIND_COVER_STYLE, "rings")
    give(refused, exp.ARM_KIND_COVER_STYLE, "silk")
    takes = [await drawing.produce(brief.id, f"r-{brief.id}") for brief in (told, plain)]
    illustrator.refusal = AppError("no")
    takes.append(await drawing.produce(refused.id, "r-refused"))
    assert STYLES["rings"] in illustrator.requests[0].prompt
    assert "Style:" not in illustrator.requests[1].prompt
    kept = [drawing.artist_db.takes[take.take_id] for take in takes]
    assert [take.cover_style for take in kept] == ["rings", "picture", "silk"]
    assert [bool(take.cover_model) for take in kept] == [True, True, False]
