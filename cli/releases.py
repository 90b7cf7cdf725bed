"""`aiartist release ...`: what came out."""

import asyncio
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.release.v1 import release_pb2
from cli import finding
from cli.failures import BAD_INPUT, Failure
from cli.names import artist_names
from cli.output import Output, cell, facts, listing
from cli.session import Session, execute
from cli.texts import ABSENT, moment, plain, short_moment, verdict

VERIFY_TIMEOUT_S = 300.0

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
        targets = ", ".join(publication.target for publication in release.publications)
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
            digest=release.package_digest,
        )
    )
    for publication in release.publications:
        session.output.say(f"{publication.target}: {plain(publication.location)}")
    table = listing("file", "media type", "bytes", right=("bytes",))
    for file in release.files:
        table.add_row(cell(file.path, 60), cell(file.media_type, 24), f"{file.size_bytes:,}")
    session.output.show(table)


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
