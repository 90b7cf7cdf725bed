"""A batch becomes groups with their occurrences, fit to be stored."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.error_analyzer.grouping.batch import (
    MAX_CONTEXT_FIELDS,
    MAX_CONTEXT_VALUE,
    MAX_FRAMES,
    MAX_LINE,
    MAX_TEXT,
    NEWEST_SAMPLES,
    Event,
    TracedFrame,
    group_events,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FRAME = TracedFrame("services.scheduler.worker", "drive", True, 12)
EVENT = Event(
    "scheduler", "stage failed", "ValueError", "bad", [FRAME], {"run_id": "run_1"}, NOON, "1.0", "err_1"
)


def test_occurrences_of_one_error_are_merged_and_every_event_gets_its_fingerprint():
    other = replace(EVENT, exception_type="KeyError")
    batch = group_events([EVENT, other, EVENT])
    assert [occurrences.count for occurrences in batch.occurrences] == [2, 1]
    first, second = (occurrences.group.fingerprint for occurrences in batch.occurrences)
    assert batch.fingerprints == [first, second, first]


def test_the_same_error_of_several_services_is_one_group_unless_its_module_is_any_services():
    services = ("scheduler", "release")
    of_a_package = [replace(EVENT, service=service) for service in services]
    of_none = [replace(event, frames=[replace(FRAME, module="main")]) for event in of_a_package]
    assert [occurrences.count for occurrences in group_events(of_a_package + of_none).occurrences] == [
        2,
        1,
        1,
    ]


def test_a_sample_holds_the_traceback_and_the_fields_of_the_record():
    (occurrences,) = group_events([EVENT]).occurrences
    (sample,) = occurrences.samples
    assert sample.text == "services.scheduler.worker.drive:12\nValueError: bad"
    assert (sample.service, sample.message, sample.code_version, sample.error_id) == (
        "scheduler",
        "stage failed",
        "1.0",
        "err_1",
    )
    assert sample.context == {"run_id": "run_1"}
    assert sample.time == NOON


def test_library_frames_are_marked():
    frames = [FRAME, TracedFrame("asyncpg.pool", "fetch", False, 3)]
    (occurrences,) = group_events([replace(EVENT, frames=frames)]).occurrences
    assert occurrences.samples[0].text.splitlines()[1] == "asyncpg.pool.fetch:3  (library)"


def test_secrets_leave_message_traceback_and_fields():
    secret = "sk-0123456789abcdef"
    event = replace(
        EVENT,
        message=f"call with {secret} failed",
        exception_message=f"401 for key {secret}",
        context={"url": f"http://x/?token={secret}", "api_key": "short", secret: "1"},
    )
    assert secret not in repr(group_events([event]))
    assert "short" not in repr(group_events([event]))


def test_a_changed_secret_is_no_other_error():
    def event(secret: str) -> Event:
        return replace(EVENT, frames=(), exception_message=f"key {secret} refused")

    assert len(group_events([event("sk-0123456789abcdef"), event("sk-zyxwvutsrqponml")]).occurrences) == 1


def test_the_newest_the_first_and_one_of_each_service_are_kept():
    events = [replace(EVENT, time=NOON + timedelta(seconds=n), error_id=f"err_{n}") for n in range(50)]
    events[20] = replace(events[20], service="release")
    (occurrences,) = group_events(events).occurrences
    assert occurrences.count == 50
    assert [sample.error_id for sample in occurrences.samples] == [
        "err_0",
        "err_20",
        *(f"err_{n}" for n in range(50 - NEWEST_SAMPLES, 50)),
    ]


def test_huge_errors_are_cut_to_what_is_stored():
    event = replace(
        EVENT,
        message="m" * 100_000,
        exception_message="e" * 100_000,
        frames=[replace(FRAME, function=f"f{n}") for n in range(1_000)],
        context={f"field{n:04}": "v" * 10_000 for n in range(1_000)},
        error_id="i" * 10_000,
    )
    (occurrences,) = group_events([event]).occurrences
    (sample,) = occurrences.samples
    assert len(sample.message) == MAX_LINE
    assert len(sample.text) == MAX_TEXT
    assert sample.text.startswith(f"... {1_000 - MAX_FRAMES} outer frames left out\n")
    assert len(sample.context) == MAX_CONTEXT_FIELDS
    assert {len(value) for value in sample.context.values()} == {MAX_CONTEXT_VALUE}
    assert len(sample.error_id) == MAX_LINE


def test_a_secret_at_the_place_of_the_cut_is_still_recognised():
    secret = "0123456789abcdefghijklmnop"
    event = replace(EVENT, message="x" * (MAX_LINE - 20) + f" token={secret}")
    (occurrences,) = group_events([event]).occurrences
    assert secret[:8] not in occurrences.samples[0].message


def test_control_characters_do_not_reach_the_database_or_a_terminal():
    event = replace(EVENT, message="a\0b\x1b[31m", exception_message="\0", context={"k\0": "\0"})
    assert not {"\0", "\x1b"} & set(
        "".join(
            f"{sample.message}{sample.text}{sample.context}".replace("\\x00", "\0")
            for occurrences in group_events([event]).occurrences
            for sample in occurrences.samples
        )
    )


def test_what_does_not_say_when_its_process_started_is_of_the_code_before_things_settled():
    now, hour = NOON + timedelta(minutes=1), timedelta(hours=1)

    def code_as_of(event: Event, settle_s: float = 3_600) -> datetime:
        (occurrences,) = group_events([event], now=now, settle_s=settle_s).occurrences
        return occurrences.code_as_of

    assert code_as_of(EVENT) == NOON - hour
    assert code_as_of(replace(EVENT, time=None)) == now - hour
    assert code_as_of(replace(EVENT, time=now + 9 * hour)) == now - hour
    assert code_as_of(replace(EVENT, process_started_at=NOON)) == NOON
    assert code_as_of(EVENT, settle_s=0) == NOON


@pytest.mark.parametrize("minutes", [0, 1])
def test_a_time_at_the_beginning_of_the_calendar_is_not_left_by_settling(minutes: int):
    first = datetime.min.replace(tzinfo=UTC)
    event = replace(EVENT, time=first + timedelta(minutes=minutes))
    (occurrences,) = group_events([event], settle_s=3_600).occurrences
    assert occurrences.code_as_of == first
