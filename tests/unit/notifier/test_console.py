"""What the console channel writes."""

from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from aiartist.common.v1.audio_pb2 import Review
from aiartist.notifier.v1.notifier_pb2 import RequestApprovalRequest
from services.notifier.console import ConsoleChannel
from services.notifier.domain import Draft, Kind, Message, Severity, Topic, question


def message(draft: Draft) -> Message:
    return Message("msg_1", draft, datetime(2026, 1, 1, tzinfo=UTC), None, 0)


def notice(severity: Severity) -> Message:
    return message(Draft(Kind.NOTICE, severity, "Disk nearly full", "2 GiB left", "", ""))


async def test_an_approval_is_one_line_that_says_how_to_decide_and_until_when():
    request = RequestApprovalRequest(
        run_id="run_1",
        artist_id="art_1",
        artist_name="Nova Vale",
        title="Neon Rain",
        content_digest="sha256:aa",
        review=Review(passed=True, duration_ms=94_000, loudness_lufs=-14, true_peak_dbtp=-1.2),
    )
    request.expires_at.FromDatetime(datetime(2026, 3, 1, 12, 30, tzinfo=UTC))
    with capture_logs() as lines:
        await ConsoleChannel().deliver(message(question(request)))
    (line,) = lines
    assert line["event"] == "approval requested"
    assert line["log_level"] == "info"
    assert line["approve"] == "aiartist run approve run_1"
    assert (line["run_id"], line["title"], line["artist"]) == ("run_1", "Neon Rain", "Nova Vale")
    assert line["expires_at"] == "2026-03-01T12:30:00+00:00"
    assert line["review"] == "passed, 94.0 s, -14.0 LUFS, -1.2 dBTP"


async def test_a_notice_is_one_line_with_title_body_and_severity():
    with capture_logs() as lines:
        await ConsoleChannel().deliver(notice(Severity.INFO))
    assert [(line["event"], line["title"], line["body"], line["severity"]) for line in lines] == [
        ("notice", "Disk nearly full", "2 GiB left", "info")
    ]


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.ERROR])
async def test_an_urgent_notice_warns_but_is_never_taken_for_a_fault_of_the_platform(severity: Severity):
    with capture_logs() as lines:
        await ConsoleChannel().deliver(notice(severity))
    assert [(line["log_level"], line["severity"]) for line in lines] == [("warning", severity.value)]


async def test_a_notice_names_what_it_is_about_so_that_the_command_line_finds_it():
    draft = Draft(
        Kind.NOTICE, Severity.INFO, "A change waits", "", "", "art_1", topic=Topic.PERSONA, subject_id="chg_1"
    )
    with capture_logs() as lines:
        await ConsoleChannel().deliver(message(draft))
    assert [(line["artist_id"], line["subject_id"]) for line in lines] == [("art_1", "chg_1")]
