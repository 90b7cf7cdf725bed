"""docs/admin.md is true: every line of it runs, in its order, against a running platform."""

import asyncio
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer

from aiartist.artist_db.v1 import artist_db_pb2, life_pb2
from aiartist.error_analyzer.v1 import error_analyzer_pb2
from aiartist.notifier.v1 import notifier_pb2
from aiartist.orchestrator.v1 import orchestrator_pb2
from aiartist.release.v1 import release_pb2
from aiartist.scheduler.v1 import scheduler_pb2
from cli.main import app
from services.notifier.panel.menu import COMMANDS
from tests.support.certificates import make_certificate
from tests.support.fake_upstream import FakeUpstream
from tests.support.label import Label, environment_with_model
from tests.support.processes import REPO, SERVICES, clean_environment, ports_environment, process

PAGE = (REPO / "docs" / "admin.md").read_text()
PORTS = {50051 + number: service for number, service in enumerate(
    ("scheduler", "artist_db", "orchestrator", "release", "notifier", "error_analyzer")
)}  # fmt: skip
"""Where the page says that each service is."""
CONTRACTS = (artist_db_pb2, error_analyzer_pb2, notifier_pb2, orchestrator_pb2, release_pb2, scheduler_pb2)
TOKEN = "a-token-of-an-operator"
UNDER_WAY = (
    scheduler_pb2.RUN_STATE_QUEUED,
    scheduler_pb2.RUN_STATE_COMPOSING,
    scheduler_pb2.RUN_STATE_PRODUCING,
    scheduler_pb2.RUN_STATE_FAILED,
)
ASKED = tuple(state for state in scheduler_pb2.RunState.values() if state and state not in UNDER_WAY)
_ENDS_WITH = re.compile(r"\s+# ([A-Z_]+): \S.*$")
_LAUNCHER = {("serve",), ("demo",), ("migrate",)}


def lines(command: str) -> list[str]:
    """The page's lines of code that begin with this command."""
    return [line.strip() for line in PAGE.splitlines() if line.startswith(f"    {command} ")]


