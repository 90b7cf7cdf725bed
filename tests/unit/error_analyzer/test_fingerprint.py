"""Errors are the same where they come from the same place, and else are not."""

import os
import subprocess
import sys
import uuid
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.error_analyzer.grouping import Event, TracedFrame, group_events
from services.error_analyzer.grouping.fingerprint import MAX_TEMPLATE, Fault, Frame, group_of, template

IDS = st.builds(
    lambda prefix, rest: f"{prefix}_{rest}",
    st.sampled_from(["run", "art", "brf", "tak", "rel", "msg", "err"]),
    st.text(alphabet="0123456789abcdefghjkmnpqrstvwxyz", min_size=26, max_size=26),
)
NUMBERS = st.one_of(st.integers(-(10**15), 10**15).map(str), st.floats(0, 10**6).map(lambda f: f"{f:.3f}"))
DURATIONS = st.builds(
    lambda n, unit: f"{n}{unit}",
    st.integers(0, 9999),
    st.sampled_from(["ms", " s", "s", "m", " min", " hours"]),
)
ADDRESSES = st.one_of(
    st.ip_addresses(v=4).map(lambda ip: f"{ip}:5432"),
    st.ip_addresses(v=6).map(lambda ip: f"[{ip}]:5432"),
    st.sampled_from(["localhost:5432", "db.internal:50052"]),
)
PATHS = st.lists(st.from_regex(r"[a-z0-9_-]{1,12}", fullmatch=True), min_size=1, max_size=5).map(
    lambda parts: "/" + "/".join(parts)
)
DIGESTS = (
    st.binary(min_size=16, max_size=32).map(lambda b: b.hex()).filter(lambda h: any(c.isdigit() for c in h))
)
QUOTED = st.from_regex(r"'[^'\"\\\n]{0,30}'", fullmatch=True)
SHAPES = (
    "run {id} failed after {number} tries",
    "{id}: waited {duration} for {address}",
    "cannot read {path}: it holds {number} bytes",
    "digest {digest} is not {digest2}",
    "request {uuid} from {address} took {duration}",
    "unexpected {quoted} at line {number}",
)


@st.composite
def two_fillings(draw: st.DrawFn) -> tuple[str, str]:
    """One message as it reads at two times."""
    shape = draw(st.sampled_from(SHAPES))
    return tuple(  # type: ignore[return-value]
        shape.format(
            id=draw(IDS),
            number=draw(NUMBERS),
            duration=draw(DURATIONS),
            address=draw(ADDRESSES),
            path=draw(PATHS),
            digest=draw(DIGESTS),
            digest2=draw(DIGESTS),
            uuid=draw(st.uuids()),
            quoted=draw(QUOTED),
        )
        for _ in range(2)
    )


@given(two_fillings())
def test_ids_numbers_addresses_paths_and_quotes_do_not_part_what_is_the_same(texts: tuple[str, str]):
    assert template(texts[0]) == template(texts[1])


@given(two_fillings(), st.sampled_from(["", "ValueError"]))
def test_a_fingerprint_without_frames_survives_a_change_of_ids(texts: tuple[str, str], kind: str):
    first, second = (Fault(message=text, exception_type=kind, exception_message=text) for text in texts)
    assert group_of(first).fingerprint == group_of(second).fingerprint


def test_every_shape_of_message_has_a_template_of_its_own():
    filling = {
        "id": "run_" + "0" * 26,
        "number": "1",
        "duration": "2 s",
        "address": "localhost:1234",
        "path": "/a/b",
        "digest": "0f" * 16,
        "digest2": "1f" * 16,
        "uuid": str(uuid.UUID(int=1)),
        "quoted": "'x'",
    }
    templates = [template(shape.format(**filling)) for shape in SHAPES]
    assert len(set(templates)) == len(SHAPES)
    assert templates[0] == "run <id> failed after <number> tries"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("connect to db.internal:5432 failed", "connect to <address> failed"),
        ("from 10.0.0.1:8080 or [::1]:50051", "from <address> or <address>"),
        ("at 2026-01-02T03:04:05.678Z", "at <time>"),
        ("took 1m 12s", "took <duration>"),
        ("<Run object at 0x7f00aa>", "<Run object at <number>>"),
        ("no file /var/lib/x.flac", "no file <path>"),
        ("no file takes/tak_1/master.flac", "no file <path>"),
        ("GET http://127.0.0.1:80/a?b=1 failed", "GET <url> failed"),
        ("worker-3 of shard_12", "worker-<number> of shard_<number>"),
        ("it's utf8 and sha256, and/or more", "it's utf8 and sha256, and/or more"),
        ("two\n  lines", "two lines"),
    ],
)
def test_what_changes_is_masked_and_what_tells_stays(text: str, expected: str):
    assert template(text) == expected


