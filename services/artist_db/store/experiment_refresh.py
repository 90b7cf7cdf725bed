"""Brings an experiment up to date: what its runs came to, and what people must hear of it.

Everything is read before the experiment is locked, and a change that somebody else has made meanwhile is left
out: whoever waits to draw an arm waits for a few short statements only.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from aiartist.artist_db.v1.artist_db_pb2 import StoredBrief, StoredTake
from aiartist.artist_db.v1.life_pb2 import RunOutcome
from services.artist_db.domain.experiment_outcomes import (
    End,
    Judged,
    Stand,
    brief_followed,
    followed_by_take,
    judged,
)
from services.artist_db.domain.experiment_verdicts import Finding, Standing, verdict
from services.artist_db.domain.experiments import Kind, Metric, State
from services.artist_db.store import experiment_runs as runs
from services.artist_db.store import experiments as store
from services.artist_db.store import news, scores
from services.artist_db.store.experiment_runs import Change
from services.chassis.database import Connection, Database

AT_ONCE = 500
"""Assignments that are brought up to date in one transaction."""
SCORES_AT_ONCE = 10_000
"""Releases whose scores are asked for together: each time, what is usual is found from all of the label's."""
SURE_ENOUGH = 0.5
"""Of a release's score: numbers of three days."""
SCORE_WAIT = timedelta(days=90)
"""So long after its run a release may become sure; then its outcome is missing."""
RETRY_WAIT = timedelta(days=30)
"""So long after it failed a run that is taken up again counts anew."""

_BY_BRIEF = frozenset({Kind.PROMPT, Kind.MODEL, Kind.PERSONA_FIELD})


async def bring_up_to_date(database: Database, experiment: store.Row, *, whole: bool) -> None:
    """Counts what has ended since the last time; where not `whole`, at most `AT_ONCE` of each sort."""
    # One connection at a time: callers that each held one and waited for another would wait for ever.
    await _count(database, experiment, _ended, whole=whole)
    if experiment["metric"] == Metric.SCORE:
        await _look_at_scores(database, experiment["id"])
    await _count(database, experiment, _overdue, whole=whole)
    if experiment["state"] == State.RUNNING:
        async with database.acquire() as connection:
            standings = await store.standings(connection, experiment["id"])
        if _news(experiment, verdict(standings, experiment["min_outcomes"])):
            await _tell(database, experiment["id"])


async def _count(
    database: Database,
    experiment: store.Row,
    found: Callable[[Connection, store.Row], Awaitable[list[Change]]],
    *,
    whole: bool,
) -> None:
    """Makes the changes that `found` finds. What was changed is not found again; so this ends."""
    while True:
        async with database.acquire() as connection:
            changes = await found(connection, experiment)
        if changes:
            await _apply(database, experiment["id"], changes)
        if not whole or len(changes) < AT_ONCE:
            return


def _news(experiment: store.Row, finding: Finding) -> bool:
    """Whether anything is to be kept or told."""
    return bool(
        (finding.winner and not experiment["winner_told"])
        or (finding.mismatch and not experiment["mismatch_told"])
        or bool(finding.mismatch) != experiment["mismatched"]
    )


async def _tell(database: Database, experiment_id: str) -> None:
    async with database.transaction() as connection:
        experiment = await store.lock(connection, experiment_id)
        standings = await store.standings(connection, experiment_id)
        finding = verdict(standings, experiment["min_outcomes"])
        if experiment["state"] != State.RUNNING or not _news(experiment, finding):
            return
        name = experiment["name"]
        if finding.winner and not experiment["winner_told"]:
            await news.add(
                connection,
                news.Topic.EXPERIMENT,
                f'experiment "{name}" has a winner: {finding.winner}',
                f"{finding.text}\n{_lines(standings)}",
                subject_id=experiment_id,
            )
        if finding.mismatch and not experiment["mismatch_told"]:
            await news.add(
                connection,
                news.Topic.EXPERIMENT,
                f'experiment "{name}": the numbers of runs are wrong',
                f"{finding.mismatch}\nNo winner is named until that is explained.",
                subject_id=experiment_id,
                warning=True,
            )
        await store.note(
            connection,
            experiment_id,
            winner_told=experiment["winner_told"] or bool(finding.winner),
            mismatch_told=experiment["mismatch_told"] or bool(finding.mismatch),
            mismatched=bool(finding.mismatch),
        )


def _lines(standings: Sequence[Standing]) -> str:
    return "\n".join(
        f'"{arm.name}": {arm.assigned:,} runs, {arm.outcomes:,} outcomes, mean {arm.tally.mean:.2f}'
        for arm in standings
    )