@dataclass(frozen=True, slots=True)
class Call:
    """A grpcurl line, as a shell reads it."""

    address: str
    target: str
    """`list` or `Service/Method`."""
    listed: str = ""
    """The service whose methods are listed, among all others by buf; empty: all services."""
    data: str = "{}"
    headers: tuple[str, ...] = ()
    cacert: str = ""

    @classmethod
    async def read(cls, line: str, values: Mapping[str, str]) -> "Call":
        """What the shell makes of the line; AssertionError for what no `buf curl` stands for here."""
        script = f"grpcurl() {{ printf '%s\\0' \"$@\"; }}; {line}"
        shell = await asyncio.create_subprocess_exec(
            "bash", "-uc", script, env={"PATH": os.environ["PATH"], **values},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        told, trouble = await shell.communicate()
        assert shell.returncode == 0, f"{line}\n{trouble.decode()}"
        words = told.decode().split("\0")[:-1]
        options: dict[str, Any] = {"headers": ()}
        secure = None
        while words and words[0].startswith("-"):
            match words.pop(0):
                case "-plaintext":
                    secure = False
                case "-cacert":
                    secure, options["cacert"] = True, words.pop(0)
                case "-H":
                    options["headers"] += (words.pop(0),)
                case "-d":
                    options["data"] = words.pop(0)
                case unknown:
                    raise AssertionError(f"{unknown} is not known here: {line}")
        assert secure is not None, f"neither -plaintext nor -cacert: {line}"
        assert len(words) in (2, 3), f"an address and what to call are missing: {line}"
        assert (len(words) == 3) <= (words[1] == "list"), f"only list has a third word: {line}"
        return cls(words[0], words[1], *words[2:], **options)

    @property
    def method(self) -> str:
        """Without its service; empty for a list."""
        return self.target.partition("/")[2]

    def buf(self, environment: Mapping[str, str]) -> list[str]:
        """The same for `buf curl`, where the platform's services really are."""
        port = urlsplit(f"//{self.address}").port
        assert self.address == f"localhost:{port}", f"{self.address} is not localhost"
        assert port in PORTS, f"nobody is at {port}"
        real = environment[f"AIARTIST_{PORTS[port].upper()}_ADDR"].rpartition(":")[2]
        at = f"https://localhost:{real}" if self.cacert else f"http://127.0.0.1:{real}"
        arguments = ["--cacert", self.cacert] if self.cacert else ["--http2-prior-knowledge"]
        for header in self.headers:
            arguments += ["--reflect-header", header]
        if self.target == "list":
            return [*arguments, "--list-methods" if self.listed else "--list-services", at]
        assert self.method, f"{self.target} is no method"
        for header in self.headers:
            arguments += ["--header", header]
        return [*arguments, "-d", self.data, f"{at}/{self.target}"]


@dataclass(slots=True)
class Studio:
    """What is really there for the page's names: an artist of its own, and runs to decide about."""

    label: Label
    runs: dict[str, str] = field(default_factory=dict)
    """What they are for -> id."""
    artist: str = ""
    experiment: str = ""

    async def open(self) -> None:
        """Starts the runs; the one that fails may spend nothing."""
        poor = await self.label.take_on("Poor Soul")
        budget = artist_db_pb2.SetBudgetRequest(
            request_id="nothing", scope=artist_db_pb2.BUDGET_SCOPE_ARTIST, subject=poor, limit_micro_usd=0
        )
        await self.label.artists.SetBudget(budget, timeout=10)
        self.runs["fails"] = await self.label.start(poor)
        pilot = await self.label.take_on()
        for purpose in ("approve", "pick", "take", "rewrite", "reject"):
            request = scheduler_pb2.StartRunRequest(
                artist_id=pilot, autopilot=False, takes=2 if purpose == "pick" else 1
            )
            self.runs[purpose] = (await self.label.runs.StartRun(request, timeout=10)).run.id
        await self.label.until(self.runs["fails"], scheduler_pb2.RUN_STATE_FAILED)

    async def values(self, line: str) -> dict[str, str]:
        """A value for each name in the line; none for a name that the test does not know."""
        method = line.partition(" # ")[0].rpartition("/")[2].strip()
        run_id, found = self._run_for(line, method), {}
        for name in set(re.findall(r"\$([A-Z]+)", line)) - {"RANDOM"}:
            match name:
                case "ARTIST":
                    found[name] = self.artist
                case "ETAG":
                    asked = artist_db_pb2.GetArtistRequest(artist_id=self.artist)
                    found[name] = (await self.label.artists.GetArtist(asked, timeout=10)).artist.etag
                case "RUN":
                    if method not in ("WatchRun", "CancelRun", "RetryRun"):
                        await self._asked(run_id)
                    found[name] = run_id
                case "DIGEST" if "$TAKE" not in line:
                    found[name] = (await self._asked(run_id)).content_digest
                case "DIGEST":
                    found[name] = (await self._first_take(run_id)).content_digest
                case "TAKE":
                    found[name] = (await self._first_take(run_id)).id
                case "BRIEF":
                    found[name] = (await self._asked(run_id)).brief_id
                case "RELEASE":
                    released = await self.label.until(run_id, scheduler_pb2.RUN_STATE_RELEASED)
                    found[name] = released.release_id
                case "MOVE":
                    moved = life_pb2.ListMovesRequest(artist_id=self.artist)
                    found[name] = (await self.label.artists.ListMoves(moved, timeout=10)).moves[0].id
                case "CHANGE":
                    found[name] = (await self._reflection(self.runs["reject"])).id
                case "EXPERIMENT":
                    found[name] = self.experiment
                case "ERROR":
                    listed = artist_db_pb2.ListErrorGroupsRequest(service="backup")
                    groups = (await self.label.artists.ListErrorGroups(listed, timeout=10)).groups
                    found[name] = groups[0].fingerprint
        return found

    def learn(self, method: str, answer: Sequence[Mapping[str, Any]]) -> None:
        """What the page's own calls made."""
        match method:
            case "CreateArtist":
                self.artist = answer[0]["artist"]["id"]
            case "CreateExperiment":
                self.experiment = answer[0]["experiment"]["id"]
            case "StartRun":
                self.runs["own"] = answer[0]["run"]["id"]

    def _run_for(self, line: str, method: str) -> str:
        match method:
            case "WatchRun" | "CancelRun":
                return self.runs["own"]
            case "RetryRun":
                return self.runs["fails"]
            case "DecideRun":
                (verdict,) = re.findall(r"VERDICT_(\w+)", line)
                purposes = {"REGENERATE_TAKE": "take", "REGENERATE_BRIEF": "rewrite", "REJECTED": "reject"}
                approving = "pick" if "$TAKE" in line else "approve"
                return self.runs[purposes.get(verdict, approving)]
        return self.runs["approve"]

    async def _asked(self, run_id: str) -> scheduler_pb2.Run:
        """The run, once people were asked about it; the state says so a moment earlier."""
        run = await self.label.until(run_id, *ASKED)
        while (
            run.state == scheduler_pb2.RUN_STATE_AWAITING_APPROVAL
            and run.stages[-1].state != scheduler_pb2.StageExecution.STATE_WAITING
        ):
            await asyncio.sleep(0.02)
            run = await self.label.run(run_id)
        return run

    async def _reflection(self, run_id: str) -> life_pb2.PersonaChange:
        """What came of looking back on the run, which begins when it is over."""
        async with asyncio.timeout(30):
            while True:
                listed = await self.label.artists.ListChanges(life_pb2.ListChangesRequest(), timeout=10)
                for change in listed.changes:
                    if change.run_id == run_id:
                        return change
                await asyncio.sleep(0.05)

    async def _first_take(self, run_id: str) -> artist_db_pb2.StoredTake:
        await self._asked(run_id)
        request = artist_db_pb2.ListTakesRequest(run_id=run_id)
        takes = (await self.label.artists.ListTakes(request, timeout=10)).takes
        return min(takes, key=lambda take: take.take_number)


@pytest.mark.timeout(240)
async def test_every_grpcurl_line_does_what_the_page_says(tmp_path: Path, database_url: str) -> None:
    # Any `grpcurl -…` that is not a line of code of its own would be one that nobody runs.
    assert len(lines("grpcurl")) == PAGE.count("grpcurl -")
    async with FakeUpstream() as upstream, _behind_tls(tmp_path, database_url) as behind_tls:
        environment = environment_with_model(tmp_path, upstream.url)
        environment["AIARTIST_SCHEDULER_MAX_ACTIVE_RUNS"] = "3"
        studio = Studio(Label(environment, tmp_path / "catalog"))
        async with process("all", environment, tmp_path / "platform.log") as platform:
            for service in SERVICES:
                await platform.ready(service)
            await studio.open()
            values: dict[str, str] = {}
            for line in lines("grpcurl"):
                error = _ENDS_WITH.search(line)
                values |= await studio.values(line)
                certificates = {name: behind_tls[name] for name in ("AIARTIST_TLS_CA", "AIARTIST_TOKEN")}
                call = await Call.read(line, {**values, **certificates})
                answer = await _buf_curl(call, behind_tls if call.cacert else environment)
                assert answer.code == (error[1].lower() if error else ""), f"{line}\n{answer.text}"
                assert call.listed in answer.text
                studio.learn(call.method, answer.messages)
        await studio.label.close()


def test_every_rpc_has_a_line_or_is_named_as_one_between_services() -> None:
    between = PAGE.partition("## What services ask each other\n")[2]
    called = {line.partition(" # ")[0].split()[-1].rpartition("/")[2] for line in lines("grpcurl")}
    for contract in CONTRACTS:
        for service in contract.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                named = re.search(rf"\b{method.name}\b", between) is not None
                assert named is not (method.name in called), method.full_name


def test_every_aiartist_line_is_a_command_with_these_options() -> None:
    seen = set()
    for line in [*lines("aiartist"), "aiartist status", "aiartist doctor"]:
        assert line in PAGE
        seen.add(_parsed(line))
    everything = set(_commands(typer.main.get_command(app)))
    # Alone, `budget` shows.
    assert seen | _LAUNCHER | {("budget", "show")} == everything | {("budget",), ()}


def test_every_telegram_command_is_there_and_no_other() -> None:
    told = "\n".join(PAGE.split("Telegram: ")[1:])
    mentioned = set(re.findall(r"`/([a-z]+)", told))
    assert mentioned == {name for name, _ in COMMANDS}
    sources = "".join(file.read_text() for file in (REPO / "services" / "notifier").rglob("*.py"))
    for button in re.findall(r"“([^”]+)”", told):
        assert button.rstrip(" 0123456789") in sources, button


def _parsed(line: str) -> tuple[str, ...]:
    """The command of the line; fails where it would not take what stands in it."""
    command: Any = typer.main.get_command(app)
    path: list[str] = []
    words = shlex.split(line)[1:]
    while words and hasattr(command, "commands") and words[0] in command.commands:
        path.append(words.pop(0))
        command = command.commands[path[-1]]
    if not hasattr(command, "commands"):
        command.make_context(" ".join(path), words)
    else:
        assert all(word.startswith("-") for word in words[:1]), line
    return tuple(path)


def _commands(command: Any, *path: str) -> list[tuple[str, ...]]:
    if not hasattr(command, "commands"):
        return [path]
    return [found for name, inner in command.commands.items() for found in _commands(inner, *path, name)]


@dataclass(frozen=True, slots=True)
class Answer:
    """What `buf curl` ended with."""

    code: str
    """Empty: OK."""
    messages: list[dict[str, Any]]
    text: str


async def _buf_curl(call: Call, environment: Mapping[str, str]) -> Answer:
    buf = shutil.which("buf", path=str(Path(sys.executable).parent)) or shutil.which("buf")
    assert buf is not None, "buf comes with the development requirements"
    running = await asyncio.create_subprocess_exec(
        buf, "curl", "--protocol", "grpc", *call.buf(environment),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert running.stdout is not None
    if call.method in ("WatchRun", "WatchErrors"):
        # It tells what comes without an end of its own: the first message is enough.
        begun = await running.stdout.readuntil(b"}\n")
        running.terminate()
        await running.communicate()
        return Answer("", [], begun.decode())
    told, trouble = (part.decode() for part in await running.communicate())
    if running.returncode == 0:
        return Answer("", _documents(told) if call.method else [], told)
    text = trouble or told
    if text.startswith("{"):
        return Answer(json.loads(text)["code"], [], text)
    # Before the call, as at a list, buf says it in a sentence.
    text = text.removeprefix("Failure: ")
    return Answer("unauthenticated" if text.startswith("you are not authenticated") else "?", [], text)


def _documents(text: str) -> list[dict[str, Any]]:
    """JSON objects, one after the other."""
    found, decoder = [], json.JSONDecoder()
    while text := text.strip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


@asynccontextmanager
async def _behind_tls(folder: Path, database_url: str) -> AsyncIterator[dict[str, str]]:
    """The environment of a notifier that speaks TLS and wants a token."""
    certificate = make_certificate(folder, "label")
    environment = clean_environment(
        **ports_environment(),
        AIARTIST_DATABASE_URL=database_url,
        AIARTIST_DATA_DIR=str(folder / "behind-tls"),
        AIARTIST_TLS_CERT=str(certificate.cert),
        AIARTIST_TLS_KEY=str(certificate.key),
        AIARTIST_TLS_CA=str(certificate.cert),
        AIARTIST_TOKENS=f"vera:operator:{TOKEN}",
        AIARTIST_TOKEN=TOKEN,
        AIARTIST_SHIP_ERRORS="false",
    )
    async with process("notifier", environment, folder / "behind-tls.log") as notifier:
        host, _, port = environment["AIARTIST_NOTIFIER_ADDR"].rpartition(":")
        async with asyncio.timeout(60):
            while True:
                assert notifier.running.returncode is None, notifier.log.read_text()[-4000:]
                try:
                    _, writer = await asyncio.open_connection(host, int(port))
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield environment
