"""How experiments look on the command line."""

from rich.text import Text

from aiartist.artist_db.v1 import experiment_pb2 as pb
from aiartist.common.v1.experiment_pb2 import ArmKind
from cli.names import artist_names
from cli.output import Output, cell, facts, listing, state_cell
from cli.session import Session
from cli.texts import ABSENT, moment, plain, short_moment, shortened

_MOST_NAMES = 10


def show_list(output: Output, found: pb.ListExperimentsResponse) -> None:
    """A line each."""
    if not found.experiments:
        output.say("no experiments; begin one: aiartist experiment create --help")
        return
    table = listing(
        "experiment", "name", "differs in", "judged by", "arms", "state", "begun", right=("arms",)
    )
    for experiment in found.experiments:
        table.add_row(
            cell(experiment.id[:12]),
            cell(experiment.name, 26),
            cell(_what(experiment), 18),
            Text(_metric(experiment)),
            Text(str(len(experiment.arms))),
            state_cell(state_word(experiment.state)),
            Text(short_moment(experiment.created_at)),
        )
    output.show(table)


async def show_experiment(session: Session, experiment: pb.Experiment) -> None:
    """What it is, its arms, and what can be said now."""
    output = session.output
    if output.json:
        output.document(experiment)
        return
    names = await artist_names(session, experiment.artist_ids[:_MOST_NAMES])
    whom = [names.get(artist_id, artist_id) for artist_id in experiment.artist_ids[:_MOST_NAMES]]
    more = len(experiment.artist_ids) - len(whom)
    over = experiment.state != pb.EXPERIMENT_STATE_RUNNING
    output.console.print(
        facts(
            experiment=experiment.id,
            name=experiment.name,
            state=state_cell(state_word(experiment.state)),
            differs_in=_what(experiment),
            artists=", ".join(whom) + (f" and {more:,} more" if more else "") or "all",
            judged_by=f"{_metric(experiment)}, at least {experiment.min_outcomes:,} outcomes an arm",
            begun=moment(experiment.created_at),
            ended=moment(experiment.ended_at) if over else "",
            promoted=experiment.promoted_arm,
            reason=experiment.reason,
        )
    )
    output.say("")
    _show_arms(output, experiment)
    output.say("")
    output.say(plain(experiment.verdict.text))
    if experiment.verdict.ratio_mismatch:
        output.say(f"the numbers of runs are wrong: {plain(experiment.verdict.ratio_mismatch)}")
    if without := experiment.without_outcome:
        output.say(f"{without:,} {'run has' if without == 1 else 'runs have'} no outcome, or none yet")


def state_word(state: pb.ExperimentState.ValueType) -> str:
    """For example `running`."""
    return pb.ExperimentState.Name(state).removeprefix("EXPERIMENT_STATE_").lower()


def _show_arms(output: Output, experiment: pb.Experiment) -> None:
    numbers = ("runs", "outcomes", "mean", "interval", "best", "share")
    table = listing("arm", *numbers, "value", right=numbers)
    for arm, result in zip(experiment.arms, experiment.results, strict=True):
        table.add_row(
            cell(arm.name, 20),
            Text(f"{result.assigned:,}"),
            Text(f"{result.outcomes:,}"),
            Text(f"{result.mean:.2f}" if result.outcomes else ABSENT),
            Text(f"{result.low:.2f}-{result.high:.2f}"),
            Text(f"{result.best:.0%}"),
            Text(f"{result.share:.0%}"),
            cell(shortened(plain(arm.value), 30) or ABSENT),
        )
    output.show(table)


def _what(experiment: pb.Experiment) -> str:
    kind = ArmKind.Name(experiment.kind).removeprefix("ARM_KIND_").lower().replace("_", " ")
    return experiment.field or kind


def _metric(experiment: pb.Experiment) -> str:
    return pb.OutcomeMetric.Name(experiment.metric).removeprefix("OUTCOME_METRIC_").lower()
