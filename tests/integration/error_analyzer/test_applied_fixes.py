"""A fix that was applied: watched, kept, or taken out again. And a storm of one error."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from services.error_analyzer.intake.reading import End, read_piece
from tests.support.isolation import NEEDS_ISOLATION
from tests.support.seeded_bugs.bug import Bug
from tests.support.seeded_bugs.bugs import BUGS
from tests.support.seeded_bugs.repository import git, log_of
from tests.support.seeded_bugs.shop import Shop, content_of, repair_shop

pytestmark = NEEDS_ISOLATION

BUG = next(bug for bug in BUGS if bug.id == "no_streams")
OTHER = next(bug for bug in BUGS if bug.id == "far_away_title")
APPLY = {"auto_fix_mode": "apply", "auto_fix_enabled": True}
WITHIN_S = 90


async def test_an_applied_fix_is_taken_out_when_the_same_error_comes_back(
    database_url: str, tmp_path: Path
) -> None:
    async with repair_shop(database_url, tmp_path, [BUG], **APPLY) as shop:
        before, (event,) = _source(shop), _events(shop, [BUG])
        fingerprint = await _suggested(shop)
        applied = await _applied(shop, fingerprint)
        assert _source(shop) == before.replace(BUG.before, BUG.after)
        assert git(shop.repository, "rev-parse", "HEAD").strip() == applied.report.commit
        assert git(shop.repository, "status", "--porcelain") == ""

        # The process that runs has the old code still: what it meets says nothing about the fix.
        await _met_again(shop, event, "old", started=applied.report.created_at.ToNanoseconds() - 60 * 10**9)
        assert (await shop.store.GetErrorGroup(_asked(fingerprint))).group.status == "fix_applied"

        await _met_again(shop, event, "new", started=time.time_ns())
        reverted = await _reached(shop, "reverted")
    assert "since it was applied" in reverted.report.reason or "came back" in reverted.report.reason
    assert _source(shop) == before
    assert git(shop.repository, "rev-parse", "HEAD").strip() == reverted.report.commit
    assert git(shop.repository, "status", "--porcelain") == ""
    assert not (shop.repository / BUG.test_path).exists()


async def test_a_fix_of_a_class_allowed_by_name_needs_no_press_and_is_kept_when_all_stays_quiet(
    database_url: str, tmp_path: Path
) -> None:
    allowed = APPLY | {"auto_fix_classes": (BUG.exception_type,), "auto_fix_watch_s": 1.0}
    async with repair_shop(database_url, tmp_path, [BUG, OTHER], **allowed) as shop:
        await shop.ship([BUG, OTHER])
        kept = await _reached(shop, "fix_applied", saying="kept")
        assert kept.exception_type == BUG.exception_type
        assert BUG.after in _source(shop)
        # The other one waits for a yes.
        waiting = await _reached(shop, "fix_suggested", of=OTHER)
        assert waiting.report.branch
        assert OTHER.before in (shop.repository / OTHER.file).read_text(encoding="utf-8")


async def test_a_fix_is_taken_out_when_the_errors_of_its_service_rise(
    database_url: str, tmp_path: Path
) -> None:
    async with repair_shop(database_url, tmp_path, [BUG], **APPLY, auto_fix_watch_s=20.0) as shop:
        before = _source(shop)
        await _applied(shop, await _suggested(shop))
        event = pb.ErrorEvent(service="mixtape", message="the till is open")
        await shop.analyzer.IngestErrors(
            pb.IngestErrorsRequest(request_id="rise", events=[event] * 40), timeout=10
        )
        reverted = await _reached(shop, "reverted")
    assert "errors have risen" in reverted.report.reason
    assert _source(shop) == before


async def test_an_order_takes_an_applied_fix_out_and_nothing_applies_it_again(
    database_url: str, tmp_path: Path
) -> None:
    async with repair_shop(database_url, tmp_path, [BUG], **APPLY) as shop:
        before = content_of(shop.repository, but=[".git"])
        fingerprint = await _suggested(shop)
        await _applied(shop, fingerprint)
        await shop.analyzer.RevertFix(
            pb.RevertFixRequest(request_id="no", fingerprint=fingerprint, requested_by="Ana", reason="slow"),
            timeout=10,
        )
        reverted = await _reached(shop, "reverted")
    assert reverted.report.by == "Ana"
    assert "slow" in reverted.report.reason
    assert content_of(shop.repository, but=[".git"]) == before


async def test_a_storm_of_one_error_costs_one_analysis_and_one_alert(
    database_url: str, tmp_path: Path
) -> None:
    async with repair_shop(database_url, tmp_path, [BUG], auto_fix_mode="suggest") as shop:
        (event,) = _events(shop, [BUG])
        batches = [
            pb.IngestErrorsRequest(request_id=f"storm-{number}", events=[event] * 200) for number in range(50)
        ]
        answers = await asyncio.gather(*(shop.analyzer.IngestErrors(batch, timeout=60) for batch in batches))
        fingerprints = {fingerprint for answer in answers for fingerprint in answer.fingerprints}
        group = await _reached(shop, "fix_suggested")
        assert fingerprints == {group.fingerprint}
        counted = (await shop.store.GetErrorGroup(_asked(group.fingerprint))).group
        assert counted.count == 10_000
        assert sum(hour.count for hour in counted.hours) == 10_000
        assert shop.model.asked == {(BUG.id, "analyst"): 1, (BUG.id, "engineer"): 1}
    # Of the new group once, and of the fix that waits.
    assert shop.notifier.titles == [group.title, f"A fix waits: {group.title}"]


async def _suggested(shop: Shop) -> str:
    """The fingerprint of the bug, once a fix waits on its branch."""
    await shop.ship([BUG])
    return (await _reached(shop, "fix_suggested")).fingerprint


async def _applied(shop: Shop, fingerprint: str) -> db.ErrorGroup:
    order = pb.ApplyFixRequest(request_id="yes", fingerprint=fingerprint, requested_by="Ana")
    await shop.analyzer.ApplyFix(order, timeout=10)
    return await _reached(shop, "fix_applied")


async def _reached(shop: Shop, status: str, *, saying: str = "", of: Bug = BUG) -> db.ErrorGroup:
    """The group of a bug as it came to a status."""
    request = pb.WatchErrorsRequest(after_sequence=0, statuses=[status])
    async with asyncio.timeout(WITHIN_S):
        async for told in shop.analyzer.WatchErrors(request):
            group: db.ErrorGroup = told.group
            if group.culprit.endswith(of.function) and saying in group.report.reason:
                return group
    raise AssertionError("the watch ended")


async def _met_again(shop: Shop, event: pb.ErrorEvent, request_id: str, *, started: int) -> None:
    """The same error once more, from a process that was started then (ns since 1970)."""
    event.ClearField("time")
    event.process_started_at.FromNanoseconds(started)
    await shop.analyzer.IngestErrors(
        pb.IngestErrorsRequest(request_id=request_id, events=[event]), timeout=10
    )


def _events(shop: Shop, bugs: Sequence[Bug]) -> list[pb.ErrorEvent]:
    """What the service ships when it meets these bugs."""
    text = log_of(shop.repository, bugs, "json")
    return list(read_piece(text.encode(), "mixtape", end=End.CLOSED).events)


def _source(shop: Shop) -> str:
    return (shop.repository / BUG.file).read_text(encoding="utf-8")


def _asked(fingerprint: str) -> db.GetErrorGroupRequest:
    return db.GetErrorGroupRequest(fingerprint=fingerprint)
