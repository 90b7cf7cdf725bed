"""Log files are read as they grow, through rotation, truncation and trouble; each error counts once."""

import asyncio
import gzip
import os
import random
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from aiartist.error_analyzer.v1.error_analyzer_pb2 import ErrorEvent
from aiartist.error_analyzer.v1.error_analyzer_pb2_grpc import ErrorAnalyzerServiceStub
from services.error_analyzer.app import build
from services.error_analyzer.intake import events as made
from services.error_analyzer.intake import metrics, tracking
from services.error_analyzer.intake.lines import Line
from services.error_analyzer.intake.offsets import PlaceStore
from services.error_analyzer.settings import Settings
from tests.support.captured_logs import captured_logs
from tests.support.error_store import error_store
from tests.support.log_takers import Clock, Taker, over_the_wire, tailing
from tests.support.log_writer import LogFile, json_error
from tests.support.metrics import metric, until

TRACE = 'Traceback (most recent call last):\n  File "/app/services/a.py", line 1, in f\n    g()\n'


async def passing(clock: Clock, predicate: Callable[[], object]) -> None:
    """Waits while time passes: once may be before the last line was seen."""

    def later() -> object:
        clock.now += tracking.QUIET_S
        return predicate()

    await until(later)


@pytest.fixture
def taker() -> Taker:
    return Taker()


@pytest.fixture
def log(tmp_path: Path) -> LogFile:
    (tmp_path / "logs").mkdir()
    return LogFile(tmp_path / "logs/app.log")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "data/error_analyzer"


async def test_errors_of_a_file_arrive_in_groups_with_the_real_service(log: LogFile, kept: Path) -> None:
    log.write(json_error("a") + json_error("b") + json_error("a"))
    async with error_store() as (store, address):
        settings = Settings(port=0, metrics_port=0, artist_db_addr=address, stop_grace_s=1)
        async with (
            await build(settings) as app,
            grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as wire,
            tailing(over_the_wire(ErrorAnalyzerServiceStub(wire)), kept, log.path),
        ):
            await until(lambda: store.groups)
    assert sorted(sum(o.count for o in group) for group in store.groups.values()) == [1, 2]
    assert {o.samples[0].service for group in store.groups.values() for o in group} == {"app"}


async def test_what_is_there_at_the_start_and_what_comes_later_is_read(
    log: LogFile, taker: Taker, kept: Path
) -> None:
    log.write(json_error("before"))
    async with tailing(taker, kept, f"web={log.path}", log.path.parent / "**/*.txt"):
        await taker.has("before")
        log.write(json_error("after"))
        await taker.has("before", "after")
        folder = log.path.parent / "in/side"
        folder.mkdir(parents=True)
        LogFile(folder / "worker.txt").write(json_error("new file"))
        await taker.has("before", "after", "new file")
    assert {event.message: event.service for event in taker.events} == {
        "before": "web", "after": "web", "new file": "worker",
    }  # fmt: skip


async def test_a_restart_reads_on_where_it_stopped(log: LogFile, taker: Taker, kept: Path) -> None:
    log.write(json_error("first"))
    async with tailing(taker, kept, log.path):
        await taker.has("first")
    log.write(json_error("while away"))
    async with tailing(taker, kept, log.path):
        await taker.has("first", "while away")


async def test_an_unfinished_traceback_is_waited_for_and_then_taken_as_it_is(
    log: LogFile, taker: Taker, kept: Path
) -> None:
    clock = Clock()
    async with tailing(taker, kept, log.path, clock=clock):
        log.write("ERROR:a:failed\n" + TRACE)
        log.write(json_error("of another"))
        log.write("ValueError: x\n")
        log.write(json_error("the last"))
        await taker.has("failed", "of another", "the last")
        assert {event.message: event.exception_type for event in taker.events}["failed"] == "ValueError"
        log.write("ERROR:a:nothing follows\n")
        await passing(clock, lambda: len(taker.events) > 3)
        await taker.has("failed", "of another", "the last", "nothing follows")


