"""The single checks of a review, as the messages that are stored and shown."""

from aiartist.common.v1 import audio_pb2

PASS = audio_pb2.ReviewCheck.OUTCOME_PASS
WARN = audio_pb2.ReviewCheck.OUTCOME_WARN
FAIL = audio_pb2.ReviewCheck.OUTCOME_FAIL

Outcome = audio_pb2.ReviewCheck.Outcome


def bounded(
    name: str,
    measured: float,
    *,
    least: float | None = None,
    most: float | None = None,
    unit: str = "",
    otherwise: "audio_pb2.ReviewCheck.Outcome.ValueType" = FAIL,
    digits: int = 1,
    what: str = "",
) -> audio_pb2.ReviewCheck:
    """A check that passes from `least` to `most`, else has the outcome `otherwise`.

    Its message shows the number and what is allowed, and `what` it is where it does not pass.
    """
    shown = f"{measured:.{digits}f}{' ' if unit else ''}{unit}"
    outcome, message = PASS, f"{shown} ({_allowed(least, most, digits)})"
    if least is not None and measured < least:
        outcome, message = otherwise, f"{shown} is less than {least:.{digits}f}"
    elif most is not None and measured > most:
        outcome, message = otherwise, f"{shown} is more than {most:.{digits}f}"
    if what and outcome != PASS:
        message = f"{message}: {what}"
    return audio_pb2.ReviewCheck(
        name=name, outcome=outcome, measured=measured, minimum=least, maximum=most, message=message
    )


def worst(*checks: audio_pb2.ReviewCheck) -> audio_pb2.ReviewCheck:
    """Of checks with several limits, the one with the worst outcome; the first where they agree."""
    return max(checks, key=lambda check: check.outcome)


def _allowed(least: float | None, most: float | None, digits: int) -> str:
    if least is None or most is None:
        return f"at most {most:.{digits}f}" if least is None else f"at least {least:.{digits}f}"
    if least == most:
        return f"must be {least:.{digits}f}"
    return f"{least:.{digits}f} to {most:.{digits}f}"
