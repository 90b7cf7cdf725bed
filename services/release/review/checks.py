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
    """A check that passes from `least` to `most`, else has the outcome `otherwise`."""
    shown = f"{measured:.{digits}f}{' ' if unit else ''}{unit}"
    outcome, message = PASS, shown
    if least is not None and measured < least:
        outcome, message = otherwise, f"{shown} is less than {least:.{digits}f}"
    elif most is not None and measured > most:
        outcome, message = otherwise, f"{shown} is more than {most:.{digits}f}"
    if what:
        message = f"{message}: {what}"
    return audio_pb2.ReviewCheck(
        name=name, outcome=outcome, measured=measured, minimum=least, maximum=most, message=message
    )