@pytest.mark.timeout(120)
@given(
    st.lists(st.sampled_from(["1", "a", "f", ":", ".", "/", "-", "_", ",", "'", "s", "://", " "]), min_size=1)
)
@settings(max_examples=50)
def test_a_long_text_of_any_form_has_a_template_before_the_time_is_up(pieces: list[str]):
    text = "".join(pieces)
    assert len(template(text * (100_000 // len(text)))) <= MAX_TEMPLATE


@given(st.text(max_size=2_000))
def test_a_template_is_short_and_one_line(text: str):
    shape = template(text)
    assert len(shape) <= MAX_TEMPLATE
    assert "\n" not in shape


FRAMES = (
    Frame("grpc.aio", "_server", False),
    Frame("services.scheduler.worker", "drive", True),
    Frame("asyncpg.pool", "fetch", False),
    Frame("services.scheduler.store", "save", True),
)
FAULT = Fault("stage failed", "asyncpg.UniqueViolationError", "duplicate key", FRAMES)


def test_an_exception_is_known_by_its_type_and_our_functions():
    group = group_of(FAULT)
    assert len(group.fingerprint) == 32
    assert set(group.fingerprint) <= set("0123456789abcdef")
    assert group.title == "asyncpg.UniqueViolationError"
    assert group.culprit == "services.scheduler.store.save"


@pytest.mark.parametrize(
    "changed",
    [
        replace(FAULT, message="another log line"),
        replace(FAULT, exception_message="another text"),
        replace(FAULT, frames=FRAMES[1:]),
        replace(FAULT, frames=(*FRAMES, Frame("asyncpg.protocol", "query", False))),
        replace(FAULT, frames=(FRAMES[1], FRAMES[1], FRAMES[1], FRAMES[3])),
        replace(FAULT, frames=(FRAMES[1], FRAMES[3], FRAMES[1], FRAMES[3])),
        replace(
            FAULT, frames=(FRAMES[1], Frame("services.scheduler.worker", "drive.<genexpr>", True), FRAMES[3])
        ),
    ],
    ids=[
        "log line",
        "text",
        "outer library",
        "inner library",
        "recursion",
        "mutual recursion",
        "comprehension",
    ],
)
def test_what_is_not_where_it_comes_from_changes_no_fingerprint(changed: Fault):
    assert group_of(changed).fingerprint == group_of(FAULT).fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        replace(FAULT, exception_type="ValueError"),
        replace(FAULT, frames=FRAMES[:2]),
        replace(FAULT, frames=(*FRAMES, Frame("services.scheduler.store", "encode", True))),
        replace(FAULT, frames=(*FRAMES, FRAMES[1])),
        replace(FAULT, frames=(Frame("services.scheduler", "worker.drive", True), FRAMES[3], FRAMES[1])),
        replace(FAULT, frames=()),
        replace(FAULT, exception_type=""),
    ],
    ids=[
        "type",
        "shorter path",
        "longer path",
        "fails further out",
        "another order",
        "no frames",
        "no exception",
    ],
)
def test_another_place_or_type_is_another_error(changed: Fault):
    assert group_of(changed).fingerprint != group_of(FAULT).fingerprint


def test_without_frames_of_ours_the_text_counts():
    first = Fault("failed", "ValueError", "bad tempo 12", (FRAMES[0],))
    assert (
        group_of(first).fingerprint == group_of(replace(first, exception_message="bad tempo 99")).fingerprint
    )
    assert group_of(first).fingerprint != group_of(replace(first, exception_message="bad key 99")).fingerprint


def test_without_an_exception_the_log_line_is_the_title():
    assert group_of(Fault("run run_0123456789abcdefghjkmnpqrs is stuck")).title == "run <id> is stuck"


MODULES = st.sampled_from(["services.release.music", "services.scheduler.worker", "librosa.core", "cli.main"])
EVENTS = st.builds(
    Event,
    service=st.sampled_from(["scheduler", "release"]),
    message=st.text(min_size=1, max_size=60),
    exception_type=st.sampled_from(["", "ValueError", "asyncpg.exceptions.UniqueViolationError"]),
    exception_message=st.text(max_size=60),
    frames=st.lists(
        st.builds(
            TracedFrame, MODULES, st.sampled_from(["a", "b", "C.d"]), st.booleans(), st.integers(0, 500)
        ),
        max_size=6,
    ),
)


@given(event=EVENTS, shift=st.integers(1, 1_000), service=st.sampled_from(["orchestrator", "cli"]))
def test_moved_lines_and_another_service_or_version_change_no_fingerprint(
    event: Event, shift: int, service: str
):
    moved = replace(
        event,
        service=service,
        code_version="9.9",
        frames=[replace(frame, line=frame.line + shift) for frame in event.frames],
    )
    assert group_events([event]).fingerprints == group_events([moved]).fingerprints


_PRINT_FINGERPRINTS = """
from services.error_analyzer.grouping.fingerprint import Frame
from services.error_analyzer.grouping import Event, TracedFrame, group_events
frames = [TracedFrame("services.scheduler.worker", name, True, 7) for name in ("drive", "step", "drive")]
events = [
    Event("a", "stage failed", "ValueError", "bad", frames, {"run_id": "x", "token": "y"}),
    Event("a", "no frames", "ValueError", "bad tempo 12"),
    Event("a", "queue is 12 deep"),
]
batch = group_events(events)
print(batch.fingerprints, [sample.context for o in batch.occurrences for sample in o.samples])
"""


def test_a_restarted_process_gives_the_same_fingerprints():
    def printed(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", _PRINT_FINGERPRINTS],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    first = printed("1")
    assert first.count("'") >= 6
    assert first == printed("2") == printed("random")
