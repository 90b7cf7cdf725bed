"""Error groups and their reports."""

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.errors import NEW, changes, check_fingerprint, check_report, check_titles
from services.artist_db.rpc.room import Context, Room, time_and_text
from services.artist_db.store import errors as store
from services.chassis.database import Connection
from services.chassis.errors import NotFound
from services.chassis.paging import page_request


class ErrorRpcs(Room):
    """RecordErrors to SaveErrorReport."""

    async def RecordErrors(
        self, request: pb.RecordErrorsRequest, context: Context
    ) -> pb.RecordErrorsResponse:
        checks = Checks()
        batch = changes(checks, request.occurrences)
        checks.finish()

        async def record(connection: Connection) -> pb.RecordErrorsResponse:
            new = await store.add(connection, batch)
            check_titles(checks, request.occurrences, new)
            checks.finish()
            return pb.RecordErrorsResponse(new_fingerprints=new)

        return await self._change(request, pb.RecordErrorsResponse, record)

    async def GetErrorGroup(
        self, request: pb.GetErrorGroupRequest, context: Context
    ) -> pb.GetErrorGroupResponse:
        checks = Checks()
        check_fingerprint(checks, "fingerprint", request.fingerprint)
        checks.finish()
        async with self._db.acquire() as connection:
            return pb.GetErrorGroupResponse(group=await _whole(connection, request.fingerprint))

    async def ListErrorGroups(
        self, request: pb.ListErrorGroupsRequest, context: Context
    ) -> pb.ListErrorGroupsResponse:
        checks = Checks()
        checks.filter("service", request.service)
        checks.finish()
        page = page_request(request, filters=("error groups", request.service))
        async with self._db.acquire() as connection:
            found = await store.page(
                connection, service=request.service, after=time_and_text(page), limit=page.size + 1
            )
        rows, token = page.cut(found, key=lambda row: (row["last_seen"].isoformat(), row["fingerprint"]))
        return pb.ListErrorGroupsResponse(groups=map(_group_of, rows), next_page_token=token)

    async def SaveErrorReport(
        self, request: pb.SaveErrorReportRequest, context: Context
    ) -> pb.SaveErrorReportResponse:
        checks = Checks()
        if checks.present("report", request.HasField("report")):
            check_report(checks, request.report)
        checks.finish()
        report = pb.ErrorReport()
        report.CopyFrom(request.report)
        report.ClearField("created_at")

        async def save(connection: Connection) -> pb.SaveErrorReportResponse:
            await store.save_report(connection, report)
            return pb.SaveErrorReportResponse(group=await _whole(connection, report.fingerprint))

        return await self._change(request, pb.SaveErrorReportResponse, save)


async def _whole(connection: Connection, fingerprint: str) -> pb.ErrorGroup:
    """A group with its samples and its newest report; NotFound where there is none."""
    row = await store.group(connection, fingerprint)
    if row is None:
        raise NotFound("error group", fingerprint)
    group = _group_of(row)
    for sample in await store.samples(connection, fingerprint):
        message = group.samples.add()
        message.ParseFromString(sample["body"])
        if not message.HasField("time"):
            message.time.FromDatetime(sample["seen_at"])
    if row["report"] is not None:
        group.report.ParseFromString(row["report"])
        group.report.created_at.FromDatetime(row["reported_at"])
    return group


def _group_of(row: store.Row) -> pb.ErrorGroup:
    group = pb.ErrorGroup(
        fingerprint=row["fingerprint"],
        title=row["title"],
        culprit=row["culprit"],
        count=row["count"],
        services=row["services"],
        status=row["status"] or NEW,
    )
    group.first_seen.FromDatetime(row["first_seen"])
    group.last_seen.FromDatetime(row["last_seen"])
    return group
