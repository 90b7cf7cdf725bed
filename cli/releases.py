"""`aiartist release ...`: what came out."""

import asyncio
import re
import sys
from collections.abc import AsyncIterable, Iterable
from pathlib import Path
from typing import Annotated

import typer

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.release.v1 import release_pb2
from cli import finding
from cli.failures import BAD_INPUT, Failure
from cli.names import artist_names
from cli.output import Output, cell, facts, listing, note
from cli.session import Session, execute, new_request_id
from cli.texts import ABSENT, moment, plain, short_moment, verdict

VERIFY_TIMEOUT_S = 900.0
PUBLISH_TIMEOUT_S = 3_600.0
"""Uploads to slow places take their time; a cut one goes on with the next try."""

app = typer.Typer(no_args_is_help=True, help="What came out: packages and where they were published.")

_RELEASE_ID = re.compile(r"rel_[0-9a-z]{1,26}")


@app.command("list", epilog="Example: aiartist release list --artist 'Nova Vale'")
def list_releases(
    ctx: typer.Context,
    artist: Annotated[str, typer.Option(help="Only this artist's, by name or id.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
) -> None:
    """List releases, newest first."""
    execute(ctx, lambda session: _list(session, artist, limit))


async def _list(session: Session, artist: str, limit: int) -> None:
    service = session.artist_db
    artist_id = (await finding.artist(session, artist)).id if artist else ""

    async def fetch(size: int, token: str) -> db.ListReleasesResponse:
        request = db.ListReleasesRequest(artist_id=artist_id, page_size=size, page_token=token)
        return await service.answer(service.stub.ListReleases(request, timeout=session.timeout))

    found = await finding.pages(fetch, "releases", limit=limit)
    if session.output.json:
        session.output.document(found)
        return
    if not found.releases:
        session.output.say("no releases; make one: aiartist run start ARTIST --watch")
        return
    names = await artist_names(session, [release.artist_id for release in found.releases])
    table = listing("id", "title", "artist", "made", "published to")
    for release in found.releases:
        targets = ", ".join(p.target for p in release.publications if not p.HasField("taken_down_at"))
        table.add_row(
            cell(release.id),
            cell(release.title, 24),
            cell(names.get(release.artist_id, release.artist_id), 16),
            short_moment(release.created_at),
            cell(targets or ABSENT, 12),
        )
    session.output.show(table)


@app.command("show", epilog="Example: aiartist release show rel_0q8w")
def show(
    ctx: typer.Context,
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="Its id, or the beginning of it.")],
) -> None:
    """Show one release: its files, its decision and where it is."""
    execute(ctx, lambda session: _show(session, release))


async def _show(session: Session, given: str) -> None:
    service = session.artist_db
    request = db.GetReleaseRequest(release_id=await finding.release_id(session, given))
    release = (await service.answer(service.stub.GetRelease(request, timeout=session.timeout))).release
    if session.output.json:
        session.output.document(release)
        return
    names = await artist_names(session, [release.artist_id])
    decision = release.decision
    session.output.show(
        facts(
            title=release.title,
            artist=names.get(release.artist_id, release.artist_id),
            id=release.id,
            run=release.run_id,
            decision=f"{verdict(decision.verdict)} by {decision.decided_by}, {moment(decision.decided_at)}",
            made=moment(release.created_at),
            isrc=release.isrc or ABSENT,
            upc=release.upc or ABSENT,
            advisory="explicit" if release.explicit else ABSENT,
            digest=release.package_digest,
        )
    )
    for publication in release.publications:
        gone = ""
        if publication.HasField("taken_down_at"):
            gone = f" (taken down {moment(publication.taken_down_at)}: {plain(publication.take_down_reason)})"
        session.output.say(f"{publication.target}: {plain(publication.location)}{gone}")
    table = listing("file", "media type", "bytes", right=("bytes",))
    for file in release.files:
        table.add_row(cell(file.path, 60), cell(file.media_type, 24), f"{file.size_bytes:,}")
    session.output.show(table)


@app.command("publish", epilog="Example: aiartist release publish rel_0q8w --target s3 --dry-run")
def publish(
    ctx: typer.Context,
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="Its id, or the beginning of it.")],
    target: Annotated[
        list[str] | None,
        typer.Option(help="Only to this target; may stand several times.", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing, and say what would be done.")
    ] = False,
) -> None:
    """Publish a release to the label's targets, or to those where it is missing.

    Exit 0: it is published, or would be, 1: something stands in the way.
    """
    execute(ctx, lambda session: _publish(session, release, target or [], dry_run))


