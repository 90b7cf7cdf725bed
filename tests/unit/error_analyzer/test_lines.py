"""Lines of the usual logs, and which of them are errors."""

from itertools import zip_longest
from typing import Any

import pytest

from services.error_analyzer.intake.lines import MAX_LINE
from services.error_analyzer.intake.reading import End, read_piece
from tests.support.captured_logs import captured_logs
from tests.support.log_writer import errors, json_error, only, printed


def boom() -> None:
    raise ValueError("no luck")


@pytest.mark.parametrize(
    ("line", "message", "time"),
    [
        ("2026-03-01 12:00:00,123 ERROR app.worker: it failed", "it failed", "2026-03-01T12:00:00.123Z"),
        ("2026-03-01 12:00:00,123 - app.worker - ERROR - it failed", "it failed", "2026-03-01T12:00:00.123Z"),
        ("2026-03-01T12:00:00+02:00 CRITICAL it failed", "it failed", "2026-03-01T10:00:00Z"),
        ("ERROR:root:it failed", "it failed", None),
        ("ERROR:    it failed", "it failed", None),
        ("[ERROR] it failed", "it failed", None),
        ("[12:00:00] [ERROR] it failed", "it failed", None),
        ("[2026-03-01 12:00:00 +0000] [7] [ERROR] it failed", "it failed", "2026-03-01T12:00:00Z"),
        ("2026/03/01 12:00:00 [error] it failed", "it failed", "2026-03-01T12:00:00Z"),
        ("2026-03-01 12:00:00.5 | ERROR    | it failed", "it failed", "2026-03-01T12:00:00.500Z"),
        ("2026-03-01 12:00:00.000 UTC [71] FATAL:  it failed", "it failed", "2026-03-01T12:00:00Z"),
        ("Mar  1 12:00:00 host app[12]: ERROR it failed", "it failed", None),
        ("<11>Mar  1 12:00:00 host app[12]: it failed", "it failed", None),
        ("<11>1 2026-03-01T12:00:00Z host app 12 ID1 - it failed", "it failed", "2026-03-01T12:00:00Z"),
        ("E0301 12:00:00.123456       1 server.go:12] it failed", "it failed", None),
        ("\x1b[2m2026-03-01T12:00:00Z\x1b[0m [\x1b[31merror    \x1b[0m] it failed       ", "it failed", None),
        ("2026-03-01T12:00:00.123456789Z ERROR it failed", "it failed", "2026-03-01T12:00:00.123456Z"),
        (
            "2026-03-01T12:00:00.123456789Z stderr F ERROR it failed",
            "it failed",
            "2026-03-01T12:00:00.123456Z",
        ),
        ('ts=2026-03-01T12:00:00Z level=error msg="it failed"', "it failed", "2026-03-01T12:00:00Z"),
        ('{"level":"error","msg":"it failed","ts":1772366400.5}', "it failed", "2026-03-01T12:00:00.500Z"),
        ('{"severity":"CRITICAL","message":"it failed"}', "it failed", None),
        ('{"level":50,"time":1772366400000,"msg":"it failed"}', "it failed", "2026-03-01T12:00:00Z"),
        (
            '{"levelname":"ERROR","message":"it failed","asctime":"2026-03-01 12:00:00,000"}',
            "it failed",
            None,
        ),
        ('{"log":"ERROR:a:it failed\\n","stream":"stderr","time":"2026-03-01T12:00:00Z"}', "it failed", None),
    ],
)
def test_an_error_is_known_in_any_usual_form(line: str, message: str, time: str | None) -> None:
    event = only(line + "\n")
    assert event.message == message
    if time is not None:
        assert event.time.ToJsonString() == time


@pytest.mark.parametrize(
    "line",
    [
        "2026-03-01 12:00:00,123 WARNING app: an ERROR may follow",
        "INFO:root:ERROR",
        "an error occurred",
        "2026-03-01 12:00:00 an error occurred",
        "W0301 12:00:00.1  1 a.go:1] x",
        '{"level":"warning","event":"x","exception":"Traceback (most recent call last):\\nValueError: x"}',
        '{"level":30,"msg":"ERROR"}',
        '{"a": [1, {"level": "error"}]}',
        "[1, 2]",
        "level=info msg=error",
        "",
    ],
)
def test_what_is_no_error_makes_none(line: str) -> None:
    assert not errors(line + "\n")


