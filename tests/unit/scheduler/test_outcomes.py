"""How a run ended, as artist_db takes it; what a reflection came to, in a line; and news as notices."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aiartist.artist_db.v1 import life_pb2
from aiartist.common.v1 import decision_pb2
from aiartist.notifier.v1 import notifier_pb2
from services.scheduler.domain import Decision, Place, Run, RunError, RunState, StageName, Verdict
from services.scheduler.label_clock import notice_of
from services.scheduler.outcomes import outcome_of
from services.scheduler.stages.reflect import told

BEGAN = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
ENDED = BEGAN + timedelta(hours=2)
State = life_pb2.PersonaChange.State
NEWS = life_pb2.News.Topic


def ended(state: RunState, **more: Any) -> Run:
    values: dict[str, Any] = {
        "stage": StageName.REFLECT, "place": Place.HELD, "created_at": BEGAN, "ended_at": ENDED,
        "updated_at": ENDED + timedelta(minutes=5), "endings": 1, **more,
    }  # fmt: skip
    return Run("run_1", "art_1", state, autopilot=False, started_by="cadence", **values)


def test_an_outcome_has_the_persons_decision_and_what_was_decided_about() -> None:
    decision = Decision(Verdict.REJECTED, "sha256:1", "telegram:vera", "off key", ENDED)
    run = ended(
        RunState.REJECTED, decision=decision, brief_id="brf_1", take_id="tak_2", title="Harbour Lights"
    )
    outcome = outcome_of(run, takes=2)
    assert (outcome.run_id, outcome.artist_id, outcome.state) == ("run_1", "art_1", "REJECTED")
    assert outcome.decision.verdict == decision_pb2.VERDICT_REJECTED
    assert (outcome.decision.decided_by, outcome.decision.reason) == ("telegram:vera", "off key")
    assert (outcome.brief_id, outcome.take_id, outcome.title) == ("brf_1", "tak_2", "Harbour Lights")
    assert (outcome.takes, outcome.ending, outcome.release_id) == (2, 1, "")
    assert (outcome.failure_reason, outcome.failed_stage) == ("", "")


def test_a_run_ended_when_it_ended_and_not_when_it_was_looked_back_on() -> None:
    outcome = outcome_of(ended(RunState.RELEASED, release_id="rel_1"), takes=1)
    assert outcome.started_at.ToDatetime(UTC) == BEGAN
    assert outcome.ended_at.ToDatetime(UTC) == ENDED


def test_a_failure_is_told_with_its_stage_and_no_longer_than_artist_db_takes() -> None:
    error = RunError("ERROR_REASON_REVIEW_FAILED", "x" * 5_000, retryable=True)
    run = ended(RunState.FAILED, stage=StageName.PRODUCE, error=error, endings=3)
    outcome = outcome_of(run, takes=3)
    assert (outcome.failure_reason, outcome.failed_stage) == ("ERROR_REASON_REVIEW_FAILED", "PRODUCE")
    assert outcome.failure_text == "x" * 1_000
    assert outcome.ending == 3
    assert not outcome.HasField("decision")


def test_the_error_of_a_stage_after_the_end_is_no_failure_of_the_run() -> None:
    waits = ended(RunState.RELEASED, error=RunError("ERROR_REASON_INTERNAL", "reflector", retryable=True))
    outcome = outcome_of(waits, takes=1)
    assert (outcome.failure_reason, outcome.failure_text, outcome.failed_stage) == ("", "", "")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"state": State.STATE_NO_CHANGE, "reason": "all is well"}, "no change: all is well"),
        (
            {"state": State.STATE_NO_CHANGE, "reason": "r", "outcome": "thin evidence"},
            "no change: thin evidence",
        ),
        ({"state": State.STATE_REFUSED, "outcome": "tempo is bounded"}, "refused: tempo: tempo is bounded"),
        ({"state": State.STATE_PROPOSED}, "proposed: tempo"),
        ({"state": State.STATE_APPLIED, "version": 4}, "version 4: tempo"),
        ({"state": State.STATE_LAPSED}, "lapsed: tempo"),
    ],
)
def test_what_a_reflection_came_to_is_one_line(change: dict[str, Any], line: str) -> None:
    made = life_pb2.PersonaChange(**change)
    made.change.field = "tempo"
    assert told(made) == line


@pytest.mark.parametrize("topic", [topic for topic in NEWS.values() if topic])
@pytest.mark.parametrize("warning", [True, False])
def test_news_keep_their_topic_their_weight_and_their_subject(topic: Any, warning: bool) -> None:
    news = life_pb2.News(
        id=7, topic=topic, warning=warning, title="Two\nlines", body="why", artist_id="art_1", run_id="run_1",
        subject_id="mov_1",
    )  # fmt: skip
    notice = notice_of(news)
    assert notifier_pb2.Topic.Name(notice.topic) == NEWS.Name(topic)
    expected = notifier_pb2.SEVERITY_WARNING if warning else notifier_pb2.SEVERITY_INFO
    assert (notice.request_id, notice.severity, notice.title) == ("news/7", expected, "Two lines")
    assert (notice.artist_id, notice.run_id, notice.subject_id, notice.body) == (
        "art_1",
        "run_1",
        "mov_1",
        "why",
    )


def test_news_of_a_later_version_are_told_as_their_text() -> None:
    notice = notice_of(life_pb2.News(id=8, topic=99, title="Something new"))
    assert notice.topic == notifier_pb2.TOPIC_UNSPECIFIED
    assert notice.title == "Something new"
