"""However a file is cut into pieces, it gives the same errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiartist.error_analyzer.v1.error_analyzer_pb2 import ErrorEvent
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
