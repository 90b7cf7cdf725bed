"""Error groups as messages."""

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from services.artist_db.domain.error_reports import NEW
from services.artist_db.domain.error_steps import Kind
from services.artist_db.store import error_reports, error_steps, errors
from services.chassis.database import Connection
from services.chassis.errors import NotFound


async def whole(connection: Connection, fingerprint: str) -> pb.ErrorGroup:
    """A group with all that is known of it; NotFound where there is none."""
    group = await current(connection, fingerprint)
    for sample in await errors.samples(connection, group.fingerprint):
        message = group.samples.add()
        message.ParseFromString(sample["body"])
        if not message.HasField("time"):
            message.time.FromDatetime(sample["seen_at"])
    for row in await errors.hours(connection, group.fingerprint):
        hour = group.hours.add(service=row["service"], count=row["count"])
        hour.hour.FromDatetime(row["hour"])
    if group.HasField("report"):
        before = await error_reports.history(connection, group.fingerprint, but=group.report.sequence)
        group.history.extend(map(error_reports.message_of, before))
    return group


async def current(connection: Connection, fingerprint: str) -> pb.ErrorGroup:
    """A group with its newest report and its step; NotFound where there is none."""
    row = await errors.group(connection, fingerprint)
    if row is None:
        raise NotFound("error group", fingerprint)
    group = listed(row)
    if row["report"] is not None:
        group.report.CopyFrom(
            error_reports.message_of(
                {
                    "id": row["report_id"],
                    "fingerprint": row["fingerprint"],
                    "body": row["report"],
                    "created_at": row["reported_at"],
                }
            )
        )
    step = await error_steps.step(connection, group.fingerprint)
    if step is not None:
        group.step.CopyFrom(
            pb.ErrorStep(
                kind=Kind(step["kind"]).value_in_messages,
                forced=step["forced"],
                requested_by=step["requested_by"],
                attempt_id=step["attempt_id"],
                tries=step["tries"],
                reason=step["reason"],
                takeovers=step["takeovers"],
                postponements=step["postponements"],
            )
        )
        group.step.due_at.FromDatetime(step["due_at"])
    return group


def listed(row: errors.Row) -> pb.ErrorGroup:
    """A group as it stands in lists."""
    group = pb.ErrorGroup(
        fingerprint=row["fingerprint"],
        title=row["title"],
        culprit=row["culprit"],
        count=row["count"],
        services=row["services"],
        status=row["status"] or NEW,
        code_versions=row["code_versions"],
        exception_type=row["exception_type"],
    )
    group.first_seen.FromDatetime(row["first_seen"])
    group.last_seen.FromDatetime(row["last_seen"])
    if row["code_as_of"] is not None:
        group.code_as_of.FromDatetime(row["code_as_of"])
    return group
