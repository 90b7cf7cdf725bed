"""However a file is cut into pieces, it gives the same errors."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiartist.error_analyzer.v1.error_analyzer_pb2 import ErrorEvent
from services.error_analyzer.intake import events as made
from services.error_analyzer.intake.reading import End, read_piece
from tests.support.log_writer import errors, json_error, printed


def boom() -> None:
    raise ValueError("no luck\nin two lines")


def again() -> None:
    try:
        boom()
    except ValueError as error:
        raise KeyError("key") from error


TRACES = (printed(boom), printed(again))
STAMP = "2026-03-01T12:00:00.123456789Z"
PARTS = st.one_of(
    st.sampled_from(
        [
            *TRACES,
            *("ERROR:a:failed\n" + trace for trace in TRACES),
            *("".join(f"web-1  | {line}\n" for line in trace.splitlines()) for trace in TRACES),
            "2026-03-01 12:00:00 INFO a: fine\n",
            "2026-03-01 12:00:00 ERROR a: alone\n",
            "worker-1  | ERROR:b:other\n",
            f"{STAMP} stderr P ERROR:c:in \n{STAMP} stderr F parts\n",
            "  a line of nobody\n",
            "\n",
            json_error("structured"),
        ]
    ),
    st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")),
)


def by_chunks(data: bytes, cuts: list[int], most: int | None = None) -> list[ErrorEvent]:
    """Read as a file that grows: each time what is unread, then its end."""
    events: list[ErrorEvent] = []
    offset = 0
    for end in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        while (piece := read_piece(data[offset:end], "svc", most=most)).consumed:
            events += piece.events
            offset += piece.consumed
            if most is None:
                break
    while offset < len(data):
        piece = read_piece(data[offset:], "svc", end=End.CLOSED, most=most)
        events += piece.events
        offset += piece.consumed
    return events


@given(st.lists(PARTS, max_size=12), st.lists(st.integers(0, 10_000), max_size=12))
def test_any_cuts_give_the_same_errors(parts: list[str], cuts: list[int]) -> None:
    data = "".join(parts).encode("latin-1", "replace")
    assert by_chunks(data, cuts) == list(errors(data))


@given(st.lists(PARTS, max_size=12), st.integers(0, 10_000))
def test_a_piece_read_again_by_itself_gives_the_same_errors(parts: list[str], cut: int) -> None:
    data = "".join(parts).encode("latin-1", "replace")
    piece = read_piece(data[: cut % (len(data) + 1)], "svc")
    assert list(errors(data[: piece.consumed])) == list(piece.events)


def test_a_piece_holds_no_more_errors_than_wanted_and_none_is_left_out() -> None:
    data = "".join(json_error(f"e{number}") for number in range(50)).encode()
    assert len(read_piece(data, "svc", most=7).events) == 7
    assert [e.message for e in by_chunks(data, [], most=7)] == [f"e{number}" for number in range(50)]


@pytest.mark.parametrize("end", list(End))
def test_a_line_without_an_end_is_skipped_until_it_has_one(end: End) -> None:
    piece = read_piece(b"ERROR:a:rest of a long line", "svc", skipping=True, end=end)
    assert (list(piece.events), piece.consumed, piece.skipping) == ([], 27, True)
    piece = read_piece(b"rest\nERROR:a:next\nINFO:a:b\n", "svc", skipping=True)
    assert ([e.message for e in piece.events], piece.skipping) == (["next"], False)


NAMES = st.sampled_from(
    [
        *("exception", "exc_info", "exc_type", "exc_value", "frames", "lineno", "filename", "name", "stack"),
        *("level", "levelno", "ts", "error", "err", "service", "type", "message", "msg", "version", "rpc"),
        "error_id",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("error"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)
STACK = st.fixed_dictionaries(
    {"exc_type": st.just("X") | JSON}, optional={"exc_value": JSON, "frames": JSON | st.lists(
        st.dictionaries(st.sampled_from(["filename", "lineno", "name"]), JSON, max_size=3), max_size=2
    )}
)  # fmt: skip


@given(st.dictionaries(NAMES, JSON, max_size=5), st.lists(STACK, max_size=2) | JSON)
def test_no_record_of_any_shape_fails_to_be_read(fields: dict[str, object], exception: object) -> None:
    line = json.dumps({"level": "error", "msg": "x", **fields, "exception": exception}) + "\n"
    piece = read_piece(line.encode(), "svc", end=End.CLOSED)
    assert (piece.failed, piece.consumed) == (0, len(line))


@pytest.mark.parametrize(
    "exception",
    [
        [{"exc_type": "X", "frames": 5}],
        [{"exc_type": "X", "frames": [{"lineno": True, "filename": [], "name": {}}]}],
        [{"exc_type": "X", "exc_value": [1], "frames": {"a": 1}}, {"exc_type": "Y", "exc_value": {}}],
    ],
)
def test_what_has_the_wrong_type_in_an_exception_is_left_out(exception: object) -> None:
    (event,) = errors(json_error("x", exception=exception))
    assert (event.exception_type, event.exception_message) == ("X", "")
    assert all((frame.line, frame.file, frame.function) == (0, "", "") for frame in event.frames)


@pytest.mark.parametrize("broken", ["from_fields", "from_line", "from_traceback"])
def test_a_record_that_cannot_be_read_is_counted_and_the_others_are_read(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = {
        "from_fields": json_error("structured"),
        "from_line": "ERROR:a:a line\n",
        "from_traceback": "INFO:a:b\n" + printed(boom),
    }

    def fails(*_: object) -> ErrorEvent:
        raise RuntimeError

    monkeypatch.setattr(made, broken, fails)
    piece = read_piece("".join(lines.values()).encode(), "svc", end=End.CLOSED)
    assert (len(piece.events), piece.failed) == (2, 1)
    assert read_piece(lines[broken].encode()[:-1], "svc").failed == 0


def test_a_line_that_cannot_be_read_is_counted_once_it_is_done_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_text: str) -> None:
        raise RecursionError

    monkeypatch.setattr("services.error_analyzer.intake.reading.read_line", fails)
    piece = read_piece(b"one\ntwo\n", "svc", end=End.FLUSHED)
    assert (piece.consumed, piece.failed) == (8, 2)
