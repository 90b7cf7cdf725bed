"""Every list of the service: how to ask for it, and how to fill it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1 import experiment_pb2, performance_pb2, trend_pb2
from aiartist.artist_db.v1.life_pb2 import ListChangesRequest, ListMovesRequest, ListRunOutcomesRequest
from tests.integration.artist_db import seeds
from tests.integration.artist_db.seeds import Connection

Seed = Callable[[Any, range], Awaitable[None]]


@dataclass(frozen=True)
class Listing:
    """A list of the service: how to ask for it and how to fill it."""

    method: str
    request: Any
    items: str
    key: Callable[[Any], Any]
    needs: tuple[tuple[Seed, range], ...]
    seed: Seed
    extra: int = 0
    """Rows that are there beside those of `seed`."""
    most: int = 500
    """Rows of a page, at most."""
    usual: int = 50
    """Rows of a page where no size is given."""

    async def fill(self, connection: Connection, count: int) -> None:
        """Rows 0 to `count` - 1, and what they refer to."""
        for need, numbers in self.needs:
            await need(connection, numbers)
        await self.seed(connection, range(count))


ONE, FIFTY = range(1), range(50)
LISTINGS = (
    Listing("ListArtists", pb.ListArtistsRequest(), "artists", lambda a: a.persona.name, (), seeds.artists),
    Listing(
        "ListPersonaVersions",
        pb.ListPersonaVersionsRequest(artist_id=seeds.ARTIST),
        "versions",
        lambda v: v.version,
        ((seeds.artists, ONE),),
        seeds.versions,
        extra=1,
    ),
    Listing(
        "ListBriefs",
        pb.ListBriefsRequest(),
        "briefs",
        lambda b: b.id,
        ((seeds.artists, FIFTY),),
        seeds.briefs,
    ),
    Listing(
        "ListTakes",
        pb.ListTakesRequest(),
        "takes",
        lambda t: t.id,
        ((seeds.artists, FIFTY), (seeds.briefs, ONE)),
        seeds.takes,
    ),
    Listing(
        "ListReleases",
        pb.ListReleasesRequest(),
        "releases",
        lambda r: r.id,
        ((seeds.artists, FIFTY), (seeds.briefs, ONE), (seeds.takes, ONE)),
        seeds.releases,
    ),
    Listing(
        "ListFingerprints",
        pb.ListFingerprintsRequest(),
        "fingerprints",
        lambda f: f.take_id,
        ((seeds.artists, FIFTY), (seeds.briefs, ONE)),
        seeds.takes,
        most=200,
        usual=100,
    ),
    Listing(
        "ListRunOutcomes",
        ListRunOutcomesRequest(),
        "outcomes",
        lambda o: o.run_id,
        ((seeds.artists, FIFTY),),
        seeds.run_outcomes,
    ),
    Listing(
        "ListChanges",
        ListChangesRequest(),
        "changes",
        lambda c: c.id,
        ((seeds.artists, FIFTY),),
        seeds.persona_changes,
    ),
    Listing(
        "ListPerformance",
        performance_pb2.ListPerformanceRequest(release_id=seeds.RELEASE),
        "performance",
        lambda p: (p.day, p.platform),
        ((seeds.artists, FIFTY), (seeds.briefs, ONE), (seeds.takes, ONE), (seeds.releases, ONE)),
        seeds.performance,
    ),
    Listing(
        "ListReleaseScores",
        performance_pb2.ListReleaseScoresRequest(),
        "scores",
        lambda s: s.release_id,
        ((seeds.artists, FIFTY), (seeds.briefs, ONE), (seeds.takes, ONE)),
        seeds.releases,
    ),
    Listing(
        "ListTrendSources",
        trend_pb2.ListTrendSourcesRequest(),
        "sources",
        lambda s: (s.source, s.genre),
        (),
        seeds.trend_charts,
    ),
    Listing(
        "ListTrendSnapshots",
        trend_pb2.ListTrendSnapshotsRequest(),
        "snapshots",
        lambda s: s.id,
        (),
        seeds.trend_snapshots,
        most=100,
        usual=20,
    ),
    Listing(
        "ListExperiments",
        experiment_pb2.ListExperimentsRequest(),
        "experiments",
        lambda e: e.id,
        (),
        seeds.experiments,
    ),
    Listing("ListMoves", ListMovesRequest(), "moves", lambda m: m.id, ((seeds.artists, FIFTY),), seeds.moves),
    Listing(
        "ListModelCalls", pb.ListModelCallsRequest(), "calls", lambda c: c.call_id, (), seeds.model_calls
    ),
    Listing(
        "ListErrorGroups",
        pb.ListErrorGroupsRequest(),
        "groups",
        lambda g: g.fingerprint,
        (),
        seeds.error_groups,
    ),
)
"""Every list of the service."""
