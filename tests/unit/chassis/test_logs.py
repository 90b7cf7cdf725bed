"""Logs: JSON lines for machines, context in each, and never a secret."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import SecretStr

from services.chassis import logs
from services.chassis.settings import ChassisSettings
from tests.support.captured_logs import CapturedLogs, captured_logs

PASSWORD = "hunter2hunter2"
DSN = f"postgresql://label:{PASSWORD}@db.test:5432/label"
OWN_TOKEN = "own-token-of-the-service"
VIEWER_TOKEN = "viewer-token-0001"
SETTINGS = ChassisSettings(
    database_url=SecretStr(DSN), token=SecretStr(OWN_TOKEN), tokens=SecretStr(f"vera:viewer:{VIEWER_TOKEN}")
)
log = logs.get_logger("test")


@pytest.fixture
def captured() -> Iterator[CapturedLogs]:
    with captured_logs() as found:
        logs.keep_secret(SETTINGS)
        yield found


def test_a_record_is_one_json_line(captured: CapturedLogs) -> None:
    log.info("two\nlines", number=1, ratio=0.5, nothing=None, yes=True)
    (record,) = captured.records
    assert {k: record[k] for k in ("event", "level", "component", "number", "ratio", "nothing", "yes")} == {
        "event": "two\nlines",
        "level": "info",
        "component": "test",
        "number": 1,
        "ratio": 0.5,
        "nothing": None,
        "yes": True,
    }
    assert record["timestamp"].endswith("Z")


def test_the_standard_librarys_records_look_the_same(captured: CapturedLogs) -> None:
    logging.getLogger("some.library").warning("%s is slow", "the disk")
    (record,) = captured.records
    assert (record["event"], record["level"]) == ("the disk is slow", "warning")


def test_less_than_the_level_is_not_logged() -> None:
    with captured_logs(level="warning") as found:
        log.info("quiet")
        log.warning("loud")
        logging.getLogger("some.library").info("quiet")
    assert [record["event"] for record in found.records] == ["loud"]


def test_bound_context_is_in_every_record_of_its_block(captured: CapturedLogs) -> None:
    with logs.bind_context(run_id="run_1"):
        with logs.bind_context(artist_id="art_1"):
            log.info("inner")
        log.info("outer")
    log.info("outside")
    inner, outer, outside = captured.records
    assert (inner["run_id"], inner["artist_id"]) == ("run_1", "art_1")
    assert (outer["run_id"], "artist_id" in outer) == ("run_1", False)
    assert "run_id" not in outside


async def test_each_task_has_a_context_of_its_own(captured: CapturedLogs) -> None:
    async def work(run_id: str) -> None:
        with logs.bind_context(run_id=run_id):
            await asyncio.sleep(0)
            log.info("worked", expected=run_id)

    await asyncio.gather(*(work(f"run_{n}") for n in range(5)))
    assert all(record["run_id"] == record["expected"] for record in captured.records)


def test_what_a_record_says_wins_over_its_context(captured: CapturedLogs) -> None:
    with logs.bind_context(run_id="run_1"):
        log.info("about another", run_id="run_2")
    assert captured.records[0]["run_id"] == "run_2"


@pytest.mark.parametrize("secret", [DSN, PASSWORD, OWN_TOKEN, VIEWER_TOKEN])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: {"event": f"cannot use {s} here"},
        lambda s: {"event": "e", "detail": s},
        lambda s: {"event": "e", "detail": {"inner": [s, {"deeper": (s,)}]}},
        lambda s: {"event": "e", "detail": {s}},
        lambda s: {"event": "e", "detail": MappingProxyType({"k": s})},
        lambda s: {"event": "e", "detail": ValueError(s)},
        lambda s: {"event": "e", "detail": Path(s)},
        lambda s: {"event": "e", "detail": s.encode()},
    ],
    ids=["event", "value", "nested", "set", "mapping", "exception", "path", "bytes"],
)
def test_a_known_secret_is_masked_wherever_it_stands(captured: CapturedLogs, secret: str, wrap: Any) -> None:
    log.info(**wrap(secret))
    logging.getLogger("some.library").warning("said %s", secret)
    assert logs.MASK in captured.text
    for part in (PASSWORD, OWN_TOKEN, VIEWER_TOKEN):
        assert part not in captured.text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("at redis://user:abc@host/0 now", f"at redis://user:{logs.MASK}@host/0 now"),
        ("redis://:abc@host", f"redis://:{logs.MASK}@host"),
        ("postgresql://u:a/b:c@host", f"postgresql://u:{logs.MASK}@host"),
        ("GET https://host/x?api_key=abc&page=2", f"GET https://host/x?api_key={logs.MASK}&page=2"),
        ("refresh_token=abc", f"refresh_token={logs.MASK}"),
        ("authorization: Bearer abcdefgh12", f"authorization: Bearer {logs.MASK}"),
        ("http://127.0.0.1:8080/path", "http://127.0.0.1:8080/path"),
        ("mail vera@example.test at 10:30", "mail vera@example.test at 10:30"),
        ("metadata `authorization: Bearer <token>`", "metadata `authorization: Bearer <token>`"),
        ("a token = a word", "a token = a word"),
    ],
)
def test_what_stands_where_secrets_stand_is_masked_in_any_text(text: str, masked: str) -> None:
    assert logs.mask_text(text) == masked


@pytest.mark.parametrize("name", ["password", "api_key", "OPENAI_API_KEY", "bot_token", "client_secret"])
def test_a_value_under_a_secrets_name_is_masked(captured: CapturedLogs, name: str) -> None:
    log.info("e", **{name: "abc"}, nested={name: ["abc"]}, prompt_tokens=7)
    (record,) = captured.records
    assert (record[name], record["nested"][name]) == (logs.MASK, logs.MASK)
    assert record["prompt_tokens"] == 7


def test_a_secret_string_never_shows_its_value(captured: CapturedLogs) -> None:
    log.info("e", detail=SecretStr("abc-def-ghi"), settings=logs.public_settings(SETTINGS))
    assert "abc-def-ghi" not in captured.text
    assert captured.records[0]["settings"]["host"] == "127.0.0.1"


def fail_with(text: str) -> None:
    local_variable = f"only a local: {OWN_TOKEN}"
    raise ValueError(text, local_variable[:4])


@pytest.mark.parametrize("given", ["exception()", "exc_info=True", "exc_info=error", "library"])
def test_an_exception_is_logged_with_its_traceback(captured: CapturedLogs, given: str) -> None:
    try:
        fail_with("no such thing")
    except ValueError as error:
        match given:
            case "exception()":
                log.exception("failed")
            case "exc_info=True":
                log.error("failed", exc_info=True)
            case "exc_info=error":
                log.error("failed", exc_info=error)
            case "library":
                logging.getLogger("some.library").exception("failed")
    (record,) = captured.of("failed")
    assert record["exception"].startswith("Traceback")
    assert "in fail_with" in record["exception"]
    assert "no such thing" in record["exception"]
    assert "exc_info" not in record


@pytest.mark.parametrize("format", ["json", "console"])
def test_no_secret_is_in_a_logged_traceback(format: Any) -> None:
    with captured_logs(format=format) as found:
        logs.keep_secret(SETTINGS)
        try:
            try:
                fail_with(f"cannot connect to {DSN}")
            except ValueError as cause:
                raise RuntimeError(f"unknown://u:{PASSWORD}@h") from cause
        except RuntimeError:
            log.exception("failed")
            logging.getLogger("some.library").exception("failed too")
    assert found.text.count("in fail_with") == 2
    assert PASSWORD not in found.text
    assert OWN_TOKEN not in found.text


def test_an_address_in_a_traceback_is_masked_though_no_secret_is_known() -> None:
    with captured_logs() as found:
        try:
            fail_with("cannot reach redis://user:abc@host")
        except ValueError:
            log.exception("failed")
    assert "user:abc@" not in found.text


def test_exc_info_without_an_exception_adds_nothing(captured: CapturedLogs) -> None:
    log.error("no trouble", exc_info=True)
    assert "exception" not in captured.records[0]


def test_short_secrets_do_not_mask_parts_of_words(captured: CapturedLogs) -> None:
    logs.keep_secret(ChassisSettings(token=SecretStr("or")))
    log.info("or so")
    assert captured.records[0]["event"] == "or so"


def test_people_get_lines_and_not_json() -> None:
    with captured_logs(format="console") as found:
        log.info("run ended", state="RELEASED")
    assert "run ended" in found.text
    assert not found.text.startswith("{")


def test_errors_go_to_the_sink_too_and_nothing_less() -> None:
    with captured_logs():
        taken: list[Any] = []
        logs.set_error_sink(taken.append)
        try:
            log.warning("no")
            log.error("yes")
            log.critical("yes indeed")
            logging.getLogger("some.library").error("also yes")
        finally:
            logs.set_error_sink(None)
        log.error("not any more")
    assert [record["event"] for record in taken] == ["yes", "yes indeed", "also yes"]
