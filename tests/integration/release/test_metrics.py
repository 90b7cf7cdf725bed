"""What release counts while it makes takes."""

import pytest

from tests.support.metrics import metric
from tests.support.release_service import ReleaseService


def counted() -> dict[str, float]:
    series = {
        "passed": ("aiartist_release_reviews_total", {"outcome": "passed"}),
        "failed": ("aiartist_release_reviews_total", {"outcome": "failed"}),
        "rendered": ("aiartist_release_job_seconds_count", {"kind": "render"}),
        "presented": ("aiartist_release_job_seconds_count", {"kind": "present"}),
    }
    return {name: metric(of, **labels) or 0.0 for name, (of, labels) in series.items()}


@pytest.mark.parametrize(
    ("title", "more"),
    [
        ("Neon in the Rain", {"passed": 1, "failed": 0, "rendered": 1, "presented": 1}),
        ("flop", {"passed": 0, "failed": 1, "rendered": 1, "presented": 0}),
    ],
)
async def test_a_take_is_one_review_however_often_it_is_asked_for(
    service: ReleaseService, title: str, more: dict[str, float]
) -> None:
    brief = service.keep_brief(title)
    before = counted()
    await service.produce(brief.id)
    await service.produce(brief.id)
    assert {name: value - before[name] for name, value in counted().items()} == more
    assert metric("aiartist_release_workers", state="idle") == 1
