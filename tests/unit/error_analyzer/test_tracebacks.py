"""Python's tracebacks in text, in all their forms."""

from collections.abc import Callable

import pytest

from services.error_analyzer.intake.tracebacks import MAX_FRAMES
from tests.support.log_writer import errors, only, printed


def boom(text: str = "no luck") -> None:
    raise ValueError(text)


def chained() -> None:
    try:
        boom()
    except ValueError as error:
        raise KeyError("key") from error


def while_handled() -> None:
    try:
        boom()
    except ValueError:
        {}["other"]


def grouped() -> None:
    parts = []
    for fail in (boom, chained):
        try:
            fail()
        except Exception as error:  # noqa: BLE001 - whatever it is, it goes into the group
            parts.append(error)
    raise ExceptionGroup("both", parts)


def deep(levels: int = 0) -> None:
    deep(levels + 1)


def unlike_frames() -> None:
    compile("a b", "made.py", "exec")


def test_a_traceback_below_an_error_belongs_to_it() -> None:
    event = only("2026-03-01 12:00:00 ERROR a: it failed\n" + printed(boom))
    assert (event.message, event.exception_type, event.exception_message) == (
        "it failed",
        "ValueError",
        "no luck",
    )
    assert [(frame.function, frame.file) for frame in event.frames][-1] == ("boom", __file__)


@pytest.mark.parametrize(
    ("fail", "kind", "function", "noted"),
    [
        (chained, "KeyError", "chained", {"causes": "ValueError: no luck"}),
        (while_handled, "KeyError", "while_handled", {"causes": "ValueError: no luck"}),
        (
            grouped,
            "ExceptionGroup",
            "grouped",
            {"parts": "ValueError: no luck\nValueError: no luck\nKeyError: 'key'"},
        ),
        (unlike_frames, "SyntaxError", "unlike_frames", {}),
    ],
)
def test_a_traceback_by_itself_is_one_error(
    fail: Callable[[], object], kind: str, function: str, noted: dict[str, str]
) -> None:
    event = only(printed(fail))
    assert (event.exception_type, event.frames[-1].function) == (kind, function)
    assert dict(event.context) == noted
    assert event.message.startswith(f"{kind}: ")


def test_of_a_deep_recursion_repeats_are_no_frames() -> None:
    event = only(printed(deep))
    assert event.exception_type == "RecursionError"
    assert [frame.function for frame in event.frames][-3:] == ["deep"] * 3
    assert len(event.frames) < 10


def test_of_many_frames_the_innermost_are_kept() -> None:
    frames = "".join(f'  File "/srv/app/m.py", line {n}, in f{n}\n    g()\n' for n in range(300))
    event = only(f"Traceback (most recent call last):\n{frames}ValueError: x\n")
    assert [frame.line for frame in event.frames] == list(range(300 - MAX_FRAMES, 300))


def test_a_message_over_several_lines_is_kept_whole() -> None:
    event = only(printed(lambda: boom("one\ntwo\n  three")) + "\nanother text\n")
    assert event.exception_message == "one\ntwo\n  three"


def test_two_tracebacks_are_two_errors() -> None:
    assert [e.exception_type for e in errors(printed(boom) + printed(chained))] == ["ValueError", "KeyError"]


def test_a_traceback_may_be_indented() -> None:
    text = "".join(f"    {line}\n" for line in printed(chained).splitlines())
    event = only(text)
    assert (event.exception_type, dict(event.context)) == ("KeyError", {"causes": "ValueError: no luck"})


@pytest.mark.parametrize("stamp", ["2026-03-01T12:00:00.123456789Z ", "Mar  1 12:00:00 host app[1]: "])
def test_a_prefix_before_every_line_changes_nothing(stamp: str) -> None:
    lines = ("ERROR:a:failed\n" + printed(chained)).splitlines()
    event = only("".join(f"{stamp}{line}\n" for line in lines))
    assert (event.message, event.exception_type) == ("failed", "KeyError")


def test_whole_records_of_others_in_the_middle_leave_it_in_one_piece() -> None:
    lines = printed(boom).splitlines()
    lines[2:2] = ['{"level":"info","event":"between"}', "2026-03-01 12:00:00 INFO x: between"]
    lines.insert(1, '{"level":"error","event":"another"}')
    assert [(e.message, e.exception_type) for e in errors("\n".join(lines))] == [
        ("another", ""),
        ("ValueError: no luck", "ValueError"),
    ]


def test_another_error_in_the_middle_ends_it() -> None:
    first = printed(boom).splitlines()[:3]
    told = errors("\n".join([*first, "ERROR:a:next", "INFO:a:b"]))
    assert [(e.message, bool(e.frames)) for e in told] == [
        ("a traceback whose end was never written", True),
        ("next", False),
    ]


def test_a_crash_after_an_ordinary_line_is_an_error() -> None:
    assert only("INFO:root:starting\n" + printed(boom)).exception_type == "ValueError"


def test_a_frame_of_the_applications_code_is_marked_and_one_of_a_library_is_not() -> None:
    event = only(
        "Traceback (most recent call last):\n"
        '  File "/app/services/scheduler/worker.py", line 12, in drive\n    x()\n'
        '  File "/usr/lib/python3/dist-packages/lib/core.py", line 3, in x\n    y()\n'
        "lib.Odd\n"
    )
    assert [(f.module, f.function, f.line, f.in_app) for f in event.frames] == [
        ("services.scheduler.worker", "drive", 12, True),
        ("lib.core", "x", 3, False),
    ]
    assert (event.exception_type, event.exception_message) == ("lib.Odd", "")
