"""Charts: fetched in the background, kept in artist_db, shown to songwriters."""

import asyncio
import random
from collections.abc import Iterable, Sequence

import grpc

from aiartist.artist_db.v1 import artist_db_pb2, artist_state_pb2
from aiartist.artist_db.v1 import trend_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1.persona_pb2 import Persona
from services.chassis.clients import deadline_s
from services.chassis.errors import remote_error
from services.chassis.genres import genre_name
from services.chassis.ids import new_id
from services.chassis.logs import get_logger
from services.chassis.outage import Outage
from services.orchestrator import metrics
from services.orchestrator.trends.backoff import Backoff
from services.orchestrator.trends.digest import NOTHING, Digest, alignment_of, digest_of
from services.orchestrator.trends.source import Chart, Outcome, RateLimited, Source, SourceError
from services.orchestrator.trends.sources import TrendSettings, sources_of
from services.orchestrator.trends.web import Web

LOOK_EVERY_S = 30.0
"""How often it is looked whether a chart is due."""
CALL_TIMEOUT_S = 5.0
DIGEST_TIMEOUT_S = 3.0
MOST_WANTED = 500
MOST_CHARTS = 200
"""Charts that a digest is made from."""
_PAGE = 50
_ARTISTS = 500
_FOLLOWING = (artist_state_pb2.ARTIST_STATE_ACTIVE, artist_state_pb2.ARTIST_STATE_EVOLVING)
_MAX_ERROR = 500

_log = get_logger("trends")


