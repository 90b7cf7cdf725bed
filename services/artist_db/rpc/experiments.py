"""CreateExperiment to AssignArms: comparisons of ways to make songs."""

from collections.abc import Sequence

from aiartist.artist_db.v1 import experiment_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.experiment_posteriors import (
    interval,
    probabilities_of_best,
    shares,
)
from services.artist_db.domain.experiment_verdicts import Finding, Standing, verdict
from services.artist_db.domain.experiments import (
    DEFAULT_FLOOR,
    DEFAULT_MIN_OUTCOMES,
    MAX_ARM_NAME,
    MAX_REASON,
    Kind,
    Metric,
    State,
    check_experiment,
)
from services.artist_db.rpc.experiment_arms import KIND_VALUES, KINDS, arms_of_run, new_persona_versions
from services.artist_db.rpc.room import Context, Room, time_and_text
from services.artist_db.store import experiments as store
from services.artist_db.store.experiment_refresh import bring_up_to_date
from services.chassis.database import Connection
from services.chassis.errors import NotFound, WrongState
from services.chassis.ids import new_id
from services.chassis.logs import get_logger
from services.chassis.paging import page_request

_METRIC_VALUES = {metric: pb.OutcomeMetric.Value(f"OUTCOME_METRIC_{metric}") for metric in Metric}
_METRICS = {value: metric for metric, value in _METRIC_VALUES.items()}
_STATE_VALUES = {state: pb.ExperimentState.Value(f"EXPERIMENT_STATE_{state}") for state in State}
_STATES = {value: state for state, value in _STATE_VALUES.items()}

_log = get_logger("artist_db.experiments")


class ExperimentRpcs(Room):
    """Experiments and their arms."""

    async def CreateExperiment(
        self, request: pb.CreateExperimentRequest, context: Context
    ) -> pb.CreateExperimentResponse:
        checks, given = Checks(), request.experiment
        kind = KINDS.get(given.kind)
        metric = _METRICS.get(given.metric or pb.OUTCOME_METRIC_APPROVAL)
        if checks.present("experiment", request.HasField("experiment")):
            check_experiment(checks, given, kind, metric)
        checks.finish()
        if kind is None or metric is None:
            raise AssertionError("an unknown kind or metric passed the checks")

        async def create(connection: Connection) -> pb.CreateExperimentResponse:
            await store.lock_all(connection)
            unknown = await store.unknown_artists(connection, given.artist_ids)
            if unknown:
                raise NotFound("artist", unknown[0])
            other = await store.in_the_way(connection, kind, given.field, given.artist_ids)
            if other is not None and other["name"] != given.name:
                raise WrongState(
                    "experiment",
                    other["id"],
                    state=f"RUNNING as {other['name']!r} and differs in the same for the same artists",
                    expected="that one to be ended first",
                )
            experiment_id = new_id("exp")
            await store.insert(
                connection,
                experiment_id,
                name=given.name,
                kind=kind,
                field=given.field,
                artist_ids=given.artist_ids,
                metric=metric,
                floor=given.floor or DEFAULT_FLOOR,
                min_outcomes=given.min_outcomes or DEFAULT_MIN_OUTCOMES,
                arms=[(arm.name, arm.value) for arm in given.arms],
            )
            row = await store.by_id(connection, experiment_id)
            return pb.CreateExperimentResponse(experiment=await _experiment(connection, row))

        response = await self._change(request, pb.CreateExperimentResponse, create)
        _log.info("experiment begun", experiment_id=response.experiment.id, kind=kind)
        return response

    async def GetExperiment(
        self, request: pb.GetExperimentRequest, context: Context
    ) -> pb.GetExperimentResponse:
        checks = Checks()
        checks.id("experiment_id", request.experiment_id)
        checks.finish()
        await self._up_to_date(request.experiment_id)
        async with self._db.acquire() as connection:
            row = await store.by_id(connection, request.experiment_id)
            return pb.GetExperimentResponse(experiment=await _with_results(connection, row))

    async def ListExperiments(
        self, request: pb.ListExperimentsRequest, context: Context
    ) -> pb.ListExperimentsResponse:
        checks = Checks()
        for index, value in enumerate(request.states):
            if value not in _STATES:
                known = ", ".join(map(pb.ExperimentState.Name, _STATES))
                checks.add(f"states[{index}]", f"must be one of {known}, is {value}")
        checks.finish()
        states = sorted({_STATES[value] for value in request.states})
        page = page_request(request, filters=("experiments", *states))
        async with self._db.acquire() as connection:
            found = await store.page(
                connection, states=states, after=time_and_text(page), limit=page.size + 1
            )
            rows, token = page.cut(found, key=lambda row: (row["created_at"].isoformat(), row["id"]))
            arms = await store.arms(connection, [row["id"] for row in rows])
        return pb.ListExperimentsResponse(
            experiments=[experiment_of(row, arms[row["id"]]) for row in rows], next_page_token=token
        )

    async def StopExperiment(
        self, request: pb.StopExperimentRequest, context: Context
    ) -> pb.StopExperimentResponse:
        checks = Checks()
        checks.id("experiment_id", request.experiment_id)
        checks.prose("reason", request.reason, most=MAX_REASON)
        checks.finish()
        await self._up_to_date(request.experiment_id)

        async def stop(connection: Connection) -> pb.StopExperimentResponse:
            row = await store.lock(connection, request.experiment_id)
            _require(row, State.RUNNING, State.PROMOTED)
            row = await store.end(connection, row["id"], State.STOPPED, reason=request.reason)
            return pb.StopExperimentResponse(experiment=await _with_results(connection, row))

        return await self._change(request, pb.StopExperimentResponse, stop)

    async def PromoteExperiment(
        self, request: pb.PromoteExperimentRequest, context: Context
    ) -> pb.PromoteExperimentResponse:
        checks = Checks()
        checks.id("experiment_id", request.experiment_id)
        checks.phrase("arm", request.arm, most=MAX_ARM_NAME)
        checks.prose("reason", request.reason, most=MAX_REASON)
        checks.finish()
        await self._up_to_date(request.experiment_id)

        async def promote(connection: Connection) -> pb.PromoteExperimentResponse:
            row = await store.lock(connection, request.experiment_id)
            _require(row, State.RUNNING, State.STOPPED)
            arm = await _arm(connection, row, request.arm)
            if row["kind"] == Kind.PERSONA_FIELD:
                await new_persona_versions(connection, row, arm)
            row = await store.end(
                connection, row["id"], State.PROMOTED, reason=request.reason, promoted_arm=arm["name"]
            )
            return pb.PromoteExperimentResponse(experiment=await _with_results(connection, row))

        return await self._change(request, pb.PromoteExperimentResponse, promote)

    async def AssignArms(self, request: pb.AssignArmsRequest, context: Context) -> pb.AssignArmsResponse:
        checks = Checks()
        checks.id("run_id", request.run_id)
        checks.id("artist_id", request.artist_id)
        checks.finish()
        return await arms_of_run(self._db, request.run_id, request.artist_id)

    async def _up_to_date(self, experiment_id: str) -> None:
        async with self._db.acquire() as connection:
            row = await store.by_id(connection, experiment_id)
        await bring_up_to_date(self._db, row, whole=True)