async def test_a_line_is_not_read_before_its_end_is_written(log: LogFile, taker: Taker, kept: Path) -> None:
    line = json_error("whole")
    async with tailing(taker, kept, log.path):
        log.write(json_error("a") + line[:20])
        await taker.has("a")
        log.write(line[20:])
        await taker.has("a", "whole")


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
@pytest.mark.parametrize("way", ["rename", "copytruncate"])
async def test_nothing_is_lost_or_read_twice_when_a_file_is_rotated(
    way: str, pattern: str, log: LogFile, taker: Taker, kept: Path
) -> None:
    log.write(json_error("one"))
    async with tailing(taker, kept, log.path.parent / pattern):
        await taker.has("one")
        # The rest comes while storing fails: reading is behind when the file is rotated.
        taker.failing = ConnectionError("away")
        log.write(json_error("two"))
        calls = taker.calls
        await until(lambda: taker.calls > calls)
        log.write(json_error("three"))
        getattr(log, way)("app.log.1")
        log.write(json_error("four"))
        taker.failing = None
        await taker.has("one", "two", "three", "four")
        log.write(json_error("five"))
        await taker.has("one", "two", "three", "four", "five")


async def test_a_file_rotated_many_times_under_load_is_read_whole(
    log: LogFile, taker: Taker, kept: Path
) -> None:
    told = [f"e{number}" for number in range(600)]
    async with tailing(taker, kept, log.path):
        for number, message in enumerate(told):
            log.write(json_error(message))
            if number % 97 == 96:
                # Each is seen before it gets another name, and is still written to.
                await until(lambda n=number: len(taker.events) > n - 50)
                log.rename(f"app.log.{number}")
            if number % 10 == 0:
                await asyncio.sleep(0)
        await taker.has(*told)


async def test_the_last_line_of_a_renamed_file_needs_no_end(log: LogFile, taker: Taker, kept: Path) -> None:
    clock = Clock()
    async with tailing(taker, kept, log.path, clock=clock):
        log.write(json_error("one") + json_error("last").rstrip())
        await taker.has("one")
        log.rename("app.log.1")
        log.write(json_error("new"))
        await taker.has("one", "new")
        await passing(clock, lambda: len(taker.events) > 2)
        await taker.has("one", "new", "last")


async def test_a_file_that_was_cut_is_read_from_its_begin(log: LogFile, taker: Taker, kept: Path) -> None:
    log.write(json_error("a" * 100))
    async with tailing(taker, kept, log.path):
        await taker.has("a" * 100)
        log.path.write_text(json_error("b" * 300))
        await taker.has("a" * 100, "b" * 300)


async def test_a_file_is_read_once_under_all_its_names(log: LogFile, taker: Taker, kept: Path) -> None:
    log.write(json_error("once"))
    (log.path.parent / "link.log").symlink_to(log.path)
    os.link(log.path, log.path.parent / "hard.log")
    async with tailing(taker, kept, log.path.parent / "*.log", log.path):
        await taker.has("once")
        log.write(json_error("marker"))
        await taker.has("once", "marker")


async def test_a_file_behind_a_link_is_followed_through_its_rotation(
    log: LogFile, taker: Taker, kept: Path
) -> None:
    links = log.path.parent / "links"
    links.mkdir()
    name = f"pod_space_web-{'0' * 64}.log"
    (links / name).symlink_to(log.path)
    log.write(json_error("one"))
    async with tailing(taker, kept, links / "*.log"):
        await taker.has("one")
        taker.failing = ConnectionError("away")
        log.write(json_error("two"))
        calls = taker.calls
        await until(lambda: taker.calls > calls)
        log.write(json_error("three"))
        log.rename("app.log.20260301")
        log.write(json_error("four"))
        taker.failing = None
        await taker.has("one", "two", "three", "four")
    assert {event.service for event in taker.events} == {"web"}


