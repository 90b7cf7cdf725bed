"""A label with releases, and numbers of platforms about them."""

from typing import Any

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import performance_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from tests.integration.artist_db.samples import artist, brief, release, take

STREAMS, VIEWS, EARNINGS = pb.METRIC_STREAMS, pb.METRIC_VIEWS, pb.METRIC_EARNINGS


def entry(release_id: str = "", **changes: Any) -> pb.PerformanceEntry:
    """Ten streams on Spotify on 1 March 2026."""
    fields: dict[str, Any] = {"platform": "spotify", "metric": STREAMS, "day": "2026-03-01", "value": 10}
    if release_id:
        fields["release_id"] = release_id
    return pb.PerformanceEntry(**{**fields, **changes})


async def released(stub: ArtistDbServiceStub, name: str, artist_id: str = "", **fields: Any) -> str:
    """A release called `Neon Rain NAME` unless another title is given, by an artist of its own; the id."""
    artist_id = artist_id or (await artist(stub, f"Artist {name}")).id
    song = brief(artist_id, name)
    song.brief.title = f"Song of brief {name}"
    await stub.SaveBrief(db.SaveBriefRequest(brief=song))
    audio = (await stub.SaveTake(db.SaveTakeRequest(take=take(song.id, name)))).take
    made = release(artist_id, audio.id, name, **fields)
    return (await stub.SaveRelease(db.SaveReleaseRequest(release=made))).release.id


async def record(
    stub: ArtistDbServiceStub, *entries: pb.PerformanceEntry, request_id: str = "", source: str = "test"
) -> pb.RecordPerformanceResponse:
    request = pb.RecordPerformanceRequest(request_id=request_id, entries=entries, source=source)
    return await stub.RecordPerformance(request)


def counts(response: pb.RecordPerformanceResponse) -> tuple[int, int, int]:
    """How many were added, changed, unchanged."""
    return response.added, response.changed, response.unchanged


async def kept(stub: ArtistDbServiceStub, release_id: str) -> list[tuple[str, str, int]]:
    """Day, platform and value of a release's numbers, newest first."""
    found = await stub.ListPerformance(pb.ListPerformanceRequest(release_id=release_id))
    return [(number.day, number.platform, number.value) for number in found.performance]