def experiment_of(row: store.Row, arms: Sequence[store.Row]) -> pb.Experiment:
    """Without results and verdict."""
    experiment = pb.Experiment(
        id=row["id"],
        name=row["name"],
        kind=KIND_VALUES[Kind(row["kind"])],
        field=row["field"],
        arms=[pb.Arm(name=arm["name"], value=arm["value"]) for arm in arms],
        artist_ids=row["artist_ids"],
        metric=_METRIC_VALUES[Metric(row["metric"])],
        floor=row["floor"],
        min_outcomes=row["min_outcomes"],
        state=_STATE_VALUES[State(row["state"])],
        promoted_arm=row["promoted_arm"],
        reason=row["reason"],
    )
    experiment.created_at.FromDatetime(row["created_at"])
    if row["ended_at"] is not None:
        experiment.ended_at.FromDatetime(row["ended_at"])
    return experiment


async def _experiment(connection: Connection, row: store.Row) -> pb.Experiment:
    return experiment_of(row, (await store.arms(connection, [row["id"]]))[row["id"]])


async def _with_results(connection: Connection, row: store.Row) -> pb.Experiment:
    experiment = await _experiment(connection, row)
    standings = await store.standings(connection, row["id"])
    experiment.results.extend(_results(row, standings))
    experiment.verdict.CopyFrom(_verdict_of(verdict(standings, row["min_outcomes"])))
    experiment.without_outcome = sum(arm.assigned - arm.outcomes for arm in standings)
    return experiment


def _results(row: store.Row, standings: Sequence[Standing]) -> list[pb.ArmResult]:
    best = probabilities_of_best([arm.tally for arm in standings])
    match State(row["state"]):
        case State.RUNNING:
            drawn: Sequence[float] = shares(best, [arm.assigned for arm in standings], row["floor"])
        case State.PROMOTED if row["kind"] != Kind.PERSONA_FIELD:
            drawn = [float(arm.name == row["promoted_arm"]) for arm in standings]
        case _:
            drawn = [0.0] * len(standings)
    results = []
    for arm, probability, share in zip(standings, best, drawn, strict=True):
        low, high = interval(arm.tally)
        results.append(
            pb.ArmResult(
                arm=arm.name,
                assigned=arm.assigned,
                outcomes=arm.outcomes,
                mean=min(arm.tally.mean, 1.0),
                low=low,
                high=high,
                best=probability,
                share=share,
                expected=arm.expected,
            )
        )
    return results


def _verdict_of(finding: Finding) -> pb.Verdict:
    return pb.Verdict(
        kind=pb.Verdict.Kind.Value(f"KIND_{finding.kind}"),
        arm=finding.winner,
        text=finding.text,
        evidence=finding.evidence,
        ratio_mismatch=finding.mismatch,
    )


async def _arm(connection: Connection, row: store.Row, name: str) -> store.Row:
    """The arm of this name, or the winner where it is empty."""
    arms = (await store.arms(connection, [row["id"]]))[row["id"]]
    if not name:
        finding = verdict(await store.standings(connection, row["id"]), row["min_outcomes"])
        if not finding.winner:
            raise WrongState(
                "experiment", row["id"], state=f"without a winner ({finding.text})", expected="an arm by name"
            )
        name = finding.winner
    found = next((arm for arm in arms if arm["name"] == name), None)
    if found is None:
        raise NotFound("arm", f"{row['id']}/{name}")
    return found


def _require(row: store.Row, *states: State) -> None:
    if row["state"] not in states:
        raise WrongState("experiment", row["id"], state=row["state"], expected=" or ".join(states))
