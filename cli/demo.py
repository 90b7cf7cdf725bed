"""`aiartist demo`: from an artist's file to a verified release, with nothing but this machine."""

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
from rich.console import Console
from rich.table import Table

from aiartist.artist_db.v1 import artist_db_pb2, artist_db_pb2_grpc
from aiartist.common.v1 import decision_pb2
from aiartist.release.v1 import release_pb2, release_pb2_grpc
from aiartist.scheduler.v1 import scheduler_pb2, scheduler_pb2_grpc
from cli.persona_file import ArtistFile
from cli.platform import Platform, run_platform
from cli.run_view import follow
from services.chassis import logs
from services.chassis.clients import open_channel
from services.chassis.errors import SetupError, remote_error
from services.chassis.settings import ChassisSettings

CALL_S = 20.0
VERIFY_S = 600.0
USUAL: Mapping[str, Any] = {"release_video": (), "releases_per_week": 0}
"""What a demo does where its settings say nothing: no videos, which take minutes; and as many demos a week as
somebody likes to see."""


async def demo(artist_file: ArtistFile, console: Console) -> int:
    """Starts the platform, makes one release and verifies it; the exit status."""
    settings = ChassisSettings.load()
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        log = _log_path(settings.data_dir)
        logs.configure(level=settings.log_level, format="json", stream=stack.enter_context(log.open("a")))
        logs.keep_secret(settings)
        with console.status("starting") as status:
            platform = await stack.enter_async_context(
                run_platform(
                    any_ports=True, tell=lambda what: status.update(f"starting the {what}"), usual=USUAL
                )
            )
        console.print(
            f"The platform is up after {time.monotonic() - began:.1f} s; its log is {log}",
            highlight=False,
            soft_wrap=True,
        )
        label = _Label(*[await _channel(stack, platform, settings, name) for name in _CALLED])
        return await label.make_release(artist_file, console)


_CALLED = ("artist_db", "scheduler", "release")


async def _channel(
    stack: AsyncExitStack, platform: Platform, settings: ChassisSettings, name: str
) -> grpc.aio.Channel:
    return await stack.enter_async_context(open_channel(platform.addresses[name], settings))