def test_a_record_of_our_own_services_is_told_whole() -> None:
    with captured_logs() as captured:
        from services.chassis.logs import bind_context, get_logger

        with bind_context(service="scheduler", run_id="run_1"):
            try:
                boom()
            except ValueError:
                get_logger("worker").exception("stage failed", attempt=2, error_id="err_1")
    event = only(captured.text)
    assert (event.service, event.message, event.error_id) == ("scheduler", "stage failed", "err_1")
    assert (event.exception_type, event.exception_message) == ("ValueError", "no luck")
    assert [frame.function for frame in event.frames][-1] == "boom"
    assert event.frames[-1].file == __file__
    assert dict(event.context) == {"run_id": "run_1", "attempt": "2", "component": "worker"}
    assert event.HasField("time")


def test_our_console_is_read_as_our_json_is() -> None:
    with captured_logs(format="console") as captured:
        from services.chassis.logs import get_logger

        get_logger("worker").error("stage failed", run_id="run_1")
    event = only(captured.text)
    assert event.message == "stage failed"
    assert event.context["run_id"] == "run_1"


@pytest.mark.parametrize("own", [{"service": "error_analyzer"}, {"rpc": "RecordErrors"}])
def test_what_fails_while_errors_are_stored_makes_no_more_of_them(own: dict[str, str]) -> None:
    assert not errors(json_error("own", **own))
    words = " ".join(f"{name}={value}" for name, value in own.items())
    assert not errors(f"2026-03-01 12:00:00 [error    ] own             [component] {words}\n")


@pytest.mark.parametrize(
    ("fields", "kind", "message"),
    [
        ({"exc_info": "Traceback (most recent call last):\nmod.Odd: x"}, "mod.Odd", "x"),
        ({"error": "KeyError: 'x'"}, "KeyError", "'x'"),
        ({"error.type": "KeyError", "error.message": "x"}, "KeyError", "x"),
        ({"error": {"type": "KeyError", "message": "x"}}, "KeyError", "x"),
        ({"exception": [{"exc_type": "KeyError", "exc_value": "x", "frames": []}]}, "KeyError", "x"),
        ({"error": "gone"}, "", ""),
    ],
)
def test_an_exception_is_found_where_loggers_put_it(fields: dict[str, Any], kind: str, message: str) -> None:
    event = only(json_error("failed", **fields))
    assert (event.exception_type, event.exception_message) == (kind, message)


def test_services_that_share_a_file_are_kept_apart_by_their_prefixes() -> None:
    first = ("ERROR:a:first\n" + printed(boom)).splitlines()
    second = ("ERROR:b:second\n" + printed(lambda: {}["key"])).splitlines()
    mixed = [
        f"{name}  | {line}"
        for pair in zip_longest(first, second)
        for name, line in zip(("web-1", "worker_1"), pair, strict=True)
        if line is not None
    ]
    told = {(e.service, e.message, e.exception_type) for e in errors("\n".join(mixed) + "\n")}
    assert told == {("web", "first", "ValueError"), ("worker", "second", "KeyError")}


def test_a_line_that_containers_wrote_in_parts_is_one() -> None:
    stamp = "2026-03-01T12:00:00.123456789Z"
    text = (
        f'{stamp} stderr P {{"level":"error",\n{stamp} stdout F other\n{stamp} stderr F "event":"whole"}}\n'
    )
    assert only(text).message == "whole"


def test_a_record_has_at_most_40_fields_of_500_characters() -> None:
    event = only(json_error("failed", **{f"f{n}": "x" * 1_000 for n in range(100)}))
    assert len(event.context) == 40
    assert max(map(len, event.context.values())) == 500


def test_of_a_line_over_64_kib_the_beginning_is_read_and_the_cut_is_counted() -> None:
    long = json_error("too long", run_id="r", rest="x" * 100_000)
    piece = read_piece(long.encode() + json_error("next").encode(), "svc", end=End.CLOSED)
    assert [event.message for event in piece.events] == ["too long", "next"]
    assert piece.cut == 1
    assert len(long) > MAX_LINE


@pytest.mark.parametrize(
    "time", ['"0001-01-01T00:00:00+23:00"', "1e999", "NaN", f'"{"9" * 400}"', "-1", "[]", "true"]
)
def test_a_time_that_no_calendar_has_is_left_out(time: str) -> None:
    assert not only(f'{{"level":"error","event":"x","ts":{time}}}\n').HasField("time")


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xfe\x00ERROR",
        b'{"level":"error","event":"\\ud800 half"}',
        b"ERROR:a:\x00b\xffc",
        b"[" * 5_000,
        b'{"a":' * 5_000,
        b"\x1b[" * 3_000,
        b"- " * 3_000,
        b"a=" * 3_000,
        b"<11>1 " * 900,
    ],
)
def test_no_bytes_break_it(raw: bytes) -> None:
    for event in errors(raw + b"\n" + raw):
        assert event.SerializeToString()
