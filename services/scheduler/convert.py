"""Between the domain's values and the contract's messages."""

from collections.abc import Sequence
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from aiartist.common.v1 import decision_pb2, progress_pb2
from aiartist.scheduler.v1 import scheduler_pb2
from services.scheduler.domain import Decision, Run, RunError, RunState, Silence, StageName, Verdict
from services.scheduler.records import EventRecord, ProgressRecord, StageRecord, StatusRecord


def timestamp(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(time.astimezone(UTC))
    return stamp


def state_to_proto(state: RunState) -> scheduler_pb2.RunState.ValueType:
    return scheduler_pb2.RunState.Value(f"RUN_STATE_{state}")


def state_from_proto(state: scheduler_pb2.RunState.ValueType) -> RunState:
    return RunState(scheduler_pb2.RunState.Name(state).removeprefix("RUN_STATE_"))


def stage_to_proto(stage: StageName) -> scheduler_pb2.StageName.ValueType:
    return scheduler_pb2.StageName.Value(f"STAGE_NAME_{stage}")


def verdict_from_proto(verdict: decision_pb2.Verdict.ValueType) -> Verdict:
    return Verdict(decision_pb2.Verdict.Name(verdict).removeprefix("VERDICT_"))


def silence_to_proto(silence: Silence | None) -> decision_pb2.SilenceAnswer.ValueType:
    if silence is None:
        return decision_pb2.SILENCE_ANSWER_UNSPECIFIED
    return decision_pb2.SilenceAnswer.Value(f"SILENCE_ANSWER_{silence}")


def silence_from_proto(answer: decision_pb2.SilenceAnswer.ValueType) -> Silence:
    """HOLD where it says nothing, or nothing that this version knows."""
    known = {silence_to_proto(silence): silence for silence in Silence}
    return known.get(answer, Silence.HOLD)


def decision_to_proto(decision: Decision | None) -> decision_pb2.Decision | None:
    if decision is None:
        return None
    return decision_pb2.Decision(
        verdict=decision_pb2.Verdict.Value(f"VERDICT_{decision.verdict}"),
        reason=decision.reason,
        decided_by=decision.decided_by,
        content_digest=decision.content_digest,
        decided_at=timestamp(decision.decided_at),
    )


def error_to_proto(error: RunError | None) -> scheduler_pb2.RunError | None:
    if error is None:
        return None
    return scheduler_pb2.RunError(reason=error.reason, message=error.message, retryable=error.retryable)


def run_to_proto(run: Run, stages: Sequence[StageRecord] = ()) -> scheduler_pb2.Run:
    return scheduler_pb2.Run(
        id=run.id,
        artist_id=run.artist_id,
        state=state_to_proto(run.state),
        stage=stage_to_proto(run.stage),
        stages=[_stage(record) for record in stages],
        autopilot=run.autopilot,
        take_number=run.take_number,
        brief_id=run.brief_id,
        take_id=run.take_id,
        content_digest=run.content_digest,
        release_id=run.release_id,
        location=run.location,
        decision=decision_to_proto(run.decision),
        error=error_to_proto(run.error) if run.state is RunState.FAILED else None,
        created_at=timestamp(run.created_at),
        updated_at=timestamp(run.updated_at),
        approval_expires_at=timestamp(run.approval_expires_at),
        started_by=run.started_by,
        title=run.title,
        on_silence=silence_to_proto(run.on_silence),
        takes_wanted=run.takes_wanted,
    )


def _stage(record: StageRecord) -> scheduler_pb2.StageExecution:
    return scheduler_pb2.StageExecution(
        stage=stage_to_proto(record.stage),
        take_number=record.take_number,
        state=scheduler_pb2.StageExecution.State.Value(f"STATE_{record.state}"),
        attempts=record.attempts,
        started_at=timestamp(record.started_at),
        ended_at=timestamp(record.ended_at),
        error=error_to_proto(record.error),
    )


def status_to_proto(status: StatusRecord) -> scheduler_pb2.GetStatusResponse:
    return scheduler_pb2.GetStatusResponse(
        runs=[
            scheduler_pb2.StateCount(state=state_to_proto(state), count=status.runs[state])
            for state in RunState
            if state in status.runs
        ],
        waiting_since=timestamp(status.waiting_since),
        places=status.places,
    )


def event_to_proto(event: EventRecord) -> scheduler_pb2.RunEvent:
    return scheduler_pb2.RunEvent(
        sequence=event.sequence,
        type=scheduler_pb2.RunEvent.Type.Value(f"TYPE_{event.type}"),
        state=state_to_proto(event.state),
        stage=stage_to_proto(event.stage),
        take_number=event.take_number,
        attempt=event.attempt,
        error=error_to_proto(event.error),
        message=event.message,
        time=timestamp(event.time),
    )


def progress_to_proto(progress: ProgressRecord, state: RunState) -> scheduler_pb2.RunEvent:
    return scheduler_pb2.RunEvent(
        type=scheduler_pb2.RunEvent.TYPE_PROGRESS,
        state=state_to_proto(state),
        stage=stage_to_proto(progress.stage),
        take_number=progress.take_number,
        progress=progress_pb2.Progress(step=progress.step, done=progress.done, total=progress.total),
        time=timestamp(progress.time),
    )