async def test_what_is_no_text_is_left_alone_and_said_once(log: LogFile, taker: Taker, kept: Path) -> None:
    folder = log.path.parent
    (folder / "old.log.gz").write_bytes(gzip.compress(json_error("packed").encode()))
    (folder / "packed.log").write_bytes(gzip.compress(json_error("packed").encode()))
    (folder / "wide.log").write_bytes(json_error("wide").encode("utf-16"))
    (folder / "binary.log").write_bytes(random.Random(1).randbytes(4_096))
    os.mkfifo(folder / "pipe.log")
    with captured_logs() as captured:
        async with tailing(taker, kept, folder / "*"):
            for number in range(3):
                log.write(json_error(f"marker {number}"))
                await until(lambda n=number: len(taker.events) == n + 1)
    assert sorted(record["path"] for record in captured.of("a log file is not read")) == sorted(
        str(folder / name) for name in ("packed.log", "wide.log", "binary.log")
    )
    assert taker.messages == ["marker 0", "marker 1", "marker 2"]


async def test_while_errors_cannot_be_stored_nothing_is_lost_and_nothing_more_is_read(
    log: LogFile, taker: Taker, kept: Path
) -> None:
    taker.failing = ConnectionError("artist_db is away")
    log.write(json_error("first"))
    async with tailing(taker, kept, log.path):
        await until(lambda: taker.calls)
        offset = PlaceStore(kept).load()
        log.write(json_error("second"))
        calls = taker.calls
        await until(lambda: taker.calls >= calls + 3)
        assert PlaceStore(kept).load() == offset
        taker.failing = None
        await taker.has("first", "second")


async def test_errors_whose_answer_was_lost_count_once_after_a_restart_too(
    log: LogFile, taker: Taker, kept: Path
) -> None:
    log.write(json_error("first"))
    taker.lost_answers = 10**6
    async with tailing(taker, kept, log.path):
        await until(lambda: taker.calls >= 2)
    log.write(json_error("second"))
    taker.lost_answers = 0
    async with tailing(taker, kept, log.path):
        await taker.has("first", "second")


async def test_an_error_that_is_refused_does_not_hold_up_the_others(
    log: LogFile, taker: Taker, kept: Path
) -> None:
    before = metric("aiartist_error_analyzer_log_errors_refused_total") or 0
    taker.poison = "poison"
    log.write(json_error("a") + json_error("poison") + json_error("b"))
    async with tailing(taker, kept, log.path):
        await taker.has("a", "b")
    assert metric("aiartist_error_analyzer_log_errors_refused_total") == before + 1


