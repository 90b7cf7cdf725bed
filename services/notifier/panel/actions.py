"""What operators change: each over the RPC that the command line uses, once for each press or command."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2
from aiartist.error_analyzer.v1 import error_analyzer_pb2 as err
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from services.chassis.errors import RemoteError
from services.chassis.logs import get_logger
from services.notifier.panel import budget as budgets
from services.notifier.panel import desk as ask
from services.notifier.panel.desk import Answer, Desk
from services.notifier.panel.pages import STEP
from services.notifier.panel.refusals import reason
from services.notifier.panel.words import MAKES_SONGS, SILENCES, count, name_of, silence
from services.notifier.peers import CALL_TIMEOUT_S, found

AT_ONCE = 8
"""Artists that are paused or resumed at a time, where it is all of them."""

NOTHING_YET: Mapping[str, str] = MappingProxyType({})
"""Of a change that is never done already."""

_log = get_logger("notifier.panel")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a person is told of a change, in one line."""

    text: str
    done: bool = True
    """False: nothing was changed."""
    run_id: str = ""
    """The run that was started."""


async def start_run(desk: Desk, artist_id: str, wish: str = "", *, ticket: str = "") -> Outcome:
    """A new song. With a ticket: once for it, whoever presses how often."""
    request = sched.StartRunRequest(
        request_id=f"ticket/{ticket}/{artist_id}" if ticket else desk.key, artist_id=artist_id, note=wish
    )
    call: Awaitable[sched.StartRunResponse] = desk.peers.scheduler.StartRun(request, timeout=CALL_TIMEOUT_S)
    return await changed(
        desk,
        "scheduler",
        call,
        lambda answer: Outcome("🎤 A new song is started.", run_id=answer.run.id),
        gone="That artist is not there any more.",
    )


async def cancel(desk: Desk, run_id: str) -> Outcome:
    request = sched.CancelRunRequest(
        request_id=desk.key, run_id=run_id, reason=f"by {desk.person.decided_by}"
    )
    call: Awaitable[sched.CancelRunResponse] = desk.peers.scheduler.CancelRun(request, timeout=CALL_TIMEOUT_S)
    return await changed(
        desk,
        "scheduler",
        call,
        lambda _: Outcome("🛑 The run is cancelled."),
        gone="That run is not there any more.",
        already={"CANCELLED": "The run was cancelled already."},
    )


async def retry(desk: Desk, run_id: str) -> Outcome:
    request = sched.RetryRunRequest(request_id=desk.key, run_id=run_id)
    call: Awaitable[sched.RetryRunResponse] = desk.peers.scheduler.RetryRun(request, timeout=CALL_TIMEOUT_S)
    return await changed(
        desk,
        "scheduler",
        call,
        lambda _: Outcome("🔁 The run is under way again."),
        gone="That run is not there any more.",
    )


async def set_autopilot(desk: Desk, artist_id: str, *, enabled: bool) -> Outcome:
    request = db.SetAutopilotRequest(request_id=desk.key, artist_id=artist_id, enabled=enabled)
    call: Awaitable[db.SetAutopilotResponse] = desk.peers.artist_db.SetAutopilot(
        request, timeout=CALL_TIMEOUT_S
    )
    then = "on: new songs go out unasked" if enabled else "off: you are asked about new songs"
    return await changed_artist(
        desk, call, lambda answer: Outcome(f"Autopilot of {name_of(answer.artist)} is {then}.")
    )


async def set_silence(desk: Desk, artist_id: str, answer_name: str) -> Outcome:
    """`hold`, `expire` or `autopilot`."""
    request = db.SetSilenceAnswerRequest(
        request_id=desk.key, artist_id=artist_id, on_silence=SILENCES[answer_name]
    )
    call: Awaitable[db.SetSilenceAnswerResponse] = desk.peers.artist_db.SetSilenceAnswer(
        request, timeout=CALL_TIMEOUT_S
    )
    return await changed_artist(
        desk,
        call,
        lambda answer: Outcome(
            f"When nobody answers from now on about {name_of(answer.artist)}: "
            f"{silence(answer.artist.on_silence)}."
        ),
    )


