"""What the release service's work leaves in a trace."""

from collections.abc import AsyncIterator

import pytest

from tests.support.fake_collector import FakeCollector, KeptSpan, traced
from tests.support.release_service import ReleaseService

SERVICE = "aiartist.release.v1.ReleaseService"


@pytest.fixture(autouse=True)
async def collector() -> AsyncIterator[FakeCollector]:
    """Before the service, which is traced."""
    async with traced() as opened:
        yield opened


def below(spans: list[KeptSpan], parent: KeptSpan) -> list[str]:
    """The names of a span's parts, in the order of their begins."""
    parts = [span for span in spans if span.parent_id == parent.span_id]
    return [span.name for span in sorted(parts, key=lambda span: span.began_ns)]


async def test_a_release_shows_who_made_the_music_what_workers_did_and_where_it_went(
    service: ReleaseService, collector: FakeCollector
) -> None:
    take = await service.produce(service.keep_brief().id)
    package = await service.package(take)
    await service.publish(package.release_id)
    await collector.named(f"{SERVICE}/PublishRelease")
    by_name = {span.name: span for span in collector.spans}
    expected = {
        f"{SERVICE}/ProduceTake": ["music of builtin", "job present"],
        "music of builtin": ["job render"],
        f"{SERVICE}/PackageRelease": ["job build", "store the package"],
        f"{SERVICE}/PublishRelease": ["publish to folder"],
    }
    assert {name: below(collector.spans, by_name[name]) for name in expected} == expected
    assert by_name["job render"].attributes["aiartist.waited_ms"] >= 0
    published = by_name["publish to folder"]
    assert published.attributes == {
        "aiartist.release_id": package.release_id,
        "aiartist.outcome": "published",
    }
    assert {span.service for span in collector.spans} == {"release"}
    assert not any(span.failed for span in collector.spans)
