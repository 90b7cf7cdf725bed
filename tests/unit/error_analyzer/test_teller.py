"""What people are told of an error group, and that it is once the same thing."""

from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.notifier.v1 import notifier_pb2 as pb
from services.chassis.notices import Notices
from services.error_analyzer.grouping import Event, group_events
from services.error_analyzer.teller import Teller, diff_size

DIFF = "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n-bad\n+good\n+better\n same\n"


class Told:
    """In the place of notices on their way."""

    def __init__(self) -> None:
        self.notices: list[pb.NotifyRequest] = []

    def tell(self, notice: pb.NotifyRequest) -> bool:
        self.notices.append(notice)
        return True


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def teller(told: Told) -> Teller:
    return Teller(cast(Notices, told))


def group(status: str = "analyzed", **fields: Any) -> db.ErrorGroup:
    values = {
        "status": status,
        "cause": "a name is misspelt",
        "component": "services/release",
        "severity": "high",
        "confidence": 0.876,
        "fixable": True,
        "attempt_id": "att_1",
        "models": ["m"],
        "subject_digest": "d" * 64,
        "diff": DIFF,
        "explanation": "spells it right",
        "test_path": "tests/autofix/test_x.py",
        "reason": "as asked",
    }
    report = db.ErrorReport(**{**values, **fields})
    return db.ErrorGroup(
        fingerprint="a" * 32,
        title="KeyError",
        culprit="services.x.y",
        count=1_234,
        services=["release"],
        status=status,
        report=report,
    )


def test_a_severe_error_is_told_with_cause_severity_and_confidence(teller: Teller, told: Told) -> None:
    teller.analysed(group())
    (notice,) = told.notices
    assert (notice.topic, notice.severity) == (pb.TOPIC_ERROR, pb.SEVERITY_ERROR)
    assert notice.title == "High: KeyError"
    assert notice.error_fingerprint == "a" * 32
    assert notice.body.splitlines() == [
        "Cause: a name is misspelt",
        "In services.x.y (services/release).",
        "88 % sure. A change of code can mend it.",
        "Seen 1,234 times in release.",
    ]


@pytest.mark.parametrize("severity", ["", "low", "medium"])
def test_of_what_is_not_severe_nobody_is_told(teller: Teller, told: Told, severity: str) -> None:
    teller.analysed(group(severity=severity))
    assert not told.notices


def test_of_an_ignored_group_nobody_is_told(teller: Teller, told: Told) -> None:
    ignored = group("ignored")
    for tell in (
        teller.analysed,
        teller.fix_waits,
        teller.fix_applied,
        teller.fix_reverted,
        teller.fix_kept,
        lambda of: teller.needs_a_person(of, "why"),
    ):
        tell(ignored)
    assert not told.notices


def test_a_proven_fix_is_told_with_its_size_its_proof_and_how_to_apply_it(teller: Teller, told: Told) -> None:
    teller.fix_waits(group("fix_suggested", commit="c" * 40, branch="autofix/a"))
    (notice,) = told.notices
    assert notice.title == "A fix waits: KeyError"
    assert "+2 -1 in 1 file, and its test tests/autofix/test_x.py." in notice.body
    assert "the project's tests pass" in notice.body
    assert "aiartist error apply aaaaaaaaaaaa" in notice.body


def test_of_a_fix_that_was_not_run_no_proof_is_claimed(teller: Teller, told: Told) -> None:
    teller.fix_waits(group("fix_suggested"))
    assert "nothing of it was run" in told.notices[0].body
    assert "pass" not in told.notices[0].body
    assert "error apply" not in told.notices[0].body


def test_what_becomes_of_a_fix_is_told_with_why_and_by_whom(teller: Teller, told: Told) -> None:
    teller.fix_applied(group("fix_applied", commit="c" * 40, by="telegram: Ana"))
    teller.fix_reverted(group("reverted", commit="d" * 40, reason="it came back"))
    teller.fix_kept(group("fix_applied", commit="c" * 40, reason="kept: it held"))
    teller.needs_a_person(group("fix_suggested", commit="c" * 40), "it does not fit")
    assert [notice.title.partition(":")[0] for notice in told.notices] == [
        "A fix is applied",
        "A fix is taken out again",
        "A fix holds",
        "A repair needs a person",
    ]
    applied, reverted, kept, person = (notice.body for notice in told.notices)
    assert "By telegram: Ana." in applied
    assert "Commit cccccccccccc." in applied
    assert reverted.startswith("Why: it came back")
    assert kept.startswith("kept: it held")
    assert person.startswith("it does not fit")


def test_a_repeat_is_the_same_notice_and_another_attempt_is_another(teller: Teller, told: Told) -> None:
    def ids(*groups: db.ErrorGroup) -> int:
        told.notices.clear()
        for one in groups:
            teller.fix_waits(one)
        return len({notice.request_id for notice in told.notices})

    fix = group("fix_suggested", commit="c" * 40)
    assert ids(fix, fix) == 1
    assert ids(fix, group("fix_suggested", commit="d" * 40)) == 2
    assert ids(fix, group("fix_suggested", commit="c" * 40, attempt_id="att_2")) == 2


def test_a_fix_that_is_applied_and_later_kept_is_two_notices(teller: Teller, told: Told) -> None:
    teller.fix_applied(group("fix_applied", commit="c" * 40, attempt_id="att_apply"))
    teller.fix_kept(group("fix_applied", commit="c" * 40, attempt_id="att_watch"))
    assert len({notice.request_id for notice in told.notices}) == 2


def test_a_cause_that_was_known_before_is_told_once_however_often_it_is_reported(
    teller: Teller, told: Told
) -> None:
    for attempt in ("att_1", "att_2"):
        teller.analysed(group(attempt_id=attempt, models=[]))
    assert len({notice.request_id for notice in told.notices}) == 1


def test_a_removed_line_that_looks_like_a_header_is_counted() -> None:
    report = db.ErrorReport(diff="--- a/x.sql\n+++ b/x.sql\n@@ -1 +1 @@\n--- a comment\n+select 1\n")
    assert diff_size(report) == "+1 -1 in 1 file."


class Broken:
    """Notices that can't be taken."""

    def tell(self, notice: pb.NotifyRequest) -> bool:
        raise RuntimeError(f"no place for {notice.title}")


def test_what_goes_wrong_while_it_is_told_is_logged_and_stops_nobody() -> None:
    teller = Teller(cast(Notices, Broken()))
    (occurrences,) = group_events([Event("release", "boom")]).occurrences
    tells = (teller.analysed, teller.fix_waits, teller.fix_applied, teller.fix_reverted, teller.fix_kept)
    with capture_logs() as lines:
        for tell in tells:
            tell(group("fix_applied"))
        teller.needs_a_person(group(), "why")
        teller.new_group(occurrences)
    names = [*(tell.__name__ for tell in tells), "needs_a_person", "new_group"]
    assert [line["what"] for line in lines] == names
    assert all(isinstance(line["exc_info"], RuntimeError) for line in lines)
