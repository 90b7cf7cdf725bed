"""A process that tails log files into an error_analyzer elsewhere, to be killed at any moment.

Arguments: the folder of places, the service's address, the globs.
"""

import asyncio
import sys
from pathlib import Path

import grpc

from aiartist.error_analyzer.v1.error_analyzer_pb2_grpc import ErrorAnalyzerServiceStub
from services.error_analyzer.intake.tailer import Tailer
from tests.support.log_takers import over_the_wire


async def main(folder: str, address: str, *patterns: str) -> None:
    """Tails until it is killed."""
    async with grpc.aio.insecure_channel(address) as channel:
        ingest = over_the_wire(ErrorAnalyzerServiceStub(channel))
        tailer = Tailer(patterns, Path(folder), ingest, poll_s=0.005, retry_s=0.005)
        await tailer.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
