"""Which steps wait for each other: an analysis takes seconds, a proof minutes, and a revert is urgent."""

from collections.abc import Awaitable, Callable, Mapping

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.error_analyzer.work.desk import Desk
from services.error_analyzer.work.outcome import Outcome, Task
from services.error_analyzer.work.worker import Lane

_Kind = db.ErrorStep.Kind


def lanes(desk: Desk, *, analyses: bool, repairs: bool, applies: bool) -> list[Lane]:
    """Those that this process works in; steps of the others wait for one that does."""
    handlers: Mapping[int, Callable[[Task], Awaitable[Outcome]]] = {
        _Kind.KIND_APPLY: desk.apply,
        _Kind.KIND_WATCH: desk.watch,
        _Kind.KIND_REVERT: desk.revert,
    }

    async def applied(task: Task) -> Outcome:
        return await handlers[task.step.kind](task)

    made = []
    if analyses:
        made.append(Lane("analyses", [_Kind.KIND_ANALYZE], desk.analyze, desk.analysis_broke))
    if repairs:
        made.append(Lane("fixes", [_Kind.KIND_FIX], desk.fix, desk.fix_broke))
        kinds = [_Kind.KIND_WATCH, _Kind.KIND_REVERT, *([_Kind.KIND_APPLY] if applies else [])]
        made.append(Lane("applied fixes", kinds, applied, desk.fix_broke, finishes=True))
    return made
