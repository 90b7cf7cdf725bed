"""A log record as an ErrorEvent: whole, small and without secrets."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from aiartist.error_analyzer.v1.error_analyzer_pb2 import ErrorEvent
from services.chassis import logs
from services.chassis.settings import ChassisSettings
from services.chassis.shipping import MAX_FRAMES, event_of
from services.chassis.version import RELEASE, VERSION, commit_of
from tests.support.captured_logs import captured_logs

TOKEN = "own-token-of-the-service"


@pytest.fixture(autouse=True)
def known_secret() -> Iterator[None]:
    with captured_logs():
        logs.keep_secret(ChassisSettings(token=SecretStr(TOKEN)))
        yield


class Outer:
    class OddError(Exception):
        pass

    def fail(self, text: str) -> None:
        raise self.OddError(text)


def event(error: BaseException | None = None, **fields: Any) -> ErrorEvent:
    return event_of({"event": "failed", "level": "error", "exc_info": error, **fields}, "scheduler")


def raised(text: str = "no luck") -> Exception:
    try:
        Outer().fail(text)
    except Outer.OddError as error:
        return error
    raise AssertionError


def test_an_event_has_exactly_the_tracebacks_frames_outermost_first() -> None:
    frames = [(f.module, f.function, f.in_app) for f in event(raised()).frames]
    assert frames == [(__name__, "raised", False), (__name__, "Outer.fail", False)]


def test_a_frame_knows_its_line() -> None:
    error = raised()
    assert error.__traceback__ is not None
    assert event(error).frames[0].line == error.__traceback__.tb_lineno


def test_frames_of_the_platforms_own_code_are_marked() -> None:
    try:
        ChassisSettings().dsn()
    except Exception as error:  # noqa: BLE001 - whatever it raises, its frames are looked at
        frames = {f.module: f.in_app for f in event(error).frames}
    assert frames == {__name__: False, "services.chassis.settings": True}


def test_an_exceptions_type_is_told_with_its_module() -> None:
    assert event(raised()).exception_type == f"{__name__}.Outer.OddError"
    assert event(ValueError("x")).exception_type == "ValueError"


def test_a_record_without_an_exception_has_no_frames() -> None:
    told = event()
    assert (told.exception_type, told.exception_message, list(told.frames)) == ("", "", [])


def test_an_event_says_what_happened_where_and_when() -> None:
    before = time.time_ns()
    told = event(raised(), run_id="run_1", attempt=3, error_id="err_1")
    assert (told.service, told.message, told.error_id) == ("scheduler", "failed", "err_1")
    assert (told.exception_message, told.code_version) == ("no luck", RELEASE)
    assert before <= told.time.ToNanoseconds() <= time.time_ns()
    assert dict(told.context) == {"run_id": "run_1", "attempt": "3"}


def test_an_event_says_when_its_process_started_and_the_same_each_time() -> None:
    first, second = event(), event()
    assert 0 < first.process_started_at.ToNanoseconds() <= first.time.ToNanoseconds()
    assert first.process_started_at == second.process_started_at


def test_a_frame_names_its_source_file() -> None:
    assert {frame.file for frame in event(raised()).frames} == {__file__}


def test_the_release_tells_the_commit_of_a_repository(tmp_path: Path) -> None:
    git, commit = tmp_path / ".git", "0123456789abcdef" * 2 + "01234567"
    (git / "refs/heads").mkdir(parents=True)
    assert commit_of(tmp_path) == ""
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text(f"# pack-refs\n{commit} refs/heads/main\n")
    assert commit_of(tmp_path) == commit
    (git / "refs/heads/main").write_text("f" * 40 + "\n")
    assert commit_of(tmp_path) == "f" * 40
    worktree = git / "worktrees/w"
    worktree.mkdir(parents=True)
    (worktree / "HEAD").write_text("ref: refs/heads/main\n")
    (worktree / "commondir").write_text("../..\n")
    (tmp_path / "w").mkdir()
    (tmp_path / "w/.git").write_text(f"gitdir: {worktree}\n")
    assert commit_of(tmp_path / "w") == "f" * 40
    assert RELEASE.startswith(VERSION)


def test_structlogs_own_fields_are_no_context() -> None:
    assert dict(event(_record=object(), timestamp="t", component="c").context) == {"component": "c"}


def test_no_secret_is_shipped() -> None:
    told = event(
        raised(f"with {TOKEN}"),
        event=f"cannot use {TOKEN}",
        detail={"inner": TOKEN},
        password="abc",
        url="redis://user:abc@host",
    )
    assert TOKEN not in str(told)
    assert told.context["password"] == logs.MASK
    assert "abc" not in str(told)


def test_a_long_record_is_cut() -> None:
    told = event(raised("m" * 5_000), event="e" * 5_000, detail="d" * 5_000)
    assert (len(told.message), len(told.exception_message), len(told.context["detail"])) == (1000, 2000, 500)


def test_of_a_deep_traceback_the_innermost_frames_are_kept() -> None:
    def dig(depth: int) -> None:
        if depth == 0:
            raise ValueError
        dig(depth - 1)

    with pytest.raises(ValueError) as caught:
        dig(300)
    frames = event(caught.value).frames
    assert len(frames) == MAX_FRAMES
    assert frames[-1].line == dig.__code__.co_firstlineno + 2


def test_a_record_without_a_text_is_still_a_valid_event() -> None:
    assert event(event="").message == "(no message)"


def test_half_a_character_does_not_break_an_event() -> None:
    assert event(raised("bad \udce4 name"), detail="\udce4").exception_message == "bad ? name"


def test_an_event_has_at_most_40_fields_with_short_names() -> None:
    told = event(**{f"field_{n}": n for n in range(100)}, **{"n" * 5_000: 1})
    assert set(told.context) == {f"field_{n}" for n in range(40)}
    assert len(next(iter(event(**{"n" * 5_000: 1}).context))) == 100


def test_of_a_long_text_no_more_is_masked_than_four_times_what_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    masked: list[int] = []
    mask = logs.mask_text
    monkeypatch.setattr(logs, "mask_text", lambda text: masked.append(len(text)) or mask(text))
    nested = {"a": ["d" * 8_000_000] * 100, "b": {str(n): "e" * 100 for n in range(10_000)}}
    told = event(event="e" * 8_000_000, detail="d" * 8_000_000, nested=nested, inner=(nested,) * 9)
    assert [len(told.context[name]) for name in ("detail", "nested", "inner")] == [500] * 3
    assert max(masked) <= 4 * 1_000
    assert sum(masked) < 20_000


@pytest.mark.parametrize("most", [480, 495, 500, 1_980, 1_990, 2_000])
def test_a_secret_at_the_cut_is_masked(most: int) -> None:
    before = "." * (most - 10)
    for text in (f"{before}{TOKEN}{'x' * 9_000}", f"{before}redis://u:{TOKEN}@h{'x' * 9_000}"):
        told = event(event=text, detail=text, nested=[text]).context
        assert not any(TOKEN[:8] in told[name] for name in told)


def test_what_shrinks_when_it_is_masked_shows_no_part_of_the_last_secret() -> None:
    # Masked it is less than a third as long, so that the first cut is within what is kept.
    told = event(detail=f"{TOKEN},{TOKEN}," * 2_000, nested=[f"{TOKEN} " * 4_000]).context
    assert all("own-token" not in text for text in told.values())


def test_what_holds_itself_is_cut_too() -> None:
    odd: dict[str, object] = {"password": "abc"}
    odd["again"] = odd
    told = event(odd=odd).context["odd"]
    assert "abc" not in told
    assert told.startswith("{'password': '********'")
