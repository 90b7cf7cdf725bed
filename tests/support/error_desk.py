"""error_analyzer's servicer, without its work, over a real artist_db, with groups as a test wants them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.error_analyzer.v1.error_analyzer_pb2_grpc import (
    ErrorAnalyzerServiceStub,
    add_ErrorAnalyzerServiceServicer_to_server,
)
from services.chassis.chain import Chain
from services.chassis.layers import standard_layers
from services.chassis.notices import Notices
from services.chassis.settings import TokenOwner
from services.error_analyzer.grouping import Grouper
from services.error_analyzer.news import News
from services.error_analyzer.servicer import ErrorAnalyzerServicer
from services.error_analyzer.setup import Limits
from services.error_analyzer.teller import Teller

CALL_S = 30.0
COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIFF = """\
--- a/services/release/pool.py
+++ b/services/release/pool.py
@@ -1,3 +1,3 @@
 def size(items):
-    return items.lenght
+    return len(items)
"""


@dataclass(frozen=True, slots=True)
class FixedSetup:
    """A setup that stays as it is. Fields: see RepairSetup."""

    mode: str
    effective_mode: str
    lacks: str = ""
    repository: str = ""
    isolation: str = ""


APPLYING = FixedSetup("apply", "apply", repository="/srv/label", isolation="landlock, rlimit")
FIX = {
    "cause": "a name is misspelt",
    "component": "services/release",
    "severity": "high",
    "confidence": 0.9,
    "fixable": True,
    "diff": DIFF,
    "explanation": "asks the list for its length",
    "test_path": "tests/autofix/test_size.py",
    "test_code": "def test_size():\n    assert size([1]) == 1\n",
    "branch": "autofix/x",
    "commit": COMMIT,
    "base_commit": "f" * 40,
    "proof": "1 passed",
}
"""What a report says of a proven fix."""


@dataclass(slots=True)
class ErrorDesk:
    """The servicer, its clients, and artist_db behind it."""

    address: str
    stub: Any
    artist_db: Any
    news: News
    closing: asyncio.Event
    server: Any
    groups: int = 0

    async def stop(self) -> None:
        """As when its process ends."""
        self.closing.set()
        await self.server.stop(None)

    async def group(self, status: str = "new", *, service: str = "release", **fields: Any) -> str:
        """A new group in that status, its newest report with these fields; its fingerprint."""
        self.groups += 1
        fingerprint = f"{self.groups:032x}"
        occurrence = db.ErrorOccurrences(
            fingerprint=fingerprint, title=f"Trouble {self.groups}", culprit="services.x.y", count=3
        )
        occurrence.samples.add(service=service, message="stage failed", text="boom")
        await self.artist_db.RecordErrors(db.RecordErrorsRequest(occurrences=[occurrence]), timeout=CALL_S)
        if status != "new" or fields:
            await self.report(fingerprint, status, **fields)
        return fingerprint

    async def report(self, fingerprint: str, status: str, **fields: Any) -> None:
        """One more report of a group."""
        report = db.ErrorReport(fingerprint=fingerprint, status=status, **fields)
        await self.artist_db.SaveErrorReport(db.SaveErrorReportRequest(report=report), timeout=CALL_S)

    async def read(self, fingerprint: str) -> db.ErrorGroup:
        """The group as artist_db has it."""
        request = db.GetErrorGroupRequest(fingerprint=fingerprint)
        group: db.ErrorGroup = (await self.artist_db.GetErrorGroup(request, timeout=CALL_S)).group
        return group


@asynccontextmanager
async def error_desk(
    artist_db_address: str,
    *,
    setup: FixedSetup = APPLYING,
    owners: Mapping[str, TokenOwner] | None = None,
) -> AsyncIterator[ErrorDesk]:
    """Serves while the block runs; `owners` by token, none: everybody may do everything."""
    news, closing = News(), asyncio.Event()
    async with (
        grpc.aio.insecure_channel(artist_db_address) as to_artist_db,
        grpc.aio.insecure_channel("127.0.0.1:1") as to_nobody,
    ):
        artist_db = ArtistDbServiceStub(to_artist_db)
        server = grpc.aio.server(interceptors=[Chain(standard_layers("error_analyzer", owners or {}, 256))])
        limits = Limits(20, 5, 2, allowed_paths=("services/**/*.py",), applied_classes=("KeyError",))
        # Its notices go nowhere: nobody empties their queue.
        teller = Teller(Notices(to_nobody))
        servicer = ErrorAnalyzerServicer(artist_db, teller, Grouper(artist_db), setup, limits, closing, news)
        add_ErrorAnalyzerServiceServicer_to_server(servicer, server)
        address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            async with grpc.aio.insecure_channel(address) as channel:
                yield ErrorDesk(address, ErrorAnalyzerServiceStub(channel), artist_db, news, closing, server)
        finally:
            closing.set()
            await server.stop(1)
