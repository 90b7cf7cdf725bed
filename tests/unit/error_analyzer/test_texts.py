"""Texts from outside, made fit to be shown, and frames read from them."""

from hypothesis import given
from hypothesis import strategies as st

from services.error_analyzer.diagnosis.frames import frames_of, in_app
from services.error_analyzer.diagnosis.texts import MAX_LINE, clean, log_lines, plain, redacted_lines
from services.error_analyzer.grouping import Event, TracedFrame, group_events

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\nq83vEjQ0\n-----END RSA PRIVATE KEY-----"


def test_a_line_keeps_its_number_when_a_secret_of_several_lines_stood_before_it() -> None:
    source = f'before = 1\nKEY = """{KEY}"""\nafter = 2\npassword = "hunter2hunter2"\nlast = 3'
    lines = redacted_lines(source)
    assert len(lines) == len(source.split("\n"))
    assert [lines.index(line) for line in ("before = 1", "after = 2", "last = 3")] == [0, 5, 7]
    assert "MIIE" not in "".join(lines)
    assert "hunter2" not in "".join(lines)


def test_two_secrets_of_several_lines_in_a_row_move_nothing_behind_them() -> None:
    source = f"{KEY}\n{KEY}\nx = 1\n{KEY}\ny = 2"
    lines = redacted_lines(source)
    wanted = source.split("\n")
    assert (lines.index("x = 1"), lines.index("y = 2")) == (wanted.index("x = 1"), wanted.index("y = 2"))
    assert "q83vEjQ0" not in "".join(lines)


@given(st.lists(st.sampled_from(["", "x = 1", KEY, "  return y", 'token = "a1b2c3d4e5f6g7h8"', "# note"])))
def test_a_source_file_has_as_many_lines_without_its_secrets(parts: list[str]) -> None:
    source = "\n".join(parts)
    lines = redacted_lines(source)
    assert len(lines) == source.count("\n") + 1
    assert "MIIE" not in "".join(lines)


def test_no_sign_that_nobody_sees_hides_a_secret_or_turns_a_line_around() -> None:
    assert "hunter2" not in plain("password=hun\u200bter2hun\u202eter2", 200)
    assert plain("a\x1b[31mb\u202ec\x00d\u2066e", 50) == "a [31mbc de"
    assert plain("one\r\ntwo\u2028three", 50) == "one two three"
    assert plain(" one \n\x07two ", 50, lines=True) == "one\ntwo"


def test_what_is_too_long_says_so() -> None:
    assert plain("word " * 100, 20) == "word word word word…"
    (line,) = log_lines("x" * (MAX_LINE + 5))
    assert line == f"{'x' * MAX_LINE} [5 more characters]"


def test_ten_megabytes_of_log_are_read_to_a_bound_and_no_secret_is_cut_in_two() -> None:
    lines = log_lines("password=hunter2hunter2 word\n" * 360_000)
    assert sum(map(len, lines)) < 70_000
    assert lines[-1].endswith("more characters are not shown]")
    assert not any("hunter" in line for line in lines)
    assert log_lines("z" * 10_000_000) == ["[9,934,464 more characters are not shown]"]


def test_frames_are_read_from_both_forms_and_the_error_is_none() -> None:
    text = (
        "... 3 outer frames left out\n"
        "services.a.run:3\n"
        "asyncio.tasks.wait_for:489  (library)\n"
        "services.a.Job.go.<locals>.step:12\n"
        '  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads\n'
        "asyncpg.exceptions.UniqueViolationError\n"
        "KeyError: 'x'"
    )
    assert [(frame.place, frame.line, frame.in_app) for frame in frames_of(text)] == [
        ("services.a.run", 3, True),
        ("asyncio.tasks.wait_for", 489, False),
        ("services.a.Job.go.<locals>.step", 12, True),
        ("usr.lib.python3.11.json.__init__.py.loads", 346, False),
    ]
    assert [frame.place for frame in in_app(frames_of(text))] == [
        "services.a.Job.go.<locals>.step",
        "services.a.run",
    ]


def test_a_sample_s_frames_are_read_as_they_were_grouped() -> None:
    event = Event(
        service="scheduler",
        message="stage failed",
        exception_type="KeyError",
        exception_message="'job_7'",
        frames=[
            TracedFrame("asyncio.tasks", "run", False, 3),
            TracedFrame("services.scheduler.worker", "Worker.drive.<locals>.<lambda>", True, 13),
        ],
    )
    (occurrences,) = group_events([event]).occurrences
    frames = frames_of(occurrences.samples[0].text)
    assert [(frame.place, frame.line, frame.in_app) for frame in frames] == [
        ("asyncio.tasks.run", 3, False),
        ("services.scheduler.worker.Worker.drive.<locals>.<lambda>", 13, True),
    ]


def test_a_recursion_is_one_function() -> None:
    assert len(in_app(frames_of("services.a.fall:3\n" * 30))) == 1


def test_cleaning_twice_changes_nothing_more() -> None:
    text = f"password=hunter2hunter2 https://a:b@c.org/x {KEY} Authorization: Bearer abc.def.ghi ana@b.org"
    assert clean(clean(text)) == clean(text)
