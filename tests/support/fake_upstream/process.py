"""The server in a process of its own."""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from tests.support.fake_upstream.behaviours import Behaviour, Hang, Reset, Say, Slow, Status, WriteWell
from tests.support.fake_upstream.server import FakeUpstream


@dataclass(frozen=True, slots=True)
class UpstreamProcess:
    """A FakeUpstream in a process of its own."""

    url: str
    """As `api_base`."""

    async def stats(self) -> Mapping[str, Mapping[str, int]]:
        """`asked` and `answered`: so many calls, by model."""
        return await asyncio.to_thread(self._stats)

    def _stats(self) -> Mapping[str, Mapping[str, int]]:
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/stats", timeout=10) as answer:
            told: Mapping[str, Mapping[str, int]] = json.load(answer)
            return told


@asynccontextmanager
async def upstream_process(
    *, log: Path | None = None, arguments: Sequence[str] = ()
) -> AsyncIterator[UpstreamProcess]:
    """The server in another process, which outlives the processes under test; killed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "port"
        logging = ("--log", str(log)) if log is not None else ()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.fake_upstream",
            "--ready", str(ready), *logging, *arguments,
            cwd=Path(__file__).resolve().parents[3],
        )  # fmt: skip
        try:
            async with asyncio.timeout(30):
                while not ready.exists() or not ready.read_text():
                    assert process.returncode is None, "the fake upstream ended at once"
                    await asyncio.sleep(0.02)
            yield UpstreamProcess(f"http://127.0.0.1:{ready.read_text()}/v1")
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def usual(told: str) -> tuple[str, Behaviour]:
    """A model and what it usually does, of `MODEL=BEHAVIOUR`; ValueError for any other."""
    model, _, what = told.partition("=")
    name, _, value = what.partition(":")
    match name:
        case "well":
            return model, WriteWell()
        case "say":
            return model, Say(value)
        case "hang":
            return model, Hang()
        case "reset":
            return model, Reset()
        case "slow":
            return model, Slow(float(value))
        case "429":
            return model, Status(429, "too many", headers={"retry-after": value} if value else {})
        case "401" | "500":
            return model, Status(int(name))
    raise ValueError(told)


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the server until a signal."""
    parser = argparse.ArgumentParser(description="A fake OpenAI-compatible server.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, help="a line of JSON for each answer that was sent")
    parser.add_argument("--ready", type=Path, help="gets the port as soon as the server listens")
    parser.add_argument("--hold-file", type=Path, help="while this file exists, calls over --hold-after wait")
    parser.add_argument("--hold-after", type=int, default=0)
    parser.add_argument(
        "--usual", type=usual, action="append", default=[], metavar="MODEL=BEHAVIOUR",
        help="well, say:TEXT, hang, reset, slow:SECONDS, 429[:RETRY_AFTER], 401 or 500; any number of these",
    )  # fmt: skip
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(parser.parse_args(argv)))


async def _run(arguments: argparse.Namespace) -> None:
    upstream = FakeUpstream(
        port=arguments.port,
        log=arguments.log,
        hold_file=arguments.hold_file,
        hold_after=arguments.hold_after,
        remembers=False,
    )
    upstream.usual.update(arguments.usual)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with upstream:
        if arguments.ready:
            arguments.ready.write_text(str(upstream.port))
        await ended.wait()
