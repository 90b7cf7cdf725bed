"""`aiartist trends ...`: charts from outside."""

import time
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2
from aiartist.artist_db.v1 import trend_pb2 as pb
from cli import finding
from cli.output import Output, as_dict, cell, listing
from cli.session import Session, execute, new_request_id
from cli.texts import ABSENT, duration, plain, seconds_of, short_moment

app = typer.Typer(no_args_is_help=True, help="Charts that artists may follow.")

MOST = 10_000
_SNAPSHOTS_A_PAGE = 25
"""Charts are large; more of them might not fit a message."""
_KEPT_S = 30 * 86_400
"""For how long artist_db keeps a chart after it was last seen."""
_FOLLOWING = (artist_state_pb2.ARTIST_STATE_ACTIVE, artist_state_pb2.ARTIST_STATE_EVOLVING)
_NOBODY = (
    "no artist follows charts, so none is fetched; one does with `trend_alignment: 0.3` (up to 1) "
    "in its file, then: aiartist artist add FILE --update"
)
_WHEN = "within a minute, unless AIARTIST_TRENDS_SOURCES is `off`"
_NONE_YET = f"no chart is known yet: they are fetched {_WHEN}"
_LATE_S = 120
"""So long after a chart was due, it is said that nobody fetches."""
_LATE = f"charts are due that nobody fetches: a running orchestrator does {_WHEN}"

OfSource = Annotated[str, typer.Option("--source", help="Only of this source, for example deezer.")]


@app.command("status", epilog="Example: aiartist trends status --json")
def status(ctx: typer.Context) -> None:
    """Show how each chart is, when it is asked for next, and which artists follow charts."""
    execute(ctx, _status)


async def _status(session: Session) -> None:
    output = session.output
    sources = await _sources(session)
    followers = await _followers(session)
    if output.json:
        told: dict[str, Any] = as_dict(sources)
        told["followers"] = [
            {"id": artist.id, "name": artist.persona.name, "trend_alignment": artist.persona.trend_alignment}
            for artist in followers
        ]
        output.document(told)
        return
    if sources.sources:
        output.show(_source_table(sources, now=time.time()))
    for chart in sources.sources:
        if chart.error:
            tries = f"{chart.failures:,} tries in a row" if chart.failures > 1 else "the last try"
            output.say(f"{_chart_name(chart)}: {tries} failed: {plain(chart.error)}")
    late = time.time() - _LATE_S
    if any(chart.HasField("due_at") and seconds_of(chart.due_at) < late for chart in sources.sources):
        output.say(_LATE)
    if not followers:
        output.say(_NOBODY)
        return
    names = (f"{plain(one.persona.name)} ({one.persona.trend_alignment:g})" for one in followers)
    output.say(f"followed by {', '.join(names)}")
    if not sources.sources:
        output.say(_NONE_YET)


@app.command("show", epilog="Example: aiartist trends show --genre synthwave --limit 10")
def show(
    ctx: typer.Context,
    country: Annotated[str, typer.Option(help="Only of this country, for example us.")] = "",
    genre: Annotated[str, typer.Option(help="Only of this genre and of all genres.")] = "",
    source: OfSource = "",
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many places of each chart.")] = 10,
) -> None:
    """Show the newest of each chart."""
    execute(ctx, lambda session: _show(session, country.lower(), genre, source, limit))


async def _show(session: Session, country: str, genre: str, source: str, limit: int) -> None:
    service, output = session.artist_db, session.output

    async def fetch(size: int, token: str) -> pb.ListTrendSnapshotsResponse:
        request = pb.ListTrendSnapshotsRequest(
            source=source,
            country=country,
            genre=genre,
            fresh_s=_KEPT_S,
            page_size=min(size, _SNAPSHOTS_A_PAGE),
            page_token=token,
        )
        return await service.answer(service.stub.ListTrendSnapshots(request, timeout=session.timeout))

    found = await finding.pages(fetch, "snapshots", limit=MOST)
    for snapshot in found.snapshots:
        del snapshot.items[limit:]
    if output.json:
        output.document(found)
    elif not found.snapshots:
        output.say("no charts; see why: aiartist trends status")
    else:
        for number, snapshot in enumerate(found.snapshots):
            _show_chart(output, snapshot, first=number == 0)


