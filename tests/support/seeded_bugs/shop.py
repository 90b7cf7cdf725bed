"""The error analyzer as it runs, before the service with the seeded bugs: only the model is a double.

Real are artist_db and its database, orchestrator, error_analyzer, its sandbox, git and the service's logs.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from aiartist.error_analyzer.v1.error_analyzer_pb2_grpc import ErrorAnalyzerServiceStub
from services.error_analyzer import app as error_analyzer
from services.error_analyzer.intake.reading import End, read_piece
from services.error_analyzer.settings import Settings
from services.orchestrator import app as orchestrator
from services.orchestrator.settings import Settings as OrchestratorSettings
from tests.support.error_store import real_error_store
from tests.support.fake_notifier import FakeNotifier
from tests.support.seeded_bugs.bug import TESTS, Bug
from tests.support.seeded_bugs.repository import COMMAND, PATHS, TEST_COMMAND, log_of, make_repository
from tests.support.seeded_bugs.scripted_model import ScriptedModel, Wrong, scripted_model

SETTLED = ("analysis_failed", "fix_suggested", "fix_failed", "fix_skipped_invalid")
"""Statuses after which nothing is done by itself where one fix is tried."""
_PROVIDERS = ("openai", "anthropic", "gemini", "mistral", "deepseek", "xai")


@dataclass(frozen=True, slots=True)
class Shop:
    """What a test sees of it."""

    repository: Path
    logs: Path
    """What is written to files `*.log` here is read."""
    model: ScriptedModel
    store: Any
    analyzer: Any
    notifier: FakeNotifier

    async def log(self, bugs: Sequence[Bug]) -> None:
        """The service meets these bugs, and logs that into files."""
        for kind in ("plain", "json"):
            met = [bug for bug in bugs if bug.log == kind]
            text = await asyncio.to_thread(log_of, self.repository, met, kind)
            (self.logs / f"{kind}.log").write_text(text, encoding="utf-8")

    async def ship(self, bugs: Sequence[Bug]) -> None:
        """The service meets these bugs, and its errors are shipped in a batch."""
        text = await asyncio.to_thread(log_of, self.repository, bugs, "json")
        events = read_piece(text.encode(), "mixtape", end=End.CLOSED).events
        request = pb.IngestErrorsRequest(request_id="shipped", events=events)
        await self.analyzer.IngestErrors(request, timeout=10)

    async def settled(self, bugs: Sequence[Bug], within_s: float) -> dict[str, db.ErrorGroup]:
        """The group of each bug once nothing more is done about any of them; by the bug's id."""
        left = {bug.id for bug in bugs}
        of_culprit = {bug.function: bug.id for bug in bugs}
        found: dict[str, str] = {}
        async with asyncio.timeout(within_s):
            async for told in self.analyzer.WatchErrors(pb.WatchErrorsRequest(after_sequence=0)):
                if told.group.status in SETTLED:
                    culprit = ".".join(told.group.culprit.split(".")[-3:])
                    found[of_culprit[culprit]] = told.group.fingerprint
                if found.keys() == left:
                    break
        return {bug: await self._group(fingerprint) for bug, fingerprint in found.items()}

    async def _group(self, fingerprint: str) -> db.ErrorGroup:
        request = db.GetErrorGroupRequest(fingerprint=fingerprint)
        group: db.ErrorGroup = (await self.store.GetErrorGroup(request, timeout=10)).group
        return group


@asynccontextmanager
async def repair_shop(
    database_url: str, folder: Path, bugs: Sequence[Bug], wrong: Sequence[Wrong] = (), **settings: Any
) -> AsyncIterator[Shop]:
    """Runs while the block does, in the mode `branch`. `settings`: others than here."""
    repository = make_repository(folder)
    logs = folder / "logs"
    logs.mkdir()
    common: dict[str, Any] = {"port": 0, "metrics_port": 0, "ship_errors": False, "stop_grace_s": 0.0}
    async with AsyncExitStack() as stack:
        books_at, store = await stack.enter_async_context(real_error_store(database_url))
        notifier = await stack.enter_async_context(FakeNotifier.serving())
        model = await stack.enter_async_context(scripted_model(bugs, wrong))
        peers = {"artist_db_addr": books_at, "notifier_addr": notifier.address}
        asked = await stack.enter_async_context(
            await orchestrator.build(
                OrchestratorSettings(
                    **common,
                    **peers,
                    **{f"{provider}_api_key": None for provider in _PROVIDERS},
                    orchestrator_models_file=model.models_file(folder, timeout_s=2 if wrong else 20),
                    other_api_keys={},
                    model_overrides={},
                )
            )
        )
        analyzer = await stack.enter_async_context(
            await error_analyzer.build(
                Settings(
                    **common,
                    **peers,
                    **{
                        "orchestrator_addr": f"127.0.0.1:{asked.port}",
                        "data_dir": folder / "data",
                        "log_files": (f"mixtape={logs}/*.log",),
                        "log_poll_s": 0.1,
                        "auto_fix_mode": "branch",
                        "auto_fix_repository": repository,
                        "auto_fix_paths": PATHS,
                        "auto_fix_tests": TESTS,
                        "auto_fix_command": COMMAND,
                        "auto_fix_test_command": TEST_COMMAND,
                        "auto_fix_timeout_s": 60,
                        "analyses_per_hour": 1000,
                        "fixes_per_hour": 1000,
                        "fix_tries": 1,
                        **settings,
                    },
                )
            )
        )
        wire = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{analyzer.port}"))
        yield Shop(repository, logs, model.model, store, ErrorAnalyzerServiceStub(wire), notifier)


def content_of(folder: Path, *, but: Sequence[str] = ()) -> dict[str, str]:
    """Everything below a folder, byte for byte: modes, and SHA-256 of files or the targets of links.

    `but`: folders, as `.git/objects`, that are left out.
    """
    found: dict[str, str] = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            told = path.relative_to(folder).as_posix()
            if any(told == left_out or told.startswith(f"{left_out}/") for left_out in but):
                continue
            content = str(path.readlink()).encode() if path.is_symlink() else b""
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else content
            found[told] = f"{path.lstat().st_mode:o} {hashlib.sha256(content).hexdigest()}"
    return found
