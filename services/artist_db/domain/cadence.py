"""When an artist's runs may start by themselves."""

import re
from datetime import UTC, datetime

from croniter import croniter
from croniter.croniter import CroniterError

from aiartist.artist_db.v1.artist_db_pb2 import Cadence
from services.artist_db.domain.checks import Checks, shown

MIN_INTERVAL_S = 60
MAX_INTERVAL_S = 31_536_000
MAX_CRON = 200

_FIVE_FIELDS = "five cron fields such as `0 9 * * 1` (minute, hour, day, month, weekday)"
# croniter's own additions: H spreads by a hash, R at random; a schedule must be the same for all.
_SPREAD = re.compile(r"(?<![a-z])[hr](?![a-z])", re.IGNORECASE)
_ANY_DAY = datetime(2024, 1, 1, tzinfo=UTC)


def check_cadence(checks: Checks, path: str, cadence: Cadence) -> None:
    """Notes what is wrong with a cadence, fields as `path.cron`."""
    match cadence.WhichOneof("when"):
        case "interval_s":
            checks.number(f"{path}.interval_s", cadence.interval_s, least=MIN_INTERVAL_S, most=MAX_INTERVAL_S)
        case "cron":
            _check_cron(checks, f"{path}.cron", cadence.cron)


def _check_cron(checks: Checks, field: str, cron: str) -> None:
    if len(cron) > MAX_CRON or len(cron.split()) != 5 or _SPREAD.search(cron):
        checks.add(field, f"must be {_FIVE_FIELDS}, is {shown(cron)}")
        return
    try:
        schedule = croniter(cron, _ANY_DAY)
    except CroniterError as error:
        checks.add(field, f"must be {_FIVE_FIELDS}, is {shown(cron)}: {shown(str(error))}")
        return
    try:
        schedule.get_next(datetime)
    except CroniterError:
        checks.add(field, f"must name a time that comes, {shown(cron)} never does")