async def pause(desk: Desk, artist_id: str, *, request_id: str = "") -> Outcome:
    request = db.PauseArtistRequest(
        request_id=request_id or desk.key, artist_id=artist_id, reason=f"by {desk.person.decided_by}"
    )
    call: Awaitable[db.PauseArtistResponse] = desk.peers.artist_db.PauseArtist(
        request, timeout=CALL_TIMEOUT_S
    )
    return await changed_artist(
        desk,
        call,
        lambda answer: Outcome(f"⏸ {name_of(answer.artist)} is paused: no new songs."),
        already={"PAUSED": "That artist is paused already."},
    )


async def resume(desk: Desk, artist_id: str, *, request_id: str = "") -> Outcome:
    request = db.ResumeArtistRequest(
        request_id=request_id or desk.key, artist_id=artist_id, reason=f"by {desk.person.decided_by}"
    )
    call: Awaitable[db.ResumeArtistResponse] = desk.peers.artist_db.ResumeArtist(
        request, timeout=CALL_TIMEOUT_S
    )
    return await changed_artist(
        desk,
        call,
        lambda answer: Outcome(f"▶️ {name_of(answer.artist)} makes songs again."),
        already={"ACTIVE": "That artist is active already."},
    )


async def retire(desk: Desk, artist_id: str) -> Outcome:
    request = db.RetireArtistRequest(
        request_id=desk.key, artist_id=artist_id, reason=f"by {desk.person.decided_by}"
    )
    call: Awaitable[db.RetireArtistResponse] = desk.peers.artist_db.RetireArtist(
        request, timeout=CALL_TIMEOUT_S
    )
    return await changed_artist(
        desk,
        call,
        lambda answer: Outcome(f"🛑 {name_of(answer.artist)} is retired."),
        already={"RETIRED": "That artist is retired already."},
    )


async def set_budget(
    desk: Desk, scope: db.BudgetScope.ValueType, subject: str, limit_micro_usd: int | None, name: str
) -> Outcome:
    """Sets a limit; None removes it. `name` is the artist's, where it is one's."""
    request = db.SetBudgetRequest(
        request_id=desk.key, scope=scope, subject=subject, limit_micro_usd=limit_micro_usd
    )
    call: Awaitable[db.SetBudgetResponse] = desk.peers.artist_db.SetBudget(request, timeout=CALL_TIMEOUT_S)
    return await changed(
        desk,
        "artist_db",
        call,
        lambda answer: Outcome(f"💵 {budgets.changed(answer.budget, name)}."),
        gone="What that limits is not there any more.",
    )


async def analyze_error(desk: Desk, fingerprint: str) -> Outcome:
    request = err.AnalyzeErrorRequest(
        request_id=desk.key, fingerprint=fingerprint, requested_by=_orders(desk)
    )
    call: Awaitable[err.AnalyzeErrorResponse] = desk.peers.error_analyzer.AnalyzeError(
        request, timeout=CALL_TIMEOUT_S
    )
    return await _changed_error(desk, call, "🔎 It will be explained again.")


async def ignore_error(desk: Desk, fingerprint: str) -> Outcome:
    request = err.IgnoreErrorRequest(request_id=desk.key, fingerprint=fingerprint, requested_by=_orders(desk))
    call: Awaitable[err.IgnoreErrorResponse] = desk.peers.error_analyzer.IgnoreError(
        request, timeout=CALL_TIMEOUT_S
    )
    return await _changed_error(
        desk,
        call,
        "🙈 Ignored: it is counted, and nothing more is done about it.",
        already={"ignored": "It is ignored already."},
    )


async def reopen_error(desk: Desk, fingerprint: str) -> Outcome:
    request = err.ReopenErrorRequest(request_id=desk.key, fingerprint=fingerprint, requested_by=_orders(desk))
    call: Awaitable[err.ReopenErrorResponse] = desk.peers.error_analyzer.ReopenError(
        request, timeout=CALL_TIMEOUT_S
    )
    return await _changed_error(desk, call, "🔁 It is taken up again.", already={"new": "It is up already."})


async def apply_fix(desk: Desk, fingerprint: str, commit: str) -> Outcome:
    """The fix that the person saw, by the beginning of its commit."""
    request = err.ApplyFixRequest(
        request_id=desk.key, fingerprint=fingerprint, requested_by=_orders(desk), commit=commit
    )
    call: Awaitable[err.ApplyFixResponse] = desk.peers.error_analyzer.ApplyFix(
        request, timeout=CALL_TIMEOUT_S
    )
    return await _changed_error(
        desk,
        call,
        "🔧 The fix is about to be applied; you are told when it is.",
        already={"fix_applied": "The fix is applied already."},
    )


