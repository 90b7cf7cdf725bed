"""The server in a process of its own, and the client of its control API."""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.fake_telegram.control import ControlServer
from tests.support.fake_telegram.server import TOKEN, FakeTelegram


@dataclass(frozen=True, slots=True)
class TelegramProcess:
    """A FakeTelegram in a process of its own."""

    url: str
    control_url: str
    token: str

    async def do(self, action: str, **told: object) -> Any:
        """`POST /control/ACTION`, as in `control.py`.

        Raises LookupError for what is not there, TimeoutError for what did not come, ValueError for the rest.
        """
        timeout = aiohttp.ClientTimeout(total=120)
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.post(f"{self.control_url}/{action}", json=told) as response,
        ):
            answer = await response.json()
            if response.status == 200:
                return answer
        kind = {404: LookupError, 408: TimeoutError}.get(response.status, ValueError)
        raise kind(answer["error"])


@asynccontextmanager
async def telegram_process(
    arguments: Sequence[str] = (), token: str = TOKEN
) -> AsyncIterator[TelegramProcess]:
    """The server in another process, which outlives the processes under test; killed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.fake_telegram",
            "--ready", str(ready), "--token", token, *arguments,
            cwd=Path(__file__).resolve().parents[3],
        )  # fmt: skip
        try:
            async with asyncio.timeout(30):
                while not ready.exists():
                    assert process.returncode is None, "the fake Telegram ended at once"
                    await asyncio.sleep(0.02)
            told = json.loads(ready.read_text())
            yield TelegramProcess(told["url"], told["control_url"], token)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the server until a signal."""
    parser = argparse.ArgumentParser(description="A fake Telegram Bot API server.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0, help="of /control/..., which is never down")
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument(
        "--chat", type=int, action="append", default=[], help="a chat that exists; negative: a group"
    )
    parser.add_argument("--any-audio", action="store_true", help="sendAudio takes any content")
    parser.add_argument("--no-privacy", action="store_true", help="the bot is told of all messages in groups")
    parser.add_argument(
        "--ready", type=Path, help="gets the addresses, as JSON, as soon as both ports listen"
    )
    asyncio.run(_run(parser.parse_args(argv)))


async def _run(arguments: argparse.Namespace) -> None:
    fake = FakeTelegram(
        token=arguments.token,
        port=arguments.port,
        strict_audio=not arguments.any_audio,
        privacy=not arguments.no_privacy,
    )
    for chat in arguments.chat:
        fake.chat(chat)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with fake, ControlServer(fake, arguments.control_port) as control:
        if arguments.ready:
            # Written whole or not at all: whoever waits for it reads it at once.
            part = arguments.ready.with_suffix(".part")
            part.write_text(json.dumps({"url": fake.url, "control_url": control.url}))
            part.rename(arguments.ready)
        await ended.wait()
