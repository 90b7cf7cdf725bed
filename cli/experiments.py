"""`aiartist experiment ...`: comparisons of ways to make songs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aiartist.artist_db.v1 import experiment_pb2 as pb
from aiartist.common.v1.experiment_pb2 import ArmKind
from cli import finding
from cli.experiment_file import Wanted, read_experiment
from cli.experiment_names import check_names
from cli.experiment_view import show_experiment, show_list
from cli.failures import BAD_INPUT, Failure
from cli.session import Session, execute, new_request_id
from cli.texts import plain

app = typer.Typer(no_args_is_help=True, help="Experiments: which way of making songs is better.")


class KindName(StrEnum):
    """What arms differ in, as an option."""

    PROMPT = "prompt"
    MODEL = "model"
    PROVIDER = "provider"
    PERSONA = "persona"
    COVER = "cover"


class MetricName(StrEnum):
    """What an experiment is judged by, as an option."""

    APPROVAL = "approval"
    REVIEW = "review"
    SCORE = "score"


class StateName(StrEnum):
    """Where an experiment is, as an option."""

    RUNNING = "running"
    STOPPED = "stopped"
    PROMOTED = "promoted"


_KINDS = {KindName.PERSONA: "PERSONA_FIELD", KindName.COVER: "COVER_STYLE"}

Which = Annotated[
    str,
    typer.Argument(
        metavar="EXPERIMENT", help="By name, by id or by the beginning of one.", show_default=False
    ),
]
Why = Annotated[str, typer.Option(help="Why, for the record.")]
Sure = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command(
    "create",
    epilog="Example: aiartist experiment create --name 'Darker words' --kind prompt "
    "--arm control= --arm dark='write darker words'",
)
def create(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="An experiment's file (YAML) instead of options.")
    ] = None,
    name: Annotated[str, typer.Option(help="What to call it.")] = "",
    kind: Annotated[KindName | None, typer.Option(help="What the arms differ in.")] = None,
    arm: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An arm; 2 to 6. A persona field's value is JSON."),
    ] = None,
    field: Annotated[str, typer.Option(help="Which persona field, for example moods.")] = "",
    artist: Annotated[
        list[str] | None, typer.Option(help="Only this artist; may be given more than once. Else all.")
    ] = None,
    metric: Annotated[MetricName, typer.Option(help="What it is judged by.")] = MetricName.APPROVAL,
    floor: Annotated[
        float,
        typer.Option(help="The least share of the runs that an arm gets; default 0.02.", show_default=False),
    ] = 0.0,
    min_outcomes: Annotated[
        int,
        typer.Option(help="Outcomes that each arm needs before a verdict; default 5.", show_default=False),
    ] = 0,
) -> None:
    """Begin an experiment. From then on each run gets one of its arms."""
    if file is not None:
        if name or kind or arm or field or artist:
            raise typer.BadParameter("give a file or options, not both", param_hint="'FILE'")
        execute(ctx, lambda session: _create(session, read_experiment(file)))
        return
    if not (name and kind and arm):
        raise typer.BadParameter("give a file, or at least --name, --kind and two --arm")
    wanted = Wanted(
        name=name,
        kind=kind,
        arms=tuple(_arm(given) for given in arm),
        field=field,
        metric=metric,
        artists=tuple(artist or ()),
        floor=floor,
        min_outcomes=min_outcomes,
    )
    execute(ctx, lambda session: _create(session, wanted))


@app.command("list", epilog="Example: aiartist experiment list --state running")
def list_experiments(
    ctx: typer.Context,
    state: Annotated[
        list[StateName] | None, typer.Option(help="Only in this state; may be given more than once.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
) -> None:
    """List the experiments, newest first."""
    states = [pb.ExperimentState.Value(f"EXPERIMENT_STATE_{name.upper()}") for name in state or ()]

    async def work(session: Session) -> None:
        found = await _newest(session, limit, states)
        if session.output.json:
            session.output.document(found)
        else:
            show_list(session.output, found)

    execute(ctx, work)


@app.command("show", epilog="Example: aiartist experiment show 'Darker words'")
def show(ctx: typer.Context, experiment: Which) -> None:
    """Show how the arms stand, and what can be said now."""

    async def work(session: Session) -> None:
        await show_experiment(session, await _whole(session, experiment))

    execute(ctx, work)


@app.command("stop", epilog="Example: aiartist experiment stop 'Darker words' --reason 'seen enough' --yes")
def stop(ctx: typer.Context, experiment: Which, reason: Why = "", yes: Sure = False) -> None:
    """End an experiment, or the promotion of its arm."""
    execute(ctx, lambda session: _stop(session, experiment, reason, yes=yes))


@app.command("promote", epilog="Example: aiartist experiment promote 'Darker words' --arm dark --yes")
def promote(
    ctx: typer.Context,
    experiment: Which,
    arm: Annotated[str, typer.Option(help="This arm; else the winner.")] = "",
    reason: Why = "",
    yes: Sure = False,
) -> None:
    """End an experiment and have every run of its artists use one of its arms."""
    execute(ctx, lambda session: _promote(session, experiment, arm, reason, yes=yes))


async def _stop(session: Session, given: str, reason: str, *, yes: bool) -> None:
    found = await _whole(session, given)
    # One that is ended already is for the service to refuse.
    if not yes and found.state != pb.EXPERIMENT_STATE_STOPPED:
        name = plain(found.name)
        if not session.output.json:
            session.output.say(f"{name}: {plain(found.verdict.text)}")
        what = f"Use the arm {plain(found.promoted_arm)!r} no more" if found.promoted_arm else f"End {name}"
        if not session.output.agreed(f"{what}? It cannot be taken up again."):
            raise Failure("nothing was ended; --yes does it without asking")
    request = pb.StopExperimentRequest(request_id=new_request_id(), experiment_id=found.id, reason=reason)
    service = session.artist_db
    answer = await service.answer(service.stub.StopExperiment(request, timeout=session.timeout))
    _told(session, answer.experiment, f"is ended: {plain(answer.experiment.verdict.text)}")


async def _promote(session: Session, given: str, arm: str, reason: str, *, yes: bool) -> None:
    found = await _whole(session, given)
    wanted = arm or found.verdict.arm
    if not yes and wanted:
        if not session.output.json:
            session.output.say(f"{plain(found.name)}: {plain(found.verdict.text)}")
        whom = f"{len(found.artist_ids):,} artists" if found.artist_ids else "all artists"
        if not session.output.agreed(f"Use the arm {plain(wanted)!r} for {whom} from now on?"):
            raise Failure("no arm was promoted; --yes does it without asking")
    # The winner is asked for by its name: what was agreed to is what is done.
    request = pb.PromoteExperimentRequest(
        request_id=new_request_id(), experiment_id=found.id, arm=wanted, reason=reason
    )
    service = session.artist_db
    answer = await service.answer(service.stub.PromoteExperiment(request, timeout=session.timeout))
    _told(
        session, answer.experiment, f"is ended, {plain(answer.experiment.promoted_arm)!r} is used from now on"
    )


def _arm(given: str) -> tuple[str, str]:
    name, separator, value = given.partition("=")
    if not separator:
        raise typer.BadParameter(
            f"expected NAME=VALUE such as dark='write darker words', was given {plain(given)!r}",
            param_hint="'--arm'",
        )
    return name, value


async def _create(session: Session, wanted: Wanted) -> None:
    artists = [(await finding.artist(session, name)).id for name in wanted.artists]
    experiment = pb.Experiment(
        name=wanted.name,
        kind=_kind(wanted.kind),
        field=wanted.field,
        arms=[pb.Arm(name=name, value=value) for name, value in wanted.arms],
        artist_ids=artists,
        metric=_metric(wanted.metric or MetricName.APPROVAL),
        floor=wanted.floor,
        min_outcomes=wanted.min_outcomes,
    )
    await check_names(session, experiment)
    request = pb.CreateExperimentRequest(request_id=new_request_id(), experiment=experiment)
    service = session.artist_db
    answer = await service.answer(service.stub.CreateExperiment(request, timeout=session.timeout))
    _told(session, answer.experiment, f"runs ({answer.experiment.id})")


def _kind(given: str) -> ArmKind.ValueType:
    known = {name.value: _KINDS.get(name, name.upper()) for name in KindName}
    if given not in known:
        raise Failure(f"kind: expected {', '.join(known)}, was given {plain(given)!r}", exit_code=BAD_INPUT)
    return ArmKind.Value(f"ARM_KIND_{known[given]}")


def _metric(given: str) -> pb.OutcomeMetric.ValueType:
    known = [name.value for name in MetricName]
    if given not in known:
        raise Failure(f"metric: expected {', '.join(known)}, was given {plain(given)!r}", exit_code=BAD_INPUT)
    return pb.OutcomeMetric.Value(f"OUTCOME_METRIC_{given.upper()}")


async def _whole(session: Session, given: str) -> pb.Experiment:
    """With results and verdict."""
    request = pb.GetExperimentRequest(experiment_id=await _id(session, given))
    service = session.artist_db
    return (await service.answer(service.stub.GetExperiment(request, timeout=session.timeout))).experiment


async def _id(session: Session, given: str) -> str:
    """By name, the newest of it; by id or by the beginning of one."""
    found = (await _newest(session, finding.SEARCHED, [])).experiments
    named = [experiment.id for experiment in found if experiment.name == given]
    beginning = given if given.startswith("exp") else f"exp_{given}"
    ids = named[:1] or [experiment.id for experiment in found if experiment.id.startswith(beginning)]
    if not ids:
        raise Failure(
            f"no experiment among the newest {finding.SEARCHED:,} has the name or id {plain(given)!r}",
            "see which there are: aiartist experiment list",
        )
    if len(ids) > 1:
        raise Failure(
            f"{plain(given)!r} is the beginning of {len(ids)} experiments; give more of it",
            exit_code=BAD_INPUT,
        )
    return ids[0]


async def _newest(
    session: Session, limit: int, states: list[pb.ExperimentState.ValueType]
) -> pb.ListExperimentsResponse:
    service = session.artist_db

    async def fetch(size: int, token: str) -> pb.ListExperimentsResponse:
        request = pb.ListExperimentsRequest(states=states, page_size=size, page_token=token)
        return await service.answer(service.stub.ListExperiments(request, timeout=session.timeout))

    return await finding.pages(fetch, "experiments", limit=limit)


def _told(session: Session, experiment: pb.Experiment, what: str) -> None:
    if session.output.json:
        session.output.document(experiment)
    else:
        session.output.say(f"{plain(experiment.name)} {what}")