@app.command("refresh", epilog="Example: aiartist trends refresh --source deezer")
def refresh(ctx: typer.Context, source: OfSource = "") -> None:
    """Have the charts that artists follow fetched now."""

    async def work(session: Session) -> None:
        service, output = session.artist_db, session.output
        request = pb.RequestTrendFetchRequest(request_id=new_request_id(), source=source)
        answer = await service.answer(service.stub.RequestTrendFetch(request, timeout=session.timeout))
        if output.json:
            output.document(answer)
        elif answer.due:
            charts = "chart is" if answer.due == 1 else "charts are"
            output.say(f"{answer.due:,} {charts} fetched {_WHEN}; see: aiartist trends status")
        else:
            output.say("no chart to fetch; see why: aiartist trends status")

    execute(ctx, work)


async def _sources(session: Session) -> pb.ListTrendSourcesResponse:
    service = session.artist_db

    async def fetch(size: int, token: str) -> pb.ListTrendSourcesResponse:
        request = pb.ListTrendSourcesRequest(page_size=size, page_token=token)
        return await service.answer(service.stub.ListTrendSources(request, timeout=session.timeout))

    return await finding.pages(fetch, "sources", limit=MOST)


async def _followers(session: Session) -> list[db.Artist]:
    """The artists whose songs follow charts, those that follow them most first."""
    service = session.artist_db

    async def fetch(size: int, token: str) -> db.ListArtistsResponse:
        request = db.ListArtistsRequest(states=_FOLLOWING, page_size=size, page_token=token)
        return await service.answer(service.stub.ListArtists(request, timeout=session.timeout))

    found = await finding.pages(fetch, "artists", limit=MOST)
    following = [artist for artist in found.artists if artist.persona.trend_alignment > 0]
    return sorted(following, key=lambda artist: (-artist.persona.trend_alignment, artist.persona.name))


def _source_table(found: pb.ListTrendSourcesResponse, *, now: float) -> Table:
    table = listing("source", "country", "genre", "items", "last chart", "state", "next", right=("items",))
    for chart in found.sources:
        table.add_row(
            cell(chart.source, 16),
            cell(chart.country or ABSENT, 7),
            cell(chart.genre or "all", 14),
            f"{chart.items:,}" if chart.items else ABSENT,
            short_moment(chart.ok_at),
            _state(chart),
            _next(chart, now),
        )
    return table


def _state(chart: pb.TrendSource) -> Text:
    if chart.error:
        return Text("down", style="red")
    return Text("ok", style="green") if chart.HasField("ok_at") else Text("not asked yet", style="dim")


def _next(chart: pb.TrendSource, now: float) -> str:
    if not chart.HasField("due_at"):
        return "not wanted now"
    left_s = seconds_of(chart.due_at) - now
    return f"in {duration(max(left_s, 1))}" if left_s > 0 else "now"


def _chart_name(chart: pb.TrendSource | pb.TrendSnapshot) -> str:
    """For example `deezer, synthwave` or `apple_music us, all genres`."""
    place = f"{chart.source} {chart.country}".strip()
    return plain(f"{place}, {chart.genre or 'all genres'}")


def _show_chart(output: Output, snapshot: pb.TrendSnapshot, *, first: bool) -> None:
    if not first:
        output.say("")
    output.say(
        f"{_chart_name(snapshot)}: since {short_moment(snapshot.fetched_at)}, "
        f"seen {short_moment(snapshot.seen_at)}"
    )
    table = listing("rank", "title", "artist", "genre", right=("rank",))
    for item in snapshot.items:
        table.add_row(f"{item.rank}", cell(item.title, 44), cell(item.artist_name, 26), cell(item.genre, 16))
    output.show(table)
