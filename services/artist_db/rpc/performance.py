"""What platforms counted, and scores."""

from datetime import date

from aiartist.artist_db.v1 import performance_pb2 as pb
from services.artist_db.domain import performance as domain
from services.artist_db.domain.checks import Checks
from services.artist_db.rpc.room import Context, Room, text_key, time_and_text
from services.artist_db.store import performance as store
from services.artist_db.store import scores, songs
from services.chassis.database import Connection
from services.chassis.errors import NotFound, PageTokenError
from services.chassis.paging import Page, page_request


class PerformanceRpcs(Room):
    """RecordPerformance, ListPerformance, ListReleaseScores."""

    async def RecordPerformance(
        self, request: pb.RecordPerformanceRequest, context: Context
    ) -> pb.RecordPerformanceResponse:
        async with self._db.acquire() as connection:
            today = await store.today(connection)
        checks = Checks()
        numbers = domain.read(checks, request, today)
        checks.finish()

        async def record(connection: Connection) -> pb.RecordPerformanceResponse:
            found = await store.releases_of(connection, {number.name for number in numbers})
            reasons = {n.place: domain.why_unmatched(n.name, found.get(n.name)) for n in numbers}
            matched = [number for number in numbers if not reasons[number.place]]
            releases = {number.place: found[number.name].release_id for number in matched}
            twins = Checks()
            domain.refuse_twins(twins, matched, releases)
            twins.finish()
            effect = await store.record(connection, matched, releases, request.source)
            return pb.RecordPerformanceResponse(
                added=effect.added,
                changed=effect.changed,
                unchanged=effect.unchanged,
                unmatched=[pb.Unmatched(index=place, reason=why) for place, why in reasons.items() if why],
            )

        return await self._change(request, pb.RecordPerformanceResponse, record)

    async def ListPerformance(
        self, request: pb.ListPerformanceRequest, context: Context
    ) -> pb.ListPerformanceResponse:
        checks = Checks()
        checks.id("release_id", request.release_id)
        checks.finish()
        page = page_request(request, filters=("performance", request.release_id), keys=3)
        async with self._db.acquire() as connection:
            if await songs.release(connection, request.release_id) is None:
                raise NotFound("release", request.release_id)
            found = await store.page(connection, request.release_id, after=_after(page), limit=page.size + 1)
        rows, token = page.cut(found, key=lambda row: (str(row["day"]), row["platform"], row["metric"]))
        return pb.ListPerformanceResponse(performance=map(_performance_of, rows), next_page_token=token)

    async def ListReleaseScores(
        self, request: pb.ListReleaseScoresRequest, context: Context
    ) -> pb.ListReleaseScoresResponse:
        checks = Checks()
        checks.filter("artist_id", request.artist_id)
        checks.finish()
        page = page_request(request, filters=("scores", request.artist_id))
        async with self._db.acquire() as connection:
            scale = await scores.scale(connection)
            found = await scores.page(
                connection, artist_id=request.artist_id, after=time_and_text(page), limit=page.size + 1
            )
        rows, token = page.cut(found, key=lambda row: (row["created_at"].isoformat(), row["id"]))
        return pb.ListReleaseScoresResponse(
            scores=[_score_of(row, scale) for row in rows], next_page_token=token
        )


def _after(page: Page) -> store.Keys | None:
    if page.after is None:
        return None
    day, platform, metric = page.after
    try:
        return date.fromisoformat(day), text_key(platform), text_key(metric)
    except ValueError as error:
        raise PageTokenError from error


def _performance_of(row: store.Row) -> pb.Performance:
    performance = pb.Performance(
        release_id=row["release_id"],
        platform=row["platform"],
        metric=domain.metric_of(row["metric"]),
        day=str(row["day"]),
        value=row["value"],
        source=row["source"],
    )
    performance.recorded_at.FromDatetime(row["recorded_at"])
    return performance


def _score_of(row: store.Row, scale: scores.Scale) -> pb.ReleaseScore:
    score = scale.score(row)
    told = pb.ReleaseScore(
        release_id=row["id"],
        artist_id=row["artist_id"],
        run_id=row["run_id"],
        title=row["title"],
        score=score.score,
        sureness=score.sureness,
        plays=score.plays,
        last_day=str(score.last_day) if score.last_day else "",
    )
    told.released_at.FromDatetime(row["created_at"])
    return told
