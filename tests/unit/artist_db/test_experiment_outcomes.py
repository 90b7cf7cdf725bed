"""What the end of a run says about its arm."""

import pytest

from aiartist.common.v1.experiment_pb2 import AssignedArm
from aiartist.common.v1.persona_pb2 import Persona
from services.artist_db.domain.experiment_outcomes import End, Judged, Stand, brief_followed, judged
from services.artist_db.domain.experiments import Metric, changed, fits, overlap, protected
from services.artist_db.domain.persona import completed
from services.chassis.cover_styles import COVER_STYLES
from services.release.cover.identity import MOTIFS

APPROVED = End("RELEASED", "APPROVED", True, 0.9, "rel_1")
AUTOPILOT = End("RELEASED", "APPROVED", False, 0.9, "rel_1")
REJECTED = End("REJECTED", "REJECTED", True, 0.8, "")
NO_TAKE_PASSED = End("FAILED", "ERROR", False, 0.4, "")
EXPIRED = End("EXPIRED", "NONE", False, 1.0, "")
PLATFORM_FAILED = End("FAILED", "NONE", False, None, "")
ARTIST = completed(
    Persona(name="A", genre="pop", style="s", themes=["t"], moods=["m"], preserve_core_identity=["voice"])
)


@pytest.mark.parametrize(
    ("end", "metric", "expected"),
    [
        (APPROVED, Metric.APPROVAL, Judged(Stand.COUNTED, 1.0)),
        (AUTOPILOT, Metric.APPROVAL, Judged(Stand.EXCUSED)),
        (REJECTED, Metric.APPROVAL, Judged(Stand.COUNTED, 0.0)),
        (NO_TAKE_PASSED, Metric.APPROVAL, Judged(Stand.COUNTED, 0.0, final=False)),
        (EXPIRED, Metric.APPROVAL, Judged(Stand.MISSING)),
        (PLATFORM_FAILED, Metric.APPROVAL, Judged(Stand.MISSING, final=False)),
        (AUTOPILOT, Metric.REVIEW, Judged(Stand.COUNTED, 0.9)),
        (EXPIRED, Metric.REVIEW, Judged(Stand.COUNTED, 1.0)),
        (PLATFORM_FAILED, Metric.REVIEW, Judged(Stand.MISSING, final=False)),
        (APPROVED, Metric.SCORE, Judged(Stand.WAITING, final=False)),
        (REJECTED, Metric.SCORE, Judged(Stand.EXCUSED)),
        (EXPIRED, Metric.SCORE, Judged(Stand.MISSING)),
    ],
)
def test_an_end_says_what_the_metric_asks_for(end: End, metric: Metric, expected: Judged):
    assert judged(end, metric, followed=True) == expected
    assert judged(end, metric, followed=None) == expected


@pytest.mark.parametrize("metric", Metric)
def test_a_run_that_did_not_follow_its_arm_says_nothing(metric: Metric):
    assert judged(REJECTED, metric, followed=False) == Judged(Stand.EXCUSED)


def test_a_brief_followed_an_arm_only_where_it_says_so():
    arms = [AssignedArm(experiment_id="exp_1", followed=True), AssignedArm(experiment_id="exp_2")]
    assert [brief_followed(arms, f"exp_{n}") for n in (1, 2, 3)] == [True, False, False]


def test_fields_overlap_where_one_is_a_part_of_the_other():
    assert overlap("tempo", "tempo")
    assert overlap("tempo", "tempo.min_bpm")
    assert overlap("voice.timbre", "voice")
    assert not overlap("voice.timbre", "voice.delivery")
    assert not overlap("mood", "moods")


def test_an_artist_fits_only_where_each_value_may_be_had():
    assert protected(ARTIST, "voice.timbre")
    assert changed(ARTIST, "voice.timbre", '"low"') is None
    assert changed(ARTIST, "themes", "[]") is None
    assert fits(ARTIST, "moods", ['["x"]', "[]"])
    assert not fits(ARTIST, "themes", ['["x"]', "[]"])


def test_every_cover_style_is_a_motif_that_covers_are_drawn_with():
    assert COVER_STYLES == MOTIFS