class _Label:
    """What the demo asks of the platform, over gRPC as anybody would."""

    def __init__(
        self, artist_db: grpc.aio.Channel, scheduler: grpc.aio.Channel, release: grpc.aio.Channel
    ) -> None:
        self._artist_db = artist_db_pb2_grpc.ArtistDbServiceStub(artist_db)
        self._scheduler = scheduler_pb2_grpc.SchedulerServiceStub(scheduler)
        self._release = release_pb2_grpc.ReleaseServiceStub(release)

    async def make_release(self, artist_file: ArtistFile, console: Console) -> int:
        artist = await self._artist(artist_file)
        started = await self._scheduler.StartRun(
            scheduler_pb2.StartRunRequest(artist_id=artist.id, autopilot=True), timeout=CALL_S
        )
        console.print(f"{artist.persona.name} makes a song: {started.run.id}", highlight=False)
        run = await follow(self._scheduler, started.run.id, console)
        if run.state != scheduler_pb2.RUN_STATE_RELEASED:
            state = scheduler_pb2.RunState.Name(run.state).removeprefix("RUN_STATE_").lower()
            console.print(f"the run is {state}: {run.error.message or run.decision.reason}", style="red")
            return 1
        verified = await self._release.VerifyRelease(
            release_pb2.VerifyReleaseRequest(release_id=run.release_id), timeout=VERIFY_S
        )
        release = (
            await self._artist_db.GetRelease(
                artist_db_pb2.GetReleaseRequest(release_id=run.release_id), timeout=CALL_S
            )
        ).release
        console.print(await self._summary(artist, run, release, verified))
        for problem in verified.problems:
            console.print(f"{problem.path}: {problem.message}", style="red")
        if not any(file.media_type == "video/mp4" for file in release.files):
            console.print("Videos take some minutes: make demo VIDEO=landscape,portrait", highlight=False)
        # Alone on its line and never wrapped, for scripts.
        console.print(f"released: {run.location}", highlight=False, soft_wrap=True, markup=False)
        return 1 if verified.problems else 0

    async def _artist(self, artist_file: ArtistFile) -> artist_db_pb2.Artist:
        """The file's artist: taken on, or brought up to date where the label has them."""
        try:
            created = await self._artist_db.CreateArtist(artist_file.create_request(), timeout=CALL_S)
        except grpc.aio.AioRpcError as error:
            if violations := remote_error(error).violations:
                raise artist_file.refused(violations) from error
            if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
                raise
        else:
            return created.artist
        known = await self._artist_db.GetArtist(
            artist_db_pb2.GetArtistRequest(name=artist_file.persona.name), timeout=CALL_S
        )
        updated = await self._artist_db.UpdateArtist(
            artist_file.update_request(known.artist, reason="demo"), timeout=CALL_S
        )
        return updated.artist

    async def _summary(
        self,
        artist: artist_db_pb2.Artist,
        run: scheduler_pb2.Run,
        release: artist_db_pb2.StoredRelease,
        verified: release_pb2.VerifyReleaseResponse,
    ) -> Table:
        brief = (
            await self._artist_db.GetBrief(
                artist_db_pb2.GetBriefRequest(brief_id=run.brief_id), timeout=CALL_S
            )
        ).brief.brief
        take = (
            await self._artist_db.GetTake(artist_db_pb2.GetTakeRequest(take_id=run.take_id), timeout=CALL_S)
        ).take
        spend = await self._artist_db.GetSpend(artist_db_pb2.GetSpendRequest(run_id=run.id), timeout=CALL_S)
        review = take.review
        table = Table(title=f"{brief.title} — {artist.persona.name}", show_header=False, title_justify="left")
        table.add_column(style="dim")
        table.add_column(overflow="fold")
        table.add_row("genre", f"{brief.genre}, {brief.mood}, {brief.tempo_bpm} BPM, {brief.key}")
        table.add_row(
            "audio",
            f"{_minutes(review.duration_ms)}, {review.loudness_lufs:.1f} LUFS, "
            f"{review.true_peak_dbtp:.1f} dBTP, heard as {review.tempo_bpm:.0f} BPM, {review.key}",
        )
        passed = sum(check.outcome == check.OUTCOME_PASS for check in review.checks)
        table.add_row("review", f"{passed} of {len(review.checks)} checks passed, take {take.take_number}")
        for use in spend.uses:
            table.add_row(
                use.role,
                f"{use.model}: {use.calls} calls, {use.prompt_tokens:,} tokens in, "
                f"{use.completion_tokens:,} out, ${use.cost_micro_usd / 1e6:.4f}",
            )
        verdict = decision_pb2.Verdict.Name(run.decision.verdict).removeprefix("VERDICT_").lower()
        table.add_row("decision", f"{verdict.replace('_', ' ')} by {run.decision.decided_by}")
        size = sum(file.size_bytes for file in release.files)
        outcome = f"{len(verified.problems)} problems" if verified.problems else "verified"
        table.add_row("package", f"{verified.files_checked} files, {size / 1e6:.1f} MB, {outcome}")
        table.add_row("time", ", ".join(_stage_times(run)))
        return table


def _stage_times(run: scheduler_pb2.Run) -> list[str]:
    times = []
    for stage in run.stages:
        if not stage.HasField("ended_at"):
            # What comes after the run's end is under way.
            continue
        name = scheduler_pb2.StageName.Name(stage.stage).removeprefix("STAGE_NAME_").lower()
        seconds = (stage.ended_at.ToNanoseconds() - stage.started_at.ToNanoseconds()) / 1e9
        times.append(f"{name} {seconds:.1f} s")
    return times


def _minutes(milliseconds: int) -> str:
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes}:{seconds:02}"


def _log_path(data_dir: Path) -> Path:
    path = data_dir / "platform.log"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise SetupError(
            f"cannot write to {data_dir}: {error.strerror}; make room or rights there, "
            "or set AIARTIST_DATA_DIR to another folder"
        ) from error
    return path
