"""How questions read, and when failed messages come again."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiartist.common.v1.audio_pb2 import Artifact, Review, ReviewCheck
from aiartist.notifier.v1.notifier_pb2 import RequestApprovalRequest
from services.notifier.domain import MAX_BODY, MAX_TITLE, question, retry_delay_s, review_checks, review_facts


def a_request(**changes: object) -> RequestApprovalRequest:
    request = RequestApprovalRequest(
        request_id="r-1",
        run_id="run_1",
        artist_id="art_1",
        artist_name="Nova Vale",
        brief_id="brf_1",
        take_id="tak_1",
        title="Neon Rain",
        content_digest="sha256:aa",
        audio=Artifact(path="takes/tak_1/master.flac"),
        review=Review(
            passed=True,
            duration_ms=94_000,
            loudness_lufs=-14.02,
            true_peak_dbtp=-1.2,
            tempo_bpm=104.4,
            key="A minor",
            checks=[
                ReviewCheck(name="silence", outcome=ReviewCheck.OUTCOME_PASS, message="no silence"),
                ReviewCheck(name="tempo", outcome=ReviewCheck.OUTCOME_WARN, message="4 bpm off"),
            ],
        ),
    )
    request.expires_at.FromDatetime(datetime(2026, 3, 1, 12, 30, tzinfo=UTC))
    for name, value in changes.items():
        setattr(request, name, value)
    return request


def test_a_question_names_song_artist_facts_doubts_commands_and_expiry():
    draft = question(a_request())
    assert draft.title == 'Release "Neon Rain" by Nova Vale?'
    assert draft.body.splitlines() == [
        "Review: passed, 94.0 s, -14.0 LUFS, -1.2 dBTP, 104 bpm, A minor",
        "tempo: 4 bpm off",
        "Audio: takes/tak_1/master.flac",
        "To approve: aiartist run approve run_1",
        "To reject: aiartist run reject run_1 --reason WHY",
        "To regenerate: aiartist run regenerate run_1 --note WISH",
        "Expires: 2026-03-01 12:30 UTC",
    ]


def test_a_question_without_names_falls_back_to_ids():
    assert question(a_request(artist_name="", title="")).title == 'Release "untitled" by art_1?'


def test_a_review_that_was_never_made_has_no_facts():
    assert review_facts(Review()) == ""


def test_every_check_is_told_with_its_number_and_what_is_allowed():
    review = Review()
    review.checks.add(name="true_peak_dbtp", outcome=ReviewCheck.OUTCOME_PASS, measured=-1.23, maximum=-1)
    review.checks.add(
        name="duration_s", outcome=ReviewCheck.OUTCOME_PASS, measured=182, minimum=170, maximum=190
    )
    review.checks.add(
        name="stereo_correlation", outcome=ReviewCheck.OUTCOME_FAIL, measured=-0.9, minimum=-0.3,
        message="-0.9 is less than -0.3",
    )  # fmt: skip
    review.checks.add(name="key_distance", outcome=ReviewCheck.OUTCOME_WARN, measured=2, message="no key")
    assert review_checks(review) == [
        "✅ true_peak_dbtp -1.23 (at most -1)",
        "✅ duration_s 182 (170 to 190)",
        "❌ stereo_correlation -0.9 (at least -0.3): -0.9 is less than -0.3",
        "⚠️ key_distance 2: no key",
    ]


def test_a_failed_review_says_so_in_capitals():
    review = Review(passed=False, duration_ms=1_000, loudness_lufs=-30, true_peak_dbtp=-9)
    assert review_facts(review) == "FAILED, 1.0 s, -30.0 LUFS, -9.0 dBTP"


def test_a_question_fits_the_table_and_holds_nothing_that_a_database_refuses():
    request = a_request(title="x" * 500)
    request.review.checks.extend(
        [ReviewCheck(name="n", outcome=ReviewCheck.OUTCOME_FAIL, message="\x00\x1b" + "m" * 500)] * 50
    )
    draft = question(request)
    assert (len(draft.title), len(draft.body)) == (MAX_TITLE, MAX_BODY)
    assert not set("\x00\x1b") & set(draft.body)


@given(attempts=st.integers(1, 10_000), jitter=st.floats(0, 1))
def test_a_failed_message_waits_between_half_the_base_and_the_most(attempts: int, jitter: float):
    delay = retry_delay_s(attempts, base_s=2, most_s=300, jitter=jitter)
    assert 1 <= delay <= 300


@pytest.mark.parametrize(("attempts", "expected"), [(1, 2), (2, 4), (5, 32), (20, 300)])
def test_the_wait_doubles_with_each_failure_up_to_the_most(attempts: int, expected: float):
    assert retry_delay_s(attempts, base_s=2, most_s=300, jitter=1) == expected
