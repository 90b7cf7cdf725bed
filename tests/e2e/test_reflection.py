"""Every service can be listed and called with nothing but its address, as grpcurl does."""

import asyncio
import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.fake_upstream import FakeUpstream
from tests.support.label import environment_with_model
from tests.support.processes import process

CALLS = {
    "scheduler": ("aiartist.scheduler.v1.SchedulerService", "ListRuns", {}, {}),
    "artist_db": ("aiartist.artist_db.v1.ArtistDbService", "ListArtists", {"page_size": 5}, {}),
    "orchestrator": ("aiartist.orchestrator.v1.OrchestratorService", "ListModels", {}, None),
    "release": (
        "aiartist.release.v1.ReleaseService",
        "VerifyRelease",
        {"release_id": "rel_" + 26 * "0"},
        "not_found",
    ),
    "notifier": ("aiartist.notifier.v1.NotifierService", "ListMessages", {}, {}),
    "error_analyzer": (
        "aiartist.error_analyzer.v1.ErrorAnalyzerService",
        "IngestErrors",
        {},
        "invalid_argument",
    ),
}
"""By service: its full name, a method, a request, and the answer: JSON, None for any, or the status."""


@pytest.mark.timeout(180)
async def test_every_service_is_listed_and_called_by_reflection(tmp_path: Path) -> None:
    async with FakeUpstream() as upstream:
        environment = environment_with_model(tmp_path, upstream.url)
        async with process("all", environment, tmp_path / "platform.log") as platform:
            await platform.ready("scheduler")
            for service, (name, method, request, expected) in CALLS.items():
                address = environment[f"AIARTIST_{service.upper()}_ADDR"]
                status, told = await _buf_curl("--list-services", f"http://{address}")
                assert status == 0, told
                assert name in told.split()
                status, told = await _buf_curl("-d", json.dumps(request), f"http://{address}/{name}/{method}")
                if isinstance(expected, str):
                    assert status != 0
                    assert json.loads(told)["code"] == expected
                else:
                    assert status == 0, told
                    assert expected is None or json.loads(told) == expected


async def _buf_curl(*arguments: str) -> tuple[int, str]:
    buf = shutil.which("buf", path=str(Path(sys.executable).parent)) or shutil.which("buf")
    assert buf is not None, "buf comes with the development requirements"
    process = await asyncio.create_subprocess_exec(
        buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()
