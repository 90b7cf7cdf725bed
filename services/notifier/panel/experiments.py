"""An experiment: how its arms stand, and what can be said now. The command line begins and ends them."""

from collections.abc import Mapping

from aiartist.artist_db.v1 import experiment_pb2 as exp
from services.notifier.panel.desk import Desk
from services.notifier.panel.pages import tap
from services.notifier.panel.refusals import missing
from services.notifier.panel.screen import Screen
from services.notifier.panel.words import count
from services.notifier.telegram.post import rows
from services.notifier.telegram.text import MESSAGE_MOST, Rich, bold, code, fitting, joined, one_line, plain

_STATES: Mapping[int, str] = {
    exp.EXPERIMENT_STATE_RUNNING: "runs",
    exp.EXPERIMENT_STATE_STOPPED: "is ended",
    exp.EXPERIMENT_STATE_PROMOTED: "is ended, one arm is for all",
}
_METRICS: Mapping[int, str] = {
    exp.OUTCOME_METRIC_REVIEW: "the machine's review",
    exp.OUTCOME_METRIC_SCORE: "how releases do among listeners",
}


async def show(desk: Desk, experiment_id: str) -> Screen:
    """One experiment."""
    experiment = await desk.peers.experiment(experiment_id)
    if experiment is None:
        return missing("experiment", "Menu", "p:menu")
    return experiment_screen(experiment)


def experiment_screen(experiment: exp.Experiment) -> Screen:
    """It as people see it."""
    metric = _METRICS.get(experiment.metric, "what people decide")
    lines = [
        joined([plain("🧪"), bold(one_line(experiment.name, 60) or "an experiment")], " "),
        plain(f"It {_STATES.get(experiment.state, 'is in a state unknown here')}"),
        plain(f"Judged by {metric}"),
    ]
    for result in experiment.results:
        promoted = " · for all" if result.arm == experiment.promoted_arm else ""
        lines.append(bold(f"{one_line(result.arm, 40)}{promoted}"))
        lines.append(plain(f"    {_result(result)}"))
    verdict = experiment.verdict
    lines.append(plain(one_line(verdict.text, 160)))
    lines.append(_mismatch(verdict))
    lines.append(code(one_line(experiment.id, 40)))
    again = [*tap("« Menu", "p:menu"), *tap("Refresh", f"p:experiment:{experiment.id}")]
    return Screen(fitting(lines, MESSAGE_MOST), rows(again))


def _result(result: exp.ArmResult) -> str:
    runs = count(result.assigned, "run")
    if not result.outcomes:
        return f"{runs}, no outcome yet"
    span = f"{_percent(result.low)}–{_percent(result.high)} %"
    return f"{_percent(result.mean)} % ({span}), {result.outcomes:,} of {runs}"


def _percent(share: float) -> int:
    return round(100 * min(1.0, max(0.0, share)))


def _mismatch(verdict: exp.Verdict) -> Rich:
    return plain(f"⚠️ {one_line(verdict.ratio_mismatch, 160)}") if verdict.ratio_mismatch else Rich()