async def revert_fix(desk: Desk, fingerprint: str) -> Outcome:
    request = err.RevertFixRequest(request_id=desk.key, fingerprint=fingerprint, requested_by=_orders(desk))
    call: Awaitable[err.RevertFixResponse] = desk.peers.error_analyzer.RevertFix(
        request, timeout=CALL_TIMEOUT_S
    )
    return await _changed_error(
        desk,
        call,
        "↩️ The fix is about to be taken out; you are told when it is.",
        already={"reverted": "The fix is taken out already."},
    )


async def pause_all(desk: Desk) -> Outcome:
    """Every artist that makes songs."""
    tried = await _each(desk, MAKES_SONGS, pause)
    return _of_all(tried, "⏸ Every active artist is paused: no new songs.")


async def resume_all(desk: Desk) -> Outcome:
    """Every paused artist."""
    tried = await _each(desk, (artist_state_pb2.ARTIST_STATE_PAUSED,), resume)
    return _of_all(tried, "▶️ Every paused artist makes songs again.")


async def _each(
    desk: Desk,
    states: Sequence[artist_state_pb2.ArtistState.ValueType],
    change: Callable[..., Awaitable[Outcome]],
) -> list[Outcome]:
    """Changes all artists in these states. A repeat after a crash finds those that are left."""
    fetch, token, ids = ask.artists(desk.peers, states), "", list[str]()
    while True:
        # All ids first: who is changed leaves the list.
        page, token = await fetch(STEP, token)
        ids += [artist.id for artist in page]
        if not token:
            break
    places = asyncio.Semaphore(AT_ONCE)

    async def one(artist_id: str) -> Outcome:
        async with places:
            return await change(desk, artist_id, request_id=f"{desk.key}/{artist_id}")

    tried = await asyncio.gather(*map(one, ids), return_exceptions=True)
    outcomes = []
    for outcome in tried:
        if isinstance(outcome, BaseException):
            # After all have ended: none goes on unseen while this is tried again.
            raise outcome
        outcomes.append(outcome)
    return outcomes


def _of_all(outcomes: list[Outcome], text: str) -> Outcome:
    failed = [outcome for outcome in outcomes if not outcome.done]
    if not failed:
        return Outcome(text)
    return Outcome(f"{count(len(failed), 'artist')} could not be changed: {failed[0].text}", done=False)


def _orders(desk: Desk) -> str:
    """Who orders, as error_analyzer keeps it."""
    return f"telegram: {desk.person.name or desk.person.id}"


async def _changed_error(
    desk: Desk, call: Awaitable[Answer], text: str, already: Mapping[str, str] = NOTHING_YET
) -> Outcome:
    return await changed(
        desk,
        "error_analyzer",
        call,
        lambda _: Outcome(text),
        gone="That error is not there any more.",
        already=already,
    )


async def changed_artist(
    desk: Desk,
    call: Awaitable[Answer],
    told: Callable[[Answer], Outcome],
    already: Mapping[str, str] = NOTHING_YET,
) -> Outcome:
    return await changed(
        desk, "artist_db", call, told, gone="That artist is not there any more.", already=already
    )


async def changed(
    desk: Desk,
    service: str,
    call: Awaitable[Answer],
    told: Callable[[Answer], Outcome],
    *,
    gone: str,
    already: Mapping[str, str] = NOTHING_YET,
) -> Outcome:
    """Makes the call and tells of it; PeerAway where it has to wait.

    `already`, by state in which nothing is left to be done: what is said of it.
    """
    try:
        answer = await found(service, call)
    except RemoteError as error:
        is_so = error.remote_reason == "ERROR_REASON_WRONG_STATE"
        if is_so and (said := already.get(error.metadata.get("state", ""))):
            return Outcome(said)
        _log.info("a change was refused", by=desk.person.decided_by, reason=error.remote_reason)
        return Outcome(reason(error), done=False)
    if answer is None:
        return Outcome(gone, done=False)
    outcome = told(answer)
    _log.info("changed over Telegram", by=desk.person.decided_by, what=outcome.text)
    return outcome