async def test_a_record_that_cannot_be_read_is_counted_and_said_and_does_not_end_the_tailer(
    log: LogFile, taker: Taker, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = made.from_fields

    def fails(line: Line, service: str) -> ErrorEvent | None:
        if "poison" in line.text:
            raise TypeError("of ours")
        return whole(line, service)

    monkeypatch.setattr(made, "from_fields", fails)
    before = metric("aiartist_error_analyzer_log_errors_refused_total") or 0
    log.write(json_error("a") + json_error("poison") + json_error("b"))
    with captured_logs() as captured:
        async with tailing(taker, kept, log.path):
            await taker.has("a", "b")
            await until(lambda: captured.of("records of a log file could not be read"))
    assert metric("aiartist_error_analyzer_log_errors_refused_total") == before + 1


async def test_a_link_to_what_belongs_to_somebody_else_is_said_once(
    log: LogFile, taker: Taker, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = log.path.with_name("link.log")
    link.symlink_to(log.path)
    monkeypatch.setattr("services.error_analyzer.intake.files.is_foreign", lambda path: path == str(link))
    with captured_logs() as captured:
        async with tailing(taker, kept, link, log.path):
            for number in range(3):
                log.write(json_error(f"marker {number}"))
                await until(lambda n=number: len(taker.events) == n + 1)
    assert [said["path"] for said in captured.of("a log file is not read")] == [str(link)]


async def test_more_errors_than_a_request_holds_go_in_several(log: LogFile, taker: Taker, kept: Path) -> None:
    told = [f"e{number}" for number in range(1_234)]
    log.write("".join(map(json_error, told)))
    async with tailing(taker, kept, log.path):
        await taker.has(*told)
    assert all(len(request.events) <= 500 for request in taker.requests.values())


async def test_a_full_file_does_not_keep_others_waiting(
    log: LogFile, taker: Taker, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "CHUNK", 4_096)
    log.write("".join(json_error(f"many {number}") for number in range(2_000)))
    LogFile(log.path.with_name("z.log")).write(json_error("the other"))
    async with tailing(taker, kept, log.path.parent / "*.log"):
        await until(lambda: "the other" in taker.messages)
        assert len(taker.events) < 1_000


@pytest.mark.parametrize("first", [True, False])
async def test_of_what_is_too_much_the_newest_is_read_and_the_rest_counted(
    first: bool, log: LogFile, taker: Taker, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "first_start" if first else "lag"
    before = metric("aiartist_error_analyzer_log_bytes_skipped_total", reason=reason) or 0
    lines = [json_error(f"e{number:04}") for number in range(100)]
    monkeypatch.setattr("services.error_analyzer.intake.tailer.FIRST_START", 10 * len(lines[0]))
    monkeypatch.setattr(tracking, "MOST_BEHIND", 50 * len(lines[0]))
    monkeypatch.setattr(tracking, "KEPT_BEHIND", 10 * len(lines[0]))
    if not first:
        log.write(json_error("known"))
        async with tailing(taker, kept, log.path):
            await taker.has("known")
        taker.requests.clear()
    log.write("".join(lines))
    async with tailing(taker, kept, log.path):
        await taker.has(*(f"e{number:04}" for number in range(90, 100)))
    skipped = metric("aiartist_error_analyzer_log_bytes_skipped_total", reason=reason)
    assert skipped == before + 90 * len(lines[0]) - 1


async def test_a_second_process_waits_for_the_end_of_the_first(
    log: LogFile, taker: Taker, kept: Path
) -> None:
    first = PlaceStore(kept)
    first.open()
    log.write(json_error("waits"))
    with captured_logs() as captured:
        async with tailing(taker, kept, log.path):
            await until(lambda: "another process" in captured.text)
            assert not taker.calls
            first.close()
            await taker.has("waits")
    assert captured.text.count("another process") == 1


async def test_without_a_place_to_keep_offsets_nothing_is_read_until_there_is_one(
    log: LogFile, taker: Taker, kept: Path
) -> None:
    log.write(json_error("waits"))
    # Not by rights: tests may run as root.
    kept.parent.write_text("a file is in the way")
    with captured_logs() as captured:
        async with tailing(taker, kept, log.path):
            await until(lambda: "AIARTIST_DATA_DIR" in captured.text)
            assert not taker.calls
            kept.parent.unlink()
            await taker.has("waits")
    assert captured.text.count("AIARTIST_DATA_DIR") == 1


async def test_places_that_cannot_be_read_are_put_aside_and_files_read_from_their_ends(
    log: LogFile, taker: Taker, kept: Path
) -> None:
    log.write(json_error("old"))
    kept.mkdir(parents=True)
    (kept / "offsets.json").write_text('{"version": 1, "files": [{')
    metrics.FILES.set(0)
    with captured_logs() as captured:
        async with tailing(taker, kept, log.path):
            await until(lambda: metric("aiartist_error_analyzer_log_files") == 1)
            log.write(json_error("new"))
            await until(lambda: taker.calls)
    assert taker.messages == ["new"]
    assert "it goes on at their ends" in captured.text
    assert (kept / "offsets.broken").exists()