async def _apply(database: Database, experiment_id: str, changes: Sequence[Change]) -> None:
    async with database.transaction() as connection:
        await store.lock(connection, experiment_id)
        await runs.apply(connection, experiment_id, changes)


async def _ended(connection: Connection, experiment: store.Row) -> list[Change]:
    rows = await runs.ended(connection, experiment["id"], AT_ONCE)
    if not rows:
        return []
    followed = await _followed(connection, experiment, rows)
    return [_change(row, experiment, followed.get(row["run_id"])) for row in rows]


def _change(row: Any, experiment: store.Row, followed: bool | None) -> Change:
    end = End(row["state"], row["blame"], row["by_person"], row["review"], row["released"])
    said: Judged = judged(end, Metric(experiment["metric"]), followed=followed)
    waits = said.stand is Stand.WAITING
    until = None if said.final else row["ended_at"] + (SCORE_WAIT if waits else RETRY_WAIT)
    return _from(
        row,
        said.stand,
        said.outcome,
        open=not said.final,
        ending=row["now_ending"],
        until=until,
        release_id=end.release_id if waits else "",
    )


async def _followed(connection: Connection, experiment: store.Row, rows: Sequence[Any]) -> dict[str, bool]:
    """Run -> whether it followed its arm; without those that never came so far."""
    if experiment["kind"] in _BY_BRIEF:
        kept = await runs.briefs(connection, [row["brief_id"] for row in rows if row["brief_id"]])
        return {
            row["run_id"]: brief_followed(
                StoredBrief.FromString(kept[row["brief_id"]]).arms, experiment["id"]
            )
            for row in rows
            if row["brief_id"] in kept
        }
    arms = (await store.arms(connection, [experiment["id"]]))[experiment["id"]]
    values = {arm["position"]: arm["value"] for arm in arms}
    taken: dict[str, list[StoredTake]] = {}
    for row in await runs.takes(connection, [row["run_id"] for row in rows]):
        taken.setdefault(row["run_id"], []).append(StoredTake.FromString(row["body"]))
    first = experiment["metric"] == Metric.REVIEW
    found = {row["run_id"]: _take_of(row, taken.get(row["run_id"], ()), first=first) for row in rows}
    return {
        row["run_id"]: followed_by_take(
            Kind(experiment["kind"]),
            values[row["position"]],
            provider=take.provider,
            cover_style=take.cover_style,
        )
        for row in rows
        if (take := found[row["run_id"]]) is not None
    }


def _take_of(row: Any, takes: Sequence[StoredTake], *, first: bool) -> StoredTake | None:
    """The take that an outcome is about: the first is what was reviewed, another one was decided about."""
    if not takes:
        return None
    decided = RunOutcome.FromString(row["body"]).take_id
    return takes[0] if first else next((take for take in takes if take.id == decided), takes[-1])


async def _look_at_scores(database: Database, experiment_id: str) -> None:
    """Counts the releases that have become sure. A score that was counted stays as it was then.

    What is compared is so a song at about the same point of its life, whenever it was released; and evidence
    that may be looked at after each run needs outcomes that do not change.
    """
    async with database.acquire() as connection:
        after: str | None = "" if await runs.claim_scores(connection, experiment_id) else None
    while after is not None:
        async with database.acquire() as connection:
            rows = await runs.waiting(connection, experiment_id, after=after, limit=SCORES_AT_ONCE)
            known = await scores.of_releases(connection, [row["release_id"] for row in rows])
        sure = [
            _from(row, Stand.COUNTED, min(max(score.score, 0.0), 1.0), open=False)
            for row in rows
            if (score := known[row["release_id"]]).sureness >= SURE_ENOUGH
        ]
        for first in range(0, len(sure), AT_ONCE):
            await _apply(database, experiment_id, sure[first : first + AT_ONCE])
        after = rows[-1]["run_id"] if rows else None


async def _overdue(connection: Connection, experiment: store.Row) -> list[Change]:
    return [
        _from(row, Stand.MISSING, None, open=False)
        if row["stand"] == Stand.WAITING
        else _from(row, Stand(row["stand"]), row["outcome"], open=False)
        for row in await runs.overdue(connection, experiment["id"], AT_ONCE)
    ]


def _from(
    row: Any,
    stand: Stand,
    outcome: float | None,
    *,
    open: bool,
    ending: int | None = None,
    until: Any = None,
    release_id: str = "",
) -> Change:
    return Change(
        run_id=row["run_id"],
        position=row["position"],
        shares=row["shares"],
        was=Stand(row["stand"]),
        was_outcome=row["outcome"],
        was_ending=row["ending"],
        stand=stand,
        outcome=outcome,
        ending=row["ending"] if ending is None else ending,
        open=open,
        until=until,
        release_id=release_id,
    )
