"""`aiartist error setup`: how errors are repaired here."""

from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from cli.output import facts
from cli.session import Session

_MODES = {
    "off": "errors are explained, and no fix is written",
    "suggest": "a fix is written and checked, and nothing is run",
    "branch": "a fix is proven by tests and kept on a branch",
    "apply": "a proven fix is brought into the code after a yes, watched, and taken out again if it fails",
}


async def show_setup(session: Session) -> None:
    """Shows the mode, what it lacks and the limits."""
    service = session.error_analyzer
    setup = await service.answer(
        service.stub.GetRepairSetup(pb.GetRepairSetupRequest(), timeout=session.timeout)
    )
    if session.output.json:
        session.output.document(setup)
        return
    less = setup.effective_mode != setup.mode
    session.output.show(
        facts(
            mode=_told(setup.mode),
            in_effect=_told(setup.effective_mode) if less else "",
            lacks=setup.lacks,
            repository=setup.repository or "none: no source is seen and no fix is written",
            isolation=setup.isolation or "none: no test can be run",
            analyses=f"at most {setup.analyses_per_hour:,} an hour",
            fixes=f"at most {setup.fixes_per_hour:,} an hour, {setup.tries_per_group} for one error",
            may_change=", ".join(setup.allowed_paths) or "nothing",
            without_asking=", ".join(setup.applied_classes) or "nothing",
        )
    )


def _told(mode: str) -> str:
    return f"{mode}: {_MODES[mode]}" if mode in _MODES else mode