class Trends:
    """What listeners play now."""

    def __init__(self, channel: grpc.aio.Channel, settings: TrendSettings) -> None:
        self._stub = ArtistDbServiceStub(channel)
        self._holder = new_id("orc")
        self._web = Web(settings.trends_timeout_s)
        self._sources = {source.name: source for source in sources_of(settings, self._web)}
        self._countries = tuple(settings.trends_countries)
        self._fresh_s = settings.trends_fresh_s
        # One fetch and what follows it; who takes longer is taken for dead.
        self._lease_ms = round((settings.trends_timeout_s + 2 * CALL_TIMEOUT_S) * 1_000)
        self._backoff = Backoff(settings.trends_every_s)
        self._digests_away = Outage(_log, "artist_db, asked for charts,")
        metrics.initialise_trends(self._sources)

    async def digest(self, persona: Persona) -> Digest:
        """What a song of this artist is to know of charts; NOTHING where it follows none or there are none.

        Never raises because of charts, and takes 3 s at most: a song is worth more than what it follows.
        """
        alignment = alignment_of(persona.trend_alignment)
        if not alignment or not self._sources:
            return NOTHING
        genre = genre_name(persona.genre)
        try:
            async with asyncio.timeout(DIGEST_TIMEOUT_S):
                snapshots = await self._fresh(genre)
        except (TimeoutError, grpc.aio.AioRpcError) as error:
            self._digests_away.noticed(error)
            return NOTHING
        self._digests_away.over()
        return digest_of(snapshots, genre=genre, countries=self._countries, alignment=alignment)

    async def run(self) -> None:
        """Fetches the charts that artists follow whenever one is due, until cancelled."""
        away = Outage(_log, "artist_db")
        while True:
            try:
                await self.look()
            except grpc.aio.AioRpcError as error:
                away.noticed(error)
            except Exception:  # noqa: BLE001
                # Songs do without charts, and so does the rest of the service.
                _log.exception("looking for charts failed")
            else:
                away.over()
            await asyncio.sleep(LOOK_EVERY_S * random.uniform(0.8, 1.2))

    async def look(self) -> int:
        """Fetches every chart that is due now; how many. AioRpcError where artist_db does not answer."""
        wanted = await self._wanted()
        fetched = 0
        while wanted:
            request = pb.ClaimTrendFetchRequest(wanted=wanted, holder=self._holder, lease_ms=self._lease_ms)
            answer = await self._stub.ClaimTrendFetch(request, timeout=CALL_TIMEOUT_S)
            if not answer.HasField("claimed"):
                break
            await self._fetch(answer.claimed)
            fetched += 1
        return fetched

    async def close(self) -> None:
        """Closes the connections."""
        await self._web.close()

    async def _fresh(self, genre: str) -> Sequence[pb.TrendSnapshot]:
        """The newest of each chart of the genre and of all, where it is fresh."""
        found: list[pb.TrendSnapshot] = []
        token = ""
        while len(found) < MOST_CHARTS:
            request = pb.ListTrendSnapshotsRequest(
                genre=genre, fresh_s=self._fresh_s, page_size=_PAGE, page_token=token
            )
            page = await self._stub.ListTrendSnapshots(request, timeout=deadline_s(DIGEST_TIMEOUT_S))
            found += page.snapshots
            token = page.next_page_token
            if not token:
                break
        # Without a genre the list is of all genres; this artist's are then those of none.
        return [one for one in found if one.genre in ("", genre) and one.source in self._sources]

    async def _wanted(self) -> list[pb.TrendSource]:
        """The charts that the label's artists follow; none where no artist follows any."""
        genres = await self._genres() if self._sources else set()
        charts: set[Chart] = set()
        for source in self._sources.values():
            for genre in sorted(genres):
                charts.update(await source.charts(self._countries, genre))
        return [
            pb.TrendSource(source=chart.source, country=chart.country, genre=chart.genre)
            for chart in sorted(charts)[:MOST_WANTED]
        ]

    async def _genres(self) -> set[str]:
        """The genres of artists that follow charts."""
        genres: set[str] = set()
        token = ""
        while True:
            request = artist_db_pb2.ListArtistsRequest(
                states=_FOLLOWING, page_size=_ARTISTS, page_token=token
            )
            page = await self._stub.ListArtists(request, timeout=CALL_TIMEOUT_S)
            genres.update(_followed(page.artists))
            token = page.next_page_token
            if not token:
                return genres

    async def _fetch(self, claimed: pb.TrendSource) -> None:
        """Fetches one chart and tells artist_db what came of it."""
        source = self._sources[claimed.source]
        chart = Chart(claimed.source, claimed.country, claimed.genre)
        items, outcome, error, retry_after_s = await self._outcome(source, chart)
        metrics.TREND_FETCHES.labels(source.name, outcome).inc()
        again_s = self._backoff.again_s(source.every_s, claimed.failures, outcome, retry_after_s)
        request = pb.FinishTrendFetchRequest(
            holder=self._holder,
            snapshot=pb.TrendSnapshot(
                source=chart.source, country=chart.country, genre=chart.genre, items=items
            ),
            error=error[:_MAX_ERROR],
            again_s=again_s,
        )
        try:
            await self._stub.FinishTrendFetch(request, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as failure:
            remote = remote_error(failure)
            if remote.remote_reason != "ERROR_REASON_WRONG_STATE":
                raise
            # Kept already by a call whose answer was lost, or by who has the chart now.
            _log.debug("a chart was somebody else's meanwhile", chart=str(chart), detail=remote.message)

    async def _outcome(
        self, source: Source, chart: Chart
    ) -> tuple[list[pb.TrendItem], Outcome, str, float | None]:
        """Items, or why there are none, and for how long the source is to be left alone."""
        told = {"source": chart.source, "country": chart.country, "genre": chart.genre}
        paused = self._backoff.paused(source.name)
        try:
            if paused is not None:
                raise paused
            items = await source.fetch(chart.country, chart.genre)
        except RateLimited as limited:
            wait_s = self._backoff.pause(source.name, limited)
            _log.info("a source of charts wants to be asked later", **told, detail=str(limited))
            return [], limited.outcome, str(limited), wait_s
        except SourceError as error:
            _log.info("a chart could not be had", **told, outcome=error.outcome, detail=str(error))
            return [], error.outcome, str(error), None
        except Exception:  # noqa: BLE001
            # A fault of this code in reading one chart is no reason to end all the others.
            _log.exception("a chart could not be read", **told)
            return [], "broken", "a fault of this program; its log says more", None
        _log.debug("a chart was fetched", **told, items=len(items))
        return items, "ok", "", None


def _followed(artists: Iterable[artist_db_pb2.Artist]) -> set[str]:
    return {
        genre_name(artist.persona.genre)
        for artist in artists
        if alignment_of(artist.persona.trend_alignment) > 0
    }
