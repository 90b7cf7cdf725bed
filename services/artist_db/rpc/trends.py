"""Charts: who fetches which, how each is, and what it held."""

from aiartist.artist_db.v1 import trend_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.trends import (
    MAX_ERROR,
    MAX_FRESH_S,
    MOST_WANTED,
    Chart,
    check_chart,
    check_filters,
    check_items,
)
from services.artist_db.rpc.room import Context, Room, text_key, time_and_text
from services.artist_db.store import trends as store
from services.chassis.database import Connection
from services.chassis.errors import WrongState
from services.chassis.paging import page_request

MOST_SNAPSHOTS = 100
USUAL_SNAPSHOTS = 20


class TrendRpcs(Room):
    """ClaimTrendFetch to ListTrendSnapshots."""

    async def ClaimTrendFetch(
        self, request: pb.ClaimTrendFetchRequest, context: Context
    ) -> pb.ClaimTrendFetchResponse:
        wanted = sorted({Chart.of(told) for told in request.wanted})
        checks = Checks()
        checks.count("wanted", request.wanted, least=1, most=MOST_WANTED)
        for index, told in enumerate(request.wanted[:MOST_WANTED]):
            check_chart(checks, f"wanted[{index}]", Chart.of(told))
        checks.id("holder", request.holder)
        checks.number("lease_ms", request.lease_ms, least=1_000, most=600_000)
        checks.finish()
        async with self._db.transaction() as connection:
            await store.want(connection, wanted)
            claimed = await store.claim(connection, wanted, holder=request.holder, lease_ms=request.lease_ms)
            if claimed is None:
                return pb.ClaimTrendFetchResponse()
            return pb.ClaimTrendFetchResponse(claimed=_source_of(await store.source(connection, claimed)))

    async def FinishTrendFetch(
        self, request: pb.FinishTrendFetchRequest, context: Context
    ) -> pb.FinishTrendFetchResponse:
        chart = Chart.of(request.snapshot)
        checks = Checks()
        checks.id("holder", request.holder)
        if checks.present("snapshot", request.HasField("snapshot")):
            check_chart(checks, "snapshot", chart)
            if not request.error:
                check_items(checks, "snapshot.items", request.snapshot.items)
            elif request.snapshot.items:
                checks.add("snapshot.items", "must be empty where there is an error")
        checks.phrase("error", request.error, most=MAX_ERROR)
        checks.number("again_s", request.again_s, least=1, most=2_592_000)
        checks.finish()
        async with self._db.transaction() as connection:
            return await _finished(connection, request, chart)

    async def RequestTrendFetch(
        self, request: pb.RequestTrendFetchRequest, context: Context
    ) -> pb.RequestTrendFetchResponse:
        checks = Checks()
        check_filters(checks, request.source)
        checks.finish()

        async def make_due(connection: Connection) -> pb.RequestTrendFetchResponse:
            return pb.RequestTrendFetchResponse(due=await store.make_due(connection, request.source))

        return await self._change(request, pb.RequestTrendFetchResponse, make_due)

    async def ListTrendSources(
        self, request: pb.ListTrendSourcesRequest, context: Context
    ) -> pb.ListTrendSourcesResponse:
        page = page_request(request, filters=("trend sources",), keys=3)
        after = Chart(*map(text_key, page.after)) if page.after else None
        async with self._db.acquire() as connection:
            found = await store.sources(connection, after=after, limit=page.size + 1)
        rows, token = page.cut(found, key=lambda row: (row["source"], row["country"], row["genre"]))
        return pb.ListTrendSourcesResponse(sources=map(_source_of, rows), next_page_token=token)

    async def ListTrendSnapshots(
        self, request: pb.ListTrendSnapshotsRequest, context: Context
    ) -> pb.ListTrendSnapshotsResponse:
        checks = Checks()
        check_filters(checks, request.source, request.country, request.genre)
        checks.number("fresh_s", request.fresh_s, least=0, most=MAX_FRESH_S)
        checks.finish()
        filters = (request.source, request.country, request.genre, request.fresh_s)
        page = page_request(
            request, filters=("trend snapshots", *filters), most=MOST_SNAPSHOTS, usual=USUAL_SNAPSHOTS
        )
        async with self._db.acquire() as connection:
            found = await store.snapshots(
                connection,
                source=request.source,
                country=request.country,
                genre=request.genre,
                fresh_s=request.fresh_s,
                after=time_and_text(page),
                limit=page.size + 1,
            )
        rows, token = page.cut(found, key=lambda row: (row["fetched_at"].isoformat(), row["id"]))
        return pb.ListTrendSnapshotsResponse(snapshots=map(_snapshot_of, rows), next_page_token=token)


async def _finished(
    connection: Connection, request: pb.FinishTrendFetchRequest, chart: Chart
) -> pb.FinishTrendFetchResponse:
    row = await store.locked(connection, chart)
    # A lease that ran out is still this holder's until somebody else has the chart.
    if row is None or row["holder"] != request.holder:
        raise WrongState(
            "chart", str(chart), state="ENDED OR TAKEN OVER", expected=f"a lease of {request.holder}"
        )
    changed = False
    if request.error:
        await store.failed(connection, chart, request.error, again_s=request.again_s)
    else:
        changed = await store.keep(connection, chart, request.snapshot.items)
        await store.succeeded(connection, chart, again_s=request.again_s)
        await store.sweep(connection, chart)
    source = _source_of(await store.source(connection, chart))
    return pb.FinishTrendFetchResponse(source=source, changed=changed)


def _source_of(row: store.Row) -> pb.TrendSource:
    told = pb.TrendSource(
        source=row["source"],
        country=row["country"],
        genre=row["genre"],
        error=row["error"],
        failures=row["failures"],
        items=row["item_count"],
    )
    if row["ok_at"] is not None:
        told.ok_at.FromDatetime(row["ok_at"])
    if row["failed_at"] is not None:
        told.failed_at.FromDatetime(row["failed_at"])
    if row["wanted"]:
        told.due_at.FromDatetime(row["due_at"])
    return told


def _snapshot_of(row: store.Row) -> pb.TrendSnapshot:
    snapshot = pb.TrendSnapshot.FromString(row["body"])
    snapshot.id, snapshot.source = row["id"], row["source"]
    snapshot.country, snapshot.genre = row["country"], row["genre"]
    snapshot.fetched_at.FromDatetime(row["fetched_at"])
    snapshot.seen_at.FromDatetime(row["seen_at"])
    return snapshot
