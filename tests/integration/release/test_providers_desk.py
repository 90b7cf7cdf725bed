"""Music providers that fail, each in its way: who makes the take then, and who hears of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from aiartist.notifier.v1 import notifier_pb2
from services.release.errors import JobFailed, ProvidersExhausted, WorkerLost
from tests.support.fake_music import FakeSuno, Garbage, ServedFile, Status, TooMany, song_file
from tests.support.fake_music.behaviours import Reset
from tests.support.music_desk import PRICE, MusicDesk, music_desk

BUILTIN = "builtin"


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[MusicDesk]:
    async with music_desk(tmp_path) as made:
        yield made


async def test_the_first_of_the_list_makes_the_take_and_is_paid(bed: MusicDesk) -> None:
    made = await bed.make()
    assert (made.take, made.provider, made.cost_micro_usd) == ("24 s", "suno", PRICE)
    assert (made.reference, made.model) == ("task-1", "chirp-v5")
    assert bed.recorded() == [("suno/V5", "ok", PRICE)]
    assert bed.artist_db.money.held_micro_usd == 0
    assert bed.acestep.calls == []
    assert list(bed.folder.iterdir()) == []
    assert {"asking suno", "suno is at work", "downloading"} <= set(bed.steps)


async def test_a_free_provider_touches_no_budget(tmp_path: Path) -> None:
    async with music_desk(tmp_path, providers=("acestep",)) as bed:
        bed.artist_db.money.limit_micro_usd = 0
        made = await bed.make()
        assert (made.take, made.provider, made.cost_micro_usd) == ("24 s", "acestep", 0)
        assert made.seed == 12_345_678_901 % 2**32
        assert made.model == "acestep-v15-turbo"
        assert "HoldSpend" not in bed.artist_db.calls
        assert bed.recorded() == [("acestep/1.5", "ok", 0)]


def ending(name: str) -> Callable[[FakeSuno], None]:
    def told(suno: FakeSuno) -> None:
        suno.ending = name

    return told


def refusal(code: int, message: str) -> Callable[[FakeSuno], None]:
    def told(suno: FakeSuno) -> None:
        suno.refusal = (code, message)

    return told


def file(served: ServedFile) -> Callable[[FakeSuno], None]:
    def told(suno: FakeSuno) -> None:
        suno.files["song"] = served

    return told


def submits(behaviour: Status | Garbage | Reset | TooMany) -> Callable[[FakeSuno], None]:
    def told(suno: FakeSuno) -> None:
        suno.submit.always = behaviour

    return told


def polls(behaviour: Status | Garbage | Reset) -> Callable[[FakeSuno], None]:
    def told(suno: FakeSuno) -> None:
        suno.poll.always = behaviour

    return told


def wrong_key(suno: FakeSuno) -> None:
    suno.key = "another"


def elsewhere(address: str) -> Callable[[FakeSuno], None]:
    def told(suno: FakeSuno) -> None:
        suno.addresses["song"] = address

    return told


FAILURES = [
    ("a wrong key", wrong_key, "bad_key"),
    ("401", submits(Status(401)), "bad_key"),
    ("402", submits(Status(402)), "no_credit"),
    ("no credit, told as 429", refusal(429, "The current credits are insufficient"), "no_credit"),
    ("429", submits(TooMany(30)), "rate_limited"),
    ("too many calls, told as 430", refusal(430, "call frequency too high"), "rate_limited"),
    ("maintenance", refusal(455, "maintenance"), "server_error"),
    ("500", submits(Status(500)), "server_error"),
    ("404", submits(Status(404)), "unknown_address"),
    ("garbage", submits(Garbage()), "bad_answer"),
    ("a list", submits(Garbage("[]")), "bad_answer"),
    ("no task", submits(Garbage('{"code": 200, "data": {"taskId": null}}')), "bad_answer"),
    ("a cut connection", submits(Reset()), "unreachable"),
    ("polls that fail", polls(Status(500)), "server_error"),
    ("polls that are garbage", polls(Garbage('{"code": 200, "data": {"status": {}}}')), "task_failed"),
    ("polls that are cut", polls(Reset()), "unreachable"),
    ("a failed task", ending("failed"), "task_failed"),
    ("a success without songs", ending("empty"), "empty_song"),
    ("a forgotten task", ending("unknown"), "forgotten"),
    ("an empty file", file(ServedFile(b"")), "empty_song"),
    ("half a file", file(ServedFile(song_file("FLAC")[:100_000])), "bad_audio"),
    ("a web page", file(ServedFile(b"<html>sorry</html>" * 9)), "bad_audio"),
    ("a wrong length", file(ServedFile(song_file(), announced=10**6)), "cut_off"),
    ("a short file", file(ServedFile(song_file("FLAC", seconds=2))), "empty_song"),
    ("silence", file(ServedFile(song_file("FLAC", level=0.0))), "empty_song"),
    ("too low a rate", file(ServedFile(song_file("WAV", rate=11_025))), "bad_audio"),
    ("a file that is gone", file(ServedFile(b"", status=404)), "forgotten"),
    ("a file of the house", elsewhere("file:///etc/passwd"), "forbidden_address"),
    ("a port of the house", elsewhere("http://127.0.0.1:9/song"), "forbidden_address"),
    ("no address at all", elsewhere("song"), "forbidden_address"),
]


@pytest.mark.parametrize(("fail", "outcome"), [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES])
async def test_a_provider_that_fails_gives_way_to_the_next_and_its_breaker_opens(
    bed: MusicDesk, fail: Callable[[FakeSuno], None], outcome: str
) -> None:
    fail(bed.suno)
    made = await bed.make()
    assert (made.take, made.provider) == ("24 s", "acestep")
    (suno, acestep, _) = bed.desk.entries
    assert suno.breaker.last_opened is not None
    assert suno.breaker.last_opened.outcome == outcome
    assert (bed.breaker("suno"), bed.breaker("acestep")) == ("open", "closed")
    assert (suno.takes, acestep.takes) == (0, 1)
    await bed.notifier.until_told(1)
    (told,) = bed.notifier.told.values()
    assert told.title == f"Music provider suno failed: {outcome}"
    assert told.topic == notifier_pb2.TOPIC_FALLBACK
    assert FakeSuno.key not in told.body
    assert list(bed.folder.iterdir()) == []
    before = len(bed.suno.calls)
    assert (await bed.make("two")).provider == "acestep"
    assert len(bed.suno.calls) == before


@pytest.mark.parametrize(
    ("fail", "outcome"),
    [
        (refusal(400, "The lyrics contain a sensitive word"), "content_filter"),
        (refusal(413, "the prompt is too long"), "bad_request"),
        (ending("sensitive"), "content_filter"),
    ],
)
async def test_a_brief_that_a_provider_does_not_want_is_no_fault_of_the_provider(
    bed: MusicDesk, fail: Callable[[FakeSuno], None], outcome: str
) -> None:
    fail(bed.suno)
    assert (await bed.make()).provider == "acestep"
    assert bed.breaker("suno") == "closed"
    assert outcome in [recorded for _, recorded, _ in bed.recorded()]


async def test_a_provider_that_asks_for_patience_gets_it(bed: MusicDesk) -> None:
    bed.suno.submit.next.append(TooMany(30))
    await bed.make()
    assert 25 < bed.desk.entries[0].breaker.retry_in_s <= 30


async def test_a_provider_that_somebody_must_mend_is_benched(bed: MusicDesk) -> None:
    bed.suno.submit.always = Status(401)
    await bed.make()
    assert 800 < bed.desk.entries[0].breaker.retry_in_s <= 900
    await bed.notifier.until_told(1)
    (told,) = bed.notifier.told.values()
    assert told.severity == notifier_pb2.SEVERITY_ERROR
    assert "AIARTIST_SUNO_URL" in told.body


async def test_after_the_cool_down_one_take_is_the_probe(tmp_path: Path) -> None:
    async with music_desk(tmp_path, cooldown_s=0.01) as bed:
        bed.suno.submit.next.append(Status(500))
        assert (await bed.make()).provider == "acestep"
        await asyncio.sleep(0.02)
        assert bed.breaker("suno") == "half-open"
        assert (await bed.make("two")).provider == "suno"
        assert bed.breaker("suno") == "closed"
        assert bed.desk.entries[0].breaker.probes == 1


async def test_with_nobody_left_the_error_tells_of_each_and_when_to_ask_again(tmp_path: Path) -> None:
    async with music_desk(tmp_path, providers=("suno", "acestep")) as bed:
        bed.suno.ending, bed.acestep.ending = "empty", "failed"
        with pytest.raises(ProvidersExhausted) as caught:
            await bed.make()
        assert caught.value.metadata["attempts"] == "suno: empty_song; acestep: task_failed"
        assert 3_500 < int(caught.value.metadata["retry_after_s"]) <= 3_600
        with pytest.raises(ProvidersExhausted) as again:
            await bed.make("two")
        assert again.value.metadata["attempts"] == "suno: breaker_open; acestep: breaker_open"
        await bed.notifier.until_told(3)
        assert "No music provider gives a song" in bed.notifier.titles


async def test_hiccups_while_it_is_at_work_are_waited_out(bed: MusicDesk) -> None:
    bed.suno.poll.next.extend([Status(503), Garbage(), Reset()])
    assert (await bed.make()).provider == "suno"
    assert len(bed.suno.calls) == 1


async def test_a_task_that_never_ends_is_given_up_and_not_waited_for_again(tmp_path: Path) -> None:
    async with music_desk(tmp_path, task_s=0.2, cooldown_s=0.01) as bed:
        bed.suno.ready_after = 10**9
        assert (await bed.make()).provider == "acestep"
        assert ("suno/V5", "overdue", 0) in bed.recorded()


async def test_where_one_of_two_songs_is_broken_the_other_is_the_take(bed: MusicDesk) -> None:
    bed.suno.songs = ["broken", "song"]
    bed.suno.files["broken"] = ServedFile(b"")
    assert (await bed.make()).provider == "suno"
    assert len(bed.suno.tasks) == 1


async def test_calls_back_that_fail_are_no_failure(bed: MusicDesk) -> None:
    bed.suno.ending = "callback"
    assert (await bed.make()).provider == "suno"


@pytest.mark.parametrize("kind", ["MP3", "FLAC", "WAV", "OGG"])
async def test_songs_of_every_kind_become_takes(bed: MusicDesk, kind: str) -> None:
    bed.suno.files["song"] = ServedFile(song_file(kind, channels=1, rate=32_000))
    assert (await bed.make()).take == "24 s"


async def test_a_worker_that_dies_over_a_song_is_replaced_once(bed: MusicDesk) -> None:
    bed.trouble = [WorkerLost("killed by signal 9")]
    assert (await bed.make()).provider == "suno"


@pytest.mark.parametrize(
    "trouble",
    [
        [WorkerLost("oom"), WorkerLost("oom")],
        [JobFailed("Traceback ...")],
        [WorkerLost("oom"), JobFailed("Traceback ...")],
    ],
)
async def test_a_song_that_no_worker_can_master_is_a_bad_one(
    bed: MusicDesk, trouble: list[Exception]
) -> None:
    bed.trouble = trouble
    assert (await bed.make()).provider == "acestep"
    assert ("suno/V5", "bad_audio", 0) in bed.recorded()


async def test_a_paid_song_is_not_given_up_for_want_of_memory(bed: MusicDesk) -> None:
    bed.trouble = [WorkerLost("killed by signal 9", killed=True)] * 2
    with pytest.raises(WorkerLost):
        await bed.make()
    assert (await bed.make()).provider == "suno"
    assert [outcome for _, outcome, _ in bed.recorded()] == ["ok"]


async def test_whose_takes_of_the_brief_failed_least_is_asked_first(bed: MusicDesk) -> None:
    assert (await bed.make("two", failed={"suno": 1})).provider == "acestep"
    assert (await bed.make("three", failed={"suno": 1, "acestep": 1})).provider == BUILTIN
    assert (await bed.make("four", failed={"suno": 2, "acestep": 1, BUILTIN: 1})).provider == "acestep"
    assert (await bed.make("five", failed={"suno": 1, "acestep": 1, BUILTIN: 1})).provider == "suno"


async def test_acestep_has_its_own_ways_to_say_nothing(tmp_path: Path) -> None:
    async with music_desk(tmp_path, providers=("acestep", "builtin"), cooldown_s=0.01) as bed:
        for name, outcome in (("empty", "empty_song"), ("failed", "task_failed"), ("unknown", "forgotten")):
            bed.acestep.ending = name
            assert (await bed.make(name)).provider == BUILTIN
            opened = bed.desk.entries[0].breaker.last_opened
            assert opened is not None
            assert opened.outcome == outcome
            await asyncio.sleep(0.02)


async def test_an_acestep_server_with_a_key_gets_it_with_the_download_too(tmp_path: Path) -> None:
    async with music_desk(tmp_path, providers=("acestep",), acestep_key="wanted") as bed:
        assert (await bed.make()).provider == "acestep"
        assert bed.acestep.files["song"].asked[0]["Authorization"] == "Bearer wanted"
