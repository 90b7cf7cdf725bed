"""One run for people: its facts, its stages, the takes to choose from, and what can be done about it."""

from collections.abc import Sequence

from rich.table import Table

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1.decision_pb2 import SILENCE_ANSWER_AUTOPILOT
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from cli.failures import what_to_do
from cli.output import Output, cell, facts, listing, state_cell
from cli.texts import (
    ABSENT,
    duration,
    moment,
    plain,
    run_state,
    seconds_of,
    stage_name,
    stage_state,
    verdict,
)


def show_run(output: Output, run: sched.Run, artist: str, takes: Sequence[db.StoredTake]) -> None:
    """Shows the run; of several takes that passed their review, which they are."""
    waits = run.state == sched.RUN_STATE_AWAITING_APPROVAL
    output.show(
        facts(
            title=run.title,
            artist=artist,
            id=run.id,
            state=state_cell(run_state(run.state)),
            decides="autopilot" if run.autopilot else "a person",
            decision=_decision(run),
            error=run.error.message,
            started=f"{moment(run.created_at)} by {run.started_by or ABSENT}",
            silence=_silence(run) if waits else "",
            takes_wanted=f"{run.takes_wanted}" if run.takes_wanted > 1 else "",
            brief=run.brief_id,
            take=run.take_id,
            digest=run.content_digest,
            release=run.release_id,
        )
    )
    if run.location:
        output.say(f"released: {plain(run.location)}")
    if run.stages:
        output.show(_stages(run))
    if waits:
        to_pick = [take for take in takes if take.review.passed]
        several = len(to_pick) > 1
        if several:
            output.show(_takes(to_pick))
        output.say(f"approve: aiartist run approve {run.id}{' --take NUMBER' if several else ''}")
        output.say(f"reject: aiartist run reject {run.id} --reason WHY")
        output.say(f"another: aiartist run regenerate {run.id} --note WISH")
    elif run.state == sched.RUN_STATE_FAILED:
        for line in ways_on(run):
            output.say(line)


def ways_on(run: sched.Run) -> list[str]:
    """What can be done about a run that failed."""
    reason = run.error.reason.removeprefix("ERROR_REASON_")
    lines = []
    if reason == "BUDGET_SPENT":
        lines.append(f"see which budget is spent: aiartist budget --artist {run.artist_id} --run {run.id}")
    elif reason == "MODELS_EXHAUSTED":
        lines.extend(what_to_do(reason, {}))
    return [*lines, f"try again: aiartist run retry {run.id}"]


def _decision(run: sched.Run) -> str:
    if not run.HasField("decision"):
        return ""
    told = f"{verdict(run.decision.verdict)} by {run.decision.decided_by}"
    return f"{told}: {run.decision.reason}" if run.decision.reason else told


def _silence(run: sched.Run) -> str:
    """What happens when nobody answers, and when."""
    if not run.HasField("approval_expires_at"):
        return "waits on where nobody answers"
    what = "autopilot approves" if run.on_silence == SILENCE_ANSWER_AUTOPILOT else "expires"
    return f"{what} on {moment(run.approval_expires_at)} where nobody answers"


def _stages(run: sched.Run) -> Table:
    table = listing(
        "stage", "take", "state", "tries", "began", "took", "error", right=("take", "tries", "took")
    )
    for stage in run.stages:
        took = ABSENT
        if stage.HasField("ended_at") and stage.HasField("started_at"):
            took = duration(seconds_of(stage.ended_at) - seconds_of(stage.started_at))
        table.add_row(
            stage_name(stage.stage),
            f"{stage.take_number}",
            state_cell(stage_state(stage.state)),
            f"{stage.attempts}",
            moment(stage.started_at),
            took,
            cell(stage.error.message, 34),
        )
    return table


def _takes(takes: Sequence[db.StoredTake]) -> Table:
    numbers = ("take", "length", "loudness", "tempo")
    table = listing(*numbers, "key", "listen to", right=numbers)
    # A path is never cut off: people copy it.
    table.columns[-1].no_wrap, table.columns[-1].overflow = False, "fold"
    for take in takes:
        review = take.review
        table.add_row(
            f"{take.take_number}",
            duration(review.duration_ms / 1000),
            f"{review.loudness_lufs:.1f} LUFS",
            f"{review.tempo_bpm:.0f} bpm" if review.tempo_bpm else ABSENT,
            cell(review.key or ABSENT, 12),
            cell(take.preview.path or take.audio.path),
        )
    return table