async def _publish(session: Session, given: str, targets: list[str], dry_run: bool) -> int:
    service = session.release
    request = release_pb2.PublishReleaseRequest(
        request_id=new_request_id(),
        release_id=await finding.release_id(session, given),
        targets=targets,
        dry_run=dry_run,
    )
    publication = await service.answer(
        _followed(service.stub.PublishRelease(request, timeout=PUBLISH_TIMEOUT_S))
    )
    if session.output.json:
        session.output.document(publication)
    else:
        _outcomes(session.output, publication.targets)
    absent = release_pb2.TargetOutcome.ACTION_ABSENT
    return 1 if any(outcome.action == absent for outcome in publication.targets) else 0


@app.command("take-down", epilog="Example: aiartist release take-down rel_0q8w --reason 'a sample'")
def take_down(
    ctx: typer.Context,
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="Its id, or the beginning of it.")],
    reason: Annotated[str, typer.Option(help="Why; the books keep it.")],
    target: Annotated[
        list[str] | None,
        typer.Option(help="Only from this target; may stand several times.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take a release down from its targets; the package stays and may be published again. Asks first."""
    execute(ctx, lambda session: _take_down(session, release, target or [], reason, yes))


async def _take_down(session: Session, given: str, targets: list[str], reason: str, yes: bool) -> None:
    service = session.release
    release_id = await finding.release_id(session, given)
    if not yes and not session.output.agreed(f"Take {release_id} down from where it is published?"):
        raise Failure(f"{release_id} was not taken down; --yes does it without asking")
    request = release_pb2.TakeDownReleaseRequest(
        request_id=new_request_id(), release_id=release_id, targets=targets, reason=reason
    )
    answer = await service.answer(service.stub.TakeDownRelease(request, timeout=PUBLISH_TIMEOUT_S))
    if session.output.json:
        session.output.document(answer)
    else:
        _outcomes(session.output, answer.targets)


async def _followed(
    updates: AsyncIterable[release_pb2.PublishReleaseResponse],
) -> release_pb2.PublishedRelease:
    """The end of a publication; each new step goes to standard error on the way."""
    publication, told = release_pb2.PublishedRelease(), ""
    async for update in updates:
        if update.HasField("publication"):
            publication = update.publication
        elif update.progress.step not in ("", told):
            told = update.progress.step
            note(plain(told))
    return publication


def _outcomes(output: Output, outcomes: Iterable[release_pb2.TargetOutcome]) -> None:
    for outcome in outcomes:
        action = release_pb2.TargetOutcome.Action.Name(outcome.action).removeprefix("ACTION_")
        done = action.lower().replace("_", " ")
        output.say(f"{plain(outcome.target)}: {done} at {plain(outcome.location)}")
        if outcome.detail:
            output.say(f"  {plain(outcome.detail)}")


@app.command("verify", epilog="Example: aiartist release verify data/releases/rel_0q8w")
def verify(
    ctx: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            metavar="PATH_OR_ID", help="A package's folder, or a release's id.", show_default=False
        ),
    ],
) -> None:
    """Check a package: hashes, audio, cover, metadata.

    Exit 0: it is whole, 1: it has problems, 2: it is no package.
    """
    path = Path(target)
    if _RELEASE_ID.fullmatch(target) and not path.exists():
        execute(ctx, lambda session: _verify_stored(session, target))
    else:
        execute(ctx, lambda session: _verify_folder(session.output, path))


async def _verify_stored(session: Session, given: str) -> int:
    service = session.release
    request = release_pb2.VerifyReleaseRequest(release_id=await finding.release_id(session, given))
    answer = await service.answer(service.stub.VerifyRelease(request, timeout=VERIFY_TIMEOUT_S))
    if session.output.json:
        session.output.document(answer)
    else:
        for problem in answer.problems:
            session.output.say(f"{plain(problem.path)}: {plain(problem.message)}")
        if not answer.problems:
            session.output.say(f"whole: {answer.files_checked} files at {plain(answer.location)}")
    return 1 if answer.problems else 0


async def _verify_folder(output: Output, path: Path) -> int:
    """In a process of its own: only the release service's code knows audio and pictures."""
    if not await asyncio.to_thread(path.is_dir):
        raise Failure(
            f"{plain(str(path))}: there is no such package folder; give its path, or a release's id",
            exit_code=BAD_INPUT,
        )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.release.package.verify",
        str(path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        stdout, stderr = await asyncio.wait_for(process.communicate(), VERIFY_TIMEOUT_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    found = stdout.decode(errors="replace").splitlines()
    if process.returncode not in (0, 1) or (process.returncode == 1 and not found):
        last = (stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        raise Failure(f"the package could not be checked: {plain(last)}", exit_code=BAD_INPUT)
    if output.json:
        split = [line.partition(": ") for line in found]
        output.document(
            {
                "problems": [{"path": path_, "message": message} for path_, _, message in split],
                "location": str(path),
            }
        )
    else:
        for line in found:
            output.say(plain(line))
        if not found:
            output.say(f"whole: {plain(str(path))}")
    return 1 if found else 0
