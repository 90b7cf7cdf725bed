"""What operators order about errors: each command is one call, and says what became of it."""

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from cli import finding
from cli.error_card import diff_lines, show_fix_facts
from cli.failures import Failure
from cli.session import Session, new_request_id
from cli.texts import plain, shortened

_SHOWN_DIGITS = 12


async def analyze(session: Session, given: str) -> None:
    """Has it explained again."""
    service, fingerprint = session.error_analyzer, await finding.fingerprint(session, given)
    request = pb.AnalyzeErrorRequest(
        request_id=new_request_id(), fingerprint=fingerprint, requested_by=session.settings.decided_by
    )
    answer = await service.answer(service.stub.AnalyzeError(request, timeout=session.timeout))
    _told(session, answer.group, "will be explained again")


async def ignore(session: Session, given: str, reason: str) -> None:
    """Has nothing more done about it."""
    service, fingerprint = session.error_analyzer, await finding.fingerprint(session, given)
    request = pb.IgnoreErrorRequest(
        request_id=new_request_id(),
        fingerprint=fingerprint,
        requested_by=session.settings.decided_by,
        reason=reason,
    )
    answer = await service.answer(service.stub.IgnoreError(request, timeout=session.timeout))
    _told(session, answer.group, "is ignored")


async def reopen(session: Session, given: str, reason: str) -> None:
    """Has it taken up again."""
    service, fingerprint = session.error_analyzer, await finding.fingerprint(session, given)
    request = pb.ReopenErrorRequest(
        request_id=new_request_id(),
        fingerprint=fingerprint,
        requested_by=session.settings.decided_by,
        reason=reason,
    )
    answer = await service.answer(service.stub.ReopenError(request, timeout=session.timeout))
    _told(session, answer.group, "is taken up again")


async def apply(session: Session, given: str, commit: str, *, yes: bool) -> None:
    """Has its proven fix applied: the one that is shown, or `commit`."""
    group = await _group(session, given)
    if not yes:
        commit = commit or group.report.commit
        _show_what(session, group)
        if not session.output.agreed(f"Apply {commit[:_SHOWN_DIGITS] or 'this fix'} to the code?"):
            raise Failure("the fix was not applied; --yes does it without asking")
    service = session.error_analyzer
    request = pb.ApplyFixRequest(
        request_id=new_request_id(),
        fingerprint=group.fingerprint,
        requested_by=session.settings.decided_by,
        commit=commit,
    )
    answer = await service.answer(service.stub.ApplyFix(request, timeout=session.timeout))
    _told(session, answer.group, "is about to be fixed; see how it goes: aiartist error watch")


async def revert(session: Session, given: str, reason: str, *, yes: bool) -> None:
    """Has its applied fix taken out."""
    group = await _group(session, given)
    if not yes and not session.output.agreed(
        f"Take the fix of {_name(group)} out of the code ({group.report.commit[:_SHOWN_DIGITS] or 'none'})?"
    ):
        raise Failure("the fix stays; --yes takes it out without asking")
    service = session.error_analyzer
    request = pb.RevertFixRequest(
        request_id=new_request_id(),
        fingerprint=group.fingerprint,
        requested_by=session.settings.decided_by,
        reason=reason,
    )
    answer = await service.answer(service.stub.RevertFix(request, timeout=session.timeout))
    _told(session, answer.group, "is about to lose its fix; see how it goes: aiartist error watch")


async def _group(session: Session, given: str) -> db.ErrorGroup:
    service = session.artist_db
    request = db.GetErrorGroupRequest(fingerprint=await finding.fingerprint(session, given))
    return (await service.answer(service.stub.GetErrorGroup(request, timeout=session.timeout))).group


def _show_what(session: Session, group: db.ErrorGroup) -> None:
    if session.output.json:
        return
    session.output.say(_name(group))
    show_fix_facts(session.output, group.report)
    for line in diff_lines(group.report.diff):
        session.output.console.print(line, soft_wrap=True)


def _told(session: Session, group: db.ErrorGroup, what: str) -> None:
    if session.output.json:
        session.output.document(group)
    else:
        session.output.say(f"{_name(group)} {what}")


def _name(group: db.ErrorGroup) -> str:
    return f"{group.fingerprint[:_SHOWN_DIGITS]} ({shortened(plain(group.title), 60)})"
