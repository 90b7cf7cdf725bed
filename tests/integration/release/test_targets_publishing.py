"""Publishing to several targets and taking down again, as callers of the service meet it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.release.v1 import release_pb2 as pb
from services.chassis.errors import remote_error
from services.release.artifacts import ArtifactStore
from services.release.package.layout import MANIFEST
from services.release.package.verify import verify_package
from tests.support import packages
from tests.support.fake_artist_db_media import FakeArtistDb
from tests.support.fake_sftp import PASSWORD, ROOT, USER, FakeSftp
from tests.support.release_service import ReleaseService

ALL = ("folder", "s3", "sftp")
Action = pb.TargetOutcome


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[FakeSftp]:
    async with FakeSftp.serving(tmp_path / "server") as fake:
        yield fake


class Label:
    """A service that publishes to all three targets, and a release that is packaged."""

    def __init__(self, service: ReleaseService, server: FakeSftp, release_id: str, bucket: Path) -> None:
        self.service = service
        self.server = server
        self.release_id = release_id
        self.bucket = bucket

    @classmethod
    @asynccontextmanager
    async def open(
        cls, artist_db: FakeArtistDb, server: FakeSftp, folder: Path, **settings: Any
    ) -> AsyncIterator["Label"]:
        chosen: dict[str, Any] = {
            "release_targets": ALL,
            "release_s3_url": (folder / "bucket").as_uri(),
            "release_sftp_url": f"sftp://{USER}@127.0.0.1:{server.port}{ROOT}",
            "release_sftp_password": PASSWORD,
            "release_sftp_known_hosts": server.known_hosts,
            **settings,
        }
        async with ReleaseService.running(artist_db, folder / "data", **chosen) as service:
            store = ArtifactStore.open((folder / "data" / "artifacts").as_uri())
            release = await packages.keep(store)
            artist_db.releases.setdefault(release.id, release)
            yield cls(service, server, release.id, folder / "bucket")

    async def publish(self, *targets: str, dry_run: bool = False, request_id: str = "r-1") -> dict[str, Any]:
        """Target -> what became of the release there."""
        request = pb.PublishReleaseRequest(
            request_id=request_id, release_id=self.release_id, targets=targets, dry_run=dry_run
        )
        updates = [update async for update in self.service.stub.PublishRelease(request)]
        return {outcome.target: outcome for outcome in updates[-1].publication.targets}

    async def take_down(self, *targets: str, request_id: str = "r-down") -> dict[str, Any]:
        request = pb.TakeDownReleaseRequest(
            request_id=request_id, release_id=self.release_id, targets=targets, reason="a sample"
        )
        answer = await self.service.stub.TakeDownRelease(request)
        return {outcome.target: outcome for outcome in answer.targets}

    def places(self) -> set[str]:
        """Targets where the release stands whole."""
        found = {"folder"} if (self.catalogue / self.release_id / MANIFEST).exists() else set()
        found |= {"s3"} if (self.bucket / self.release_id / MANIFEST).exists() else set()
        return found | ({"sftp"} if self.server.complete() else set())

    @property
    def catalogue(self) -> Path:
        return self.service.data.resolve() / "releases"

    def books(self) -> dict[str, db.Publication]:
        """What artist_db was told, by target."""
        return {p.target: p for p in self.service.artist_db.releases[self.release_id].publications}


@pytest.fixture
async def label(artist_db: FakeArtistDb, server: FakeSftp, tmp_path: Path) -> AsyncIterator[Label]:
    async with Label.open(artist_db, server, tmp_path) as opened:
        yield opened


async def refused(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return remote_error(caught.value)


def actions(outcomes: dict[str, Any]) -> dict[str, str]:
    name = pb.TargetOutcome.Action.Name
    return {target: name(o.action).removeprefix("ACTION_") for target, o in outcomes.items()}


async def test_a_release_goes_to_every_target_and_a_repeat_finds_it(label: Label) -> None:
    first = await label.publish()
    assert actions(first) == dict.fromkeys(ALL, "PUBLISHED")
    assert label.places() == set(ALL)
    assert {target: p.location for target, p in label.books().items()} == {
        target: outcome.location for target, outcome in first.items()
    }
    again = await label.publish(request_id="r-2")
    assert actions(again) == dict.fromkeys(ALL, "FOUND")
    assert label.service.artist_db.calls.count("RecordPublication") == 3
    assert label.service.leftovers() == []


async def test_a_package_of_this_service_is_delivered_with_a_page_and_a_message_whose_files_are_there(
    label: Label,
) -> None:
    service = label.service
    package = await service.package(await service.produce(service.keep_brief().id))
    label.release_id = package.release_id

    assert actions(await label.publish()) == dict.fromkeys(ALL, "PUBLISHED")

    assert verify_package(label.catalogue / package.release_id) == []
    assert verify_package(label.bucket / package.release_id) == []
    page = (label.catalogue / "pages" / f"{package.release_id}.html").read_text()
    assert "<h1>Neon in the Rain" in page
    assert 'type="audio/flac"' in page
    message = next(path for path in label.server.files() if path.endswith(f"{package.release_id}.xml"))
    folder = label.server.incoming / Path(message).parent
    named = {path.name for path in (folder / "resources").iterdir()}
    assert any(name.endswith(".flac") for name in named)
    assert all(f"{name}<" in (label.server.incoming / message).read_text() for name in named)


async def test_the_first_target_is_where_the_release_is_for_those_who_ask_for_one_place(label: Label) -> None:
    request = pb.PublishReleaseRequest(request_id="r-1", release_id=label.release_id)
    updates = [update async for update in label.service.stub.PublishRelease(request)]
    publication = updates[-1].publication
    assert (publication.target, publication.location) == ("folder", str(label.catalogue / label.release_id))
    steps = {update.progress.step.partition(":")[0] for update in updates[1:-1]}
    assert steps <= {*ALL, "starting"}


async def test_a_target_that_fails_stops_no_other_and_a_repeat_goes_on_with_it(label: Label) -> None:
    label.server.fail(deny={"write"})
    error = await refused(label.publish())
    assert (error.remote_code, error.remote_reason) == (
        grpc.StatusCode.UNAVAILABLE,
        "ERROR_REASON_TARGET_UNAVAILABLE",
    )
    assert error.metadata["target"] == "sftp"
    assert error.retryable
    assert label.places() == {"folder", "s3"}
    assert label.books().keys() == {"folder", "s3"}
    label.server.fail()

    assert actions(await label.publish()) == {"folder": "FOUND", "s3": "FOUND", "sftp": "PUBLISHED"}
    assert label.books().keys() == set(ALL)


async def test_several_failures_are_all_named(label: Label) -> None:
    label.server.fail(deny={"write"})
    (label.bucket / label.release_id).write_text("a file where the folder should be")
    error = await refused(label.publish("s3", "sftp"))
    assert error.remote_reason == "ERROR_REASON_TARGET_UNAVAILABLE"
    assert error.metadata["target"] == "s3, sftp"
    assert label.books() == {}


async def test_only_the_targets_that_are_asked_for_are_touched(label: Label) -> None:
    assert actions(await label.publish("s3")) == {"s3": "PUBLISHED"}
    assert label.places() == {"s3"}
    error = await refused(label.publish("s3", "moon"))
    assert error.metadata == {"fields": "targets"}


async def test_a_package_that_was_changed_in_the_store_goes_nowhere(label: Label) -> None:
    label.service.artifact(f"releases/{label.release_id}/{packages.AUDIO}").write_bytes(b"other")
    error = await refused(label.publish("folder"))
    assert error.remote_code is grpc.StatusCode.DATA_LOSS
    assert label.places() == set()
    assert label.books() == {}


async def test_a_dry_run_changes_nothing_and_says_what_would_be_done(label: Label) -> None:
    label.server.fail(deny={"list"})
    planned = await label.publish(dry_run=True)
    assert actions(planned) == {"folder": "WOULD_PUBLISH", "s3": "WOULD_PUBLISH", "sftp": "ABSENT"}
    assert planned["folder"].detail == "8 files, 3.0 MB"
    assert "permission denied" in planned["sftp"].detail
    assert label.places() == set()
    assert label.books() == {}
    assert label.service.artist_db.admitted == []
    assert label.service.leftovers() == []
    await label.publish("folder")
    assert actions(await label.publish("folder", dry_run=True)) == {"folder": "FOUND"}


async def test_the_cap_stops_a_release_before_any_target_is_touched(
    artist_db: FakeArtistDb, server: FakeSftp, tmp_path: Path
) -> None:
    async with Label.open(artist_db, server, tmp_path, releases_per_week=1) as label:
        artist_db.admitted.append("another")
        error = await refused(label.publish())
        assert (error.remote_code, error.remote_reason) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "ERROR_REASON_RELEASE_CAP",
        )
        assert error.metadata["again_at"] == "2026-03-08T09:00:00Z"
        assert not error.retryable
        assert label.places() == set()
        planned = await label.publish(dry_run=True)
        assert actions(planned) == dict.fromkeys(ALL, "ABSENT")
        assert "2026-03-08T09:00:00Z" in planned["folder"].detail
        artist_db.admitted.clear()
        assert actions(await label.publish()) == dict.fromkeys(ALL, "PUBLISHED")
        artist_db.admitted[:] = ["another"]
        # What stands is out already: finding or mending it needs no leave.
        assert actions(await label.publish()) == dict.fromkeys(ALL, "FOUND")


async def test_a_take_down_ends_every_publication_and_publishing_again_begins_new_ones(label: Label) -> None:
    await label.publish()

    gone = await label.take_down()

    assert actions(gone) == dict.fromkeys(ALL, "TAKEN_DOWN")
    assert label.places() == set()
    assert {p.take_down_reason for p in label.books().values()} == {"a sample"}
    assert label.release_id not in (label.catalogue / "index.html").read_text()
    assert actions(await label.take_down(request_id="r-again")) == dict.fromkeys(ALL, "ABSENT")
    assert label.service.artist_db.calls.count("RecordTakeDown") == 3
    found = await label.service.verify(label.release_id)
    assert "/artifacts/releases/" in found.location

    # The very call of before: it says anew that the release is to be out.
    assert actions(await label.publish(request_id="r-1")) == dict.fromkeys(ALL, "PUBLISHED")
    assert not any(p.HasField("taken_down_at") for p in label.books().values())
    assert actions(await label.take_down()) == dict.fromkeys(ALL, "TAKEN_DOWN")
    assert all(p.HasField("taken_down_at") for p in label.books().values())


async def test_a_take_down_of_one_target_leaves_the_others(label: Label) -> None:
    await label.publish()
    assert actions(await label.take_down("s3")) == {"s3": "TAKEN_DOWN"}
    assert label.places() == {"folder", "sftp"}
    assert [t for t, p in label.books().items() if p.HasField("taken_down_at")] == ["s3"]


async def test_what_was_never_recorded_is_taken_down_too(label: Label) -> None:
    label.service.artist_db.fail_next["RecordPublication"] = grpc.StatusCode.INTERNAL
    await refused(label.publish("folder"))
    assert label.places() == {"folder"}
    assert actions(await label.take_down())["folder"] == "TAKEN_DOWN"
    assert label.places() == set()


async def test_a_target_that_the_label_lacks_now_is_not_forgotten(
    artist_db: FakeArtistDb, server: FakeSftp, tmp_path: Path
) -> None:
    async with Label.open(artist_db, server, tmp_path) as label:
        await label.publish()
    async with Label.open(artist_db, server, tmp_path, release_targets=("folder",)) as label:
        error = await refused(label.take_down())
        assert error.metadata["target"] == "s3, sftp"
        assert "AIARTIST_RELEASE_TARGETS" in error.message
        assert label.places() == {"s3", "sftp"}


async def test_a_take_down_needs_a_reason(label: Label) -> None:
    request = pb.TakeDownReleaseRequest(request_id="r-1", release_id=label.release_id)
    error = await refused(label.service.stub.TakeDownRelease(request))
    assert error.metadata == {"fields": "reason"}


async def test_calls_at_once_publish_once(label: Label) -> None:
    results = await asyncio.gather(
        label.publish(request_id="r-1"),
        label.publish(request_id="r-2"),
        label.publish("s3", request_id="r-3"),
        label.publish(dry_run=True),
    )
    published = [actions(result).get("s3") for result in results[:3]]
    # Equal calls share their work; the others wait for it.
    assert published.count("FOUND") in (1, 2)
    assert label.places() == set(ALL)
    assert label.service.artist_db.calls.count("RecordPublication") == 3


async def published(label: Label, request_id: str) -> None:
    """As the scheduler does it: a target that can't be reached for a moment is tried again."""
    for _ in range(3):
        try:
            await label.publish(request_id=request_id)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
        else:
            return
    raise AssertionError("it never gets there")


async def test_two_replicas_at_once_publish_one_whole_release(
    artist_db: FakeArtistDb, server: FakeSftp, tmp_path: Path
) -> None:
    catalogue = tmp_path / "catalogue"
    shared: dict[str, Any] = {"release_catalog_dir": catalogue, "release_targets": ("folder", "s3")}
    shared["artifact_url"] = (tmp_path / "data" / "artifacts").as_uri()
    async with (
        Label.open(artist_db, server, tmp_path, **shared) as one,
        ReleaseService.running(
            artist_db, tmp_path / "other", release_s3_url=(tmp_path / "bucket").as_uri(), **shared
        ) as other,
    ):
        two = Label(other, server, one.release_id, one.bucket)
        for number in range(3):
            await asyncio.gather(published(one, f"a{number}"), published(two, f"b{number}"))
            assert (catalogue / one.release_id / MANIFEST).exists()
            assert actions(await one.publish()) == {"folder": "FOUND", "s3": "FOUND"}
            await one.take_down(request_id=f"d{number}")
        assert [path.name for path in catalogue.iterdir() if path.name.startswith(".")] == []
