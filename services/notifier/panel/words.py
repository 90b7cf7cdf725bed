"""How values read on a phone: names, states, amounts and times."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2
from aiartist.common.v1 import decision_pb2
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from services.notifier.hours import age
from services.notifier.telegram.text import Rich, code, link, one_line

NAME_MOST = 36
"""Units of a name or title on a line of its own: about a phone's width."""

RUN_ICONS: Mapping[int, str] = {
    sched.RUN_STATE_AWAITING_APPROVAL: "🎧",
    sched.RUN_STATE_RELEASED: "🚀",
    sched.RUN_STATE_FAILED: "❌",
    sched.RUN_STATE_REJECTED: "🛑",
    sched.RUN_STATE_EXPIRED: "🛑",
    sched.RUN_STATE_CANCELLED: "🛑",
}
"""Of the others: ▶️, they are under way."""
STAGE_ICONS: Mapping[int, str] = {
    sched.StageExecution.STATE_RUNNING: "▶️",
    sched.StageExecution.STATE_SUCCEEDED: "✅",
    sched.StageExecution.STATE_FAILED: "❌",
    sched.StageExecution.STATE_WAITING: "🎧",
    sched.StageExecution.STATE_CANCELLED: "🛑",
}
ARTIST_ICONS: Mapping[int, str] = {
    artist_state_pb2.ARTIST_STATE_PAUSED: "⏸",
    artist_state_pb2.ARTIST_STATE_RETIRED: "🛑",
    artist_state_pb2.ARTIST_STATE_CANDIDATE: "🌱",
}
MAKES_SONGS = (artist_state_pb2.ARTIST_STATE_ACTIVE, artist_state_pb2.ARTIST_STATE_EVOLVING)
EVOLVES: Mapping[str, db.Evolve.ValueType] = {
    "off": db.EVOLVE_OFF,
    "propose": db.EVOLVE_PROPOSE,
    "auto": db.EVOLVE_AUTO,
}
"""By the word that buttons have for them."""
_EVOLVE_WORDS: Mapping[int, str] = {
    db.EVOLVE_OFF: "never changes by itself",
    db.EVOLVE_AUTO: "changes by itself, within bounds",
}
SILENCE: Mapping[int, str] = {
    decision_pb2.SILENCE_ANSWER_EXPIRE: "the song expires",
    decision_pb2.SILENCE_ANSWER_AUTOPILOT: "autopilot approves",
}
"""What becomes of a question that nobody answers; of the others: it waits on."""
SILENCES: Mapping[str, decision_pb2.SilenceAnswer.ValueType] = {
    "hold": decision_pb2.SILENCE_ANSWER_HOLD,
    "expire": decision_pb2.SILENCE_ANSWER_EXPIRE,
    "autopilot": decision_pb2.SILENCE_ANSWER_AUTOPILOT,
}
"""By the word that buttons have for them."""
_WAITS = "it waits, however long"


def _word(name_of_value: Callable[[Any], str], value: int, prefix: str) -> str:
    """An enum's value for people, for example `awaiting approval`; `unknown` from a newer version."""
    try:
        name = name_of_value(value)
    except ValueError:
        return "unknown"
    return name.removeprefix(prefix).replace("_", " ").lower()


def run_state(state: int) -> str:
    return _word(sched.RunState.Name, state, "RUN_STATE_")


def stage(name: int) -> str:
    return _word(sched.StageName.Name, name, "STAGE_NAME_")


def artist_state(state: int) -> str:
    return _word(artist_state_pb2.ArtistState.Name, state, "ARTIST_STATE_")


def silence(answer: int) -> str:
    return SILENCE.get(answer, _WAITS)


def evolve(mode: int) -> str:
    """What becomes of a persona that reflections want to change."""
    return _EVOLVE_WORDS.get(mode, "changes with a person's yes")


def name_of(artist: db.Artist, most: int = NAME_MOST) -> str:
    return one_line(artist.persona.name, most) or "unnamed"


def title_of(title: str, most: int = NAME_MOST) -> str:
    return one_line(title, most) or "untitled"


def cadence(when: db.Cadence) -> str:
    """When songs start by themselves, for example `every 2 days`."""
    if when.HasField("interval_s"):
        return f"every {age(when.interval_s)}"
    if when.HasField("cron"):
        return f"at {one_line(when.cron, 40)} (UTC)"
    return "only when asked for"


def amount(micro_usd: int) -> str:
    """A limit: `$5.00`, `$1,000.00`, `$0.000042`."""
    dollars, rest = divmod(micro_usd, 1_000_000)
    cents = f"{rest:06}".rstrip("0").ljust(2, "0")
    return f"${dollars:,}.{cents}"


def place(location: str) -> Rich:
    """Where a song was published: a link where it is an address, else to be copied; empty for nowhere."""
    shown = one_line(location, 80)
    try:
        return link(shown, location) if location.startswith(("http://", "https://")) else code(shown)
    except ValueError:
        # It begins like an address and is none, for example `https://[`.
        return code(shown)


def moment(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)


def ago(stamp: Timestamp, now: datetime) -> str:
    """For example `5 h ago`."""
    return f"{age((now - moment(stamp)).total_seconds())} ago"


def count(number: int, what: str) -> str:
    """For example `1 song`, `12 songs`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
