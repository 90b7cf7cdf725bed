"""How values read for people: times, durations, states, and text that comes from elsewhere."""

import unicodedata
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from aiartist.artist_db.v1.artist_db_pb2 import Evolve
from aiartist.artist_db.v1.artist_state_pb2 import ArtistState
from aiartist.artist_db.v1.life_pb2 import PersonaChange
from aiartist.common.v1.decision_pb2 import SilenceAnswer, Verdict
from aiartist.notifier.v1.notifier_pb2 import Delivery, Message
from aiartist.scheduler.v1.scheduler_pb2 import RunState, StageExecution, StageName

ABSENT = "–"
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def plain(text: str) -> str:
    """One line without anything that a terminal would obey."""
    return "".join(_shown(character) for character in " ".join(text.split()))


def printable(text: str) -> str:
    """Text of several lines, or a piece of one, without anything else that a terminal would obey."""
    kept = text.replace("\r", "")
    return "".join(character if character in "\n\t" else _shown(character) for character in kept)


def _shown(character: str) -> str:
    # Cf holds the marks that turn the direction of what follows.
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in ("Cc", "Cf", "Cs") else character


def shortened(text: str, most: int) -> str:
    """At most so many characters, with an ellipsis where some are missing."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def duration(seconds: float) -> str:
    """For example `4.2 s`, `1m 12s`, `2h 05m`, `3d 4h`."""
    if seconds < 0:
        seconds = 0
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{seconds:.1f} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR}h"


def seconds_of(time: Timestamp) -> float:
    """Seconds since 1970."""
    return time.seconds + time.nanos / 1e9


def moment(time: Timestamp) -> str:
    """To the second, in local time; a dash for an absent time."""
    return _local(time).strftime("%Y-%m-%d %H:%M:%S") if _is_set(time) else ABSENT


def short_moment(time: Timestamp) -> str:
    """For tables: 11 characters, the year in place of the time of day where it is another one."""
    if not _is_set(time):
        return ABSENT
    local = _local(time)
    return local.strftime("%m-%d %H:%M" if local.year == datetime.now().astimezone().year else " %Y-%m-%d")


def clock(time: Timestamp) -> str:
    """The local time of day."""
    return _local(time).strftime("%H:%M:%S")


def _is_set(time: Timestamp) -> bool:
    return bool(time.seconds or time.nanos)


def _local(time: Timestamp) -> datetime:
    return time.ToDatetime(tzinfo=UTC).astimezone()


def run_state(state: RunState.ValueType) -> str:
    """For example `awaiting approval`."""
    return _word(RunState.Name(state), "RUN_STATE_")


def stage_name(stage: StageName.ValueType) -> str:
    """For example `compose`."""
    return _word(StageName.Name(stage), "STAGE_NAME_")


def stage_state(state: StageExecution.State.ValueType) -> str:
    """For example `succeeded`."""
    return _word(StageExecution.State.Name(state), "STATE_")


def artist_state(state: ArtistState.ValueType) -> str:
    """For example `active`."""
    return _word(ArtistState.Name(state), "ARTIST_STATE_")


def verdict(value: Verdict.ValueType) -> str:
    """For example `autopilot approved`."""
    return _word(Verdict.Name(value), "VERDICT_")


def message_kind(kind: Message.Kind.ValueType) -> str:
    """For example `reminder`."""
    return _word(Message.Kind.Name(kind), "KIND_")


def delivery_state(state: Delivery.State.ValueType) -> str:
    """For example `in digest`."""
    return _word(Delivery.State.Name(state), "STATE_")


def silence_answer(value: SilenceAnswer.ValueType) -> str:
    """For example `expire`; `hold` where nothing is said."""
    return _word(SilenceAnswer.Name(value), "SILENCE_ANSWER_") if value else "hold"


def evolve(value: Evolve.ValueType) -> str:
    """For example `auto`; `propose` where nothing is said."""
    return _word(Evolve.Name(value), "EVOLVE_") if value else "propose"


def change_state(state: PersonaChange.State.ValueType) -> str:
    """For example `no change`."""
    return _word(PersonaChange.State.Name(state), "STATE_")


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower().replace("_", " ")


def dollars(micro_usd: int) -> str:
    """Millionths of a US dollar as dollars."""
    return f"${micro_usd / 1e6:.4f}"


def amount(micro_usd: int) -> str:
    """As dollars with cents, and smaller parts where there are any: `$5.00`, `$1,000.00`, `$0.000042`."""
    whole, rest = divmod(micro_usd, 1_000_000)
    part = f"{rest:06}".rstrip("0").ljust(2, "0")
    return f"${whole:,}.{part}"
