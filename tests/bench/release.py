"""The release chain: music, its review and its video, each beside what else does the same."""

from tests.bench.music import music
from tests.bench.reviewing import reviewing
from tests.bench.video import video
from tests.support.postgres import TestServer


async def release(server: TestServer) -> None:
    """`make bench-release`."""
    await music(server)
    await reviewing(server)
    await video(server)
