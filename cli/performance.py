"""`aiartist performance ...`: what platforms counted."""

import re
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import performance_pb2 as pb
from cli import finding
from cli.failures import BAD_INPUT, FAILED, Failure, ServiceFailure
from cli.names import artist_names
from cli.output import as_dict, cell, facts, listing, note
from cli.performance_files import Choices, Export, Number, read
from cli.performance_kinds import When
from cli.performance_sending import Tally, record
from cli.performance_values import DayOrder, normal
from cli.performance_view import called, metric_name, score_table, shown_value, sure
from cli.session import Session, execute
from cli.texts import ABSENT, plain

SEARCHED = 10_000
"""Releases that are looked through for a title."""
_PLATFORM = re.compile(r"[a-z0-9_]{1,40}")

app = typer.Typer(no_args_is_help=True, help="What listeners do: numbers of platforms.")


class MetricName(StrEnum):
    """What is counted, as an option."""

    STREAMS = "streams"
    LISTENERS = "listeners"
    SAVES = "saves"
    VIEWS = "views"
    LIKES = "likes"
    SHARES = "shares"
    WATCH_SECONDS = "watch_seconds"
    EARNINGS = "earnings"
    DOWNLOADS = "downloads"


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise typer.BadParameter(f"expected a day such as 2026-03-31, was given {plain(given)!r}") from None


def _platform(given: str) -> str:
    if given and _PLATFORM.fullmatch(given) is None:
        raise typer.BadParameter(f"expected 1 to 40 of a-z, 0-9 and _, was given {plain(given)!r}")
    return given


@app.command("import", epilog="Example: aiartist performance import songs-28day.csv --day 2026-03-31")
def import_file(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The export, CSV or TSV.", show_default=False)],
    platform: Annotated[
        str, typer.Option(callback=_platform, help="Where it was counted, if not where such a file says.")
    ] = "",
    day: Annotated[
        date | None,
        typer.Option(parser=_day, metavar="DAY", help="The last day of the period that the file sums up."),
    ] = None,
    release: Annotated[str, typer.Option(help="Which release it is about: id or title.")] = "",
    dates: Annotated[DayOrder | None, typer.Option(help="How to read days such as 3/4/2026.")] = None,
    only: Annotated[
        list[MetricName] | None, typer.Option(help="Only what counts this; may stand several times.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what is in the file.")] = False,
) -> None:
    """Import an export of Spotify for Artists, DistroKid or YouTube Studio.

    What it is shows by its columns. Importing it again changes nothing. Of files that sum up a period, import
    such whose periods do not overlap. Rows of a month that is not over are left out. Exit 0: every number
    that was taken has its release, 1: some have none, 2: the file can't be used.
    """

    async def work(session: Session) -> int:
        choices = Choices(
            today=date.today(),
            platform=platform,
            day=day,
            release_id=await _release_id(session, release) if release else "",
            order=dates,
            only=frozenset(pb.Metric.Value(f"METRIC_{name.upper()}") for name in only or ()),
        )
        if day is not None and day > choices.today:
            raise Failure(f"--day {day} is still to come", exit_code=BAD_INPUT)
        export = read(file, choices)
        if dry_run:
            _describe(session, export)
            return 0
        tally = await record(session, file, export)
        return _tell(session, export, tally)

    execute(ctx, work)


def _tell(session: Session, export: Export, tally: Tally) -> int:
    code = FAILED if tally.unmatched else 0
    if session.output.json:
        session.output.document({**_document_of(export), **tally.document()})
        return code
    session.output.say(f"{export.kind.label}: {_amount_of(export)}: {tally.summary}")
    if tally.unmatched:
        table = listing("not kept", "artist", "numbers", "why", right=("numbers",))
        for (name, reason), numbers in sorted(tally.unmatched.items(), key=lambda item: -item[1]):
            table.add_row(
                cell(name.text, 34), cell(name.artist or ABSENT, 18), f"{numbers:,}", cell(reason, 40)
            )
        session.output.show(table)
    _note_too_early(export)
    for names in tally.together:
        note(f"added together, for they are of one release: {' and '.join(map(called, names))}")
    if export.kind.when is When.PERIOD:
        note("sums of a period are kept at its last day: import periods that do not overlap")
    return code


def _describe(session: Session, export: Export) -> None:
    """What is in a file, without asking anybody."""
    groups: dict[tuple[str, int], list[Number]] = {}
    for number in export.numbers:
        groups.setdefault((number.platform, number.metric), []).append(number)
    if session.output.json:
        found = [
            {
                "platform": platform,
                "metric": metric_name(metric),
                "numbers": len(of),
                "sum": sum(n.value for n in of),
            }
            for (platform, metric), of in groups.items()
        ]
        session.output.document({**_document_of(export), "found": found})
        return
    session.output.say(f"{export.kind.label}: {_amount_of(export)}; nothing was recorded")
    _note_too_early(export)
    if not groups:
        return
    table = listing(
        "platform", "metric", "numbers", "in all", "first day", "last day", right=("numbers", "in all")
    )
    for (platform, metric), of in sorted(groups.items()):
        days = [number.day for number in of]
        total = shown_value(metric, sum(number.value for number in of))
        table.add_row(platform, metric_name(metric), f"{len(of):,}", total, str(min(days)), str(max(days)))
    session.output.show(table)


def _document_of(export: Export) -> dict[str, Any]:
    return {"kind": export.kind.key, "rows": export.rows, "rows_of_unfinished_months": export.too_early}


def _note_too_early(export: Export) -> None:
    if export.too_early:
        rows = "1 row was" if export.too_early == 1 else f"{export.too_early:,} rows were"
        note(f"{rows} left out: of a month that is not over; import the export of the whole month then")


def _amount_of(export: Export) -> str:
    names = len({number.name for number in export.numbers})
    return f"{len(export.numbers):,} numbers of {names:,} {'title' if names == 1 else 'titles'}"


@app.command("list", epilog="Example: aiartist performance list --artist 'Nova Vale'")
def list_scores(
    ctx: typer.Context,
    artist: Annotated[str, typer.Option(help="Only this artist's, by name or id.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
) -> None:
    """List releases' scores, newest release first. 0.5 is what is usual in this label."""

    async def work(session: Session) -> None:
        artist_id = (await finding.artist(session, artist)).id if artist else ""
        await _show_scores(session, artist_id, limit)

    execute(ctx, work)


@app.command("show", epilog="Example: aiartist performance show 'Neon Rain'")
def show(
    ctx: typer.Context,
    subject: Annotated[
        str, typer.Argument(metavar="RELEASE|ARTIST", help="Id, title or name.", show_default=False)
    ],
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many numbers.")] = 20,
) -> None:
    """Show a release's score and newest numbers, or the scores of an artist's releases."""

    async def work(session: Session) -> None:
        artist_id = await _artist_id(session, subject)
        if artist_id:
            await _show_scores(session, artist_id, limit)
        else:
            await _show_release(session, await _release_id(session, subject), limit)

    execute(ctx, work)


async def _show_scores(session: Session, artist_id: str, limit: int) -> None:
    found = await _scores(session, artist_id, limit)
    if session.output.json:
        session.output.document(found)
    elif found.scores:
        names = await artist_names(session, [score.artist_id for score in found.scores])
        session.output.show(score_table(found.scores, names))
    else:
        session.output.say("no releases; make one: aiartist run start ARTIST --watch")


async def _show_release(session: Session, release_id: str, limit: int) -> None:
    service = session.artist_db

    async def fetch(size: int, token: str) -> pb.ListPerformanceResponse:
        request = pb.ListPerformanceRequest(release_id=release_id, page_size=size, page_token=token)
        return await service.answer(service.stub.ListPerformance(request, timeout=session.timeout))

    found = await finding.pages(fetch, "performance", limit=limit)
    asked = db.GetReleaseRequest(release_id=release_id)
    artist_id = (
        await service.answer(service.stub.GetRelease(asked, timeout=session.timeout))
    ).release.artist_id
    scores = (await _scores(session, artist_id, SEARCHED)).scores
    score = next((score for score in scores if score.release_id == release_id), None)
    if session.output.json:
        session.output.document({"score": as_dict(score) if score else None, **as_dict(found)})
        return
    if score is not None:
        names = await artist_names(session, [artist_id])
        session.output.show(
            facts(
                title=score.title,
                artist=names.get(artist_id, artist_id),
                id=score.release_id,
                score=f"{score.score:.2f} (0.5 is usual in this label), {sure(score)} sure",
                plays=f"{score.plays:,}",
            )
        )
    if not found.performance:
        session.output.say("no numbers; import an export: aiartist performance import FILE")
        return
    table = listing("day", "platform", "metric", "value", "from", right=("value",))
    for number in found.performance:
        table.add_row(
            number.day,
            cell(number.platform, 18),
            metric_name(number.metric),
            shown_value(number.metric, number.value),
            cell(number.source or ABSENT, 34),
        )
    session.output.show(table)


async def _scores(session: Session, artist_id: str, limit: int) -> pb.ListReleaseScoresResponse:
    service = session.artist_db

    async def fetch(size: int, token: str) -> pb.ListReleaseScoresResponse:
        request = pb.ListReleaseScoresRequest(artist_id=artist_id, page_size=size, page_token=token)
        return await service.answer(service.stub.ListReleaseScores(request, timeout=session.timeout))

    return await finding.pages(fetch, "scores", limit=limit)


async def _artist_id(session: Session, given: str) -> str:
    """The artist of a name or id; empty: there is none."""
    if given.startswith("rel_"):
        return ""
    try:
        return (await finding.artist(session, given)).id
    except ServiceFailure as failure:
        if failure.remote.remote_reason == "ERROR_REASON_NOT_FOUND" and not given.startswith("art_"):
            return ""
        raise


async def _release_id(session: Session, given: str) -> str:
    """A release's id from itself, its beginning, or its title."""
    if given.startswith("rel_"):
        return await finding.release_id(session, given)
    wanted = normal(given)
    found = [s for s in (await _scores(session, "", SEARCHED)).scores if normal(s.title) == wanted]
    if not found:
        raise Failure(
            f"no release or artist is called {plain(given)!r}",
            "see which there are: aiartist performance list",
        )
    if len(found) > 1:
        shown = ", ".join(score.release_id for score in found[:3])
        raise Failure(
            f"{len(found)} releases are called {plain(given)!r}; give an id: {shown}", exit_code=BAD_INPUT
        )
    return found[0].release_id
