"""Error groups, their occurrences, templates and reports."""

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.error_reports import SEVERITIES, STATUSES, check_report
from services.artist_db.domain.errors import changes, check_fingerprint, check_titles
from services.artist_db.rpc.error_groups import current, listed, whole
from services.artist_db.rpc.room import Context, Room, time_and_text
from services.artist_db.store import error_reports, error_templates
from services.artist_db.store import errors as store
from services.chassis.database import Connection
from services.chassis.errors import NotFound
from services.chassis.paging import page_request

MAX_TEXT = 200
MAX_SEQUENCE = 2**63 - 1


class ErrorRpcs(Room):
    """RecordErrors to SaveErrorReport, ListErrorTemplates, ListErrorReports."""

    async def RecordErrors(
        self, request: pb.RecordErrorsRequest, context: Context
    ) -> pb.RecordErrorsResponse:
        checks = Checks()
        batch = changes(checks, request.occurrences)
        checks.finish()

        async def record(connection: Connection) -> pb.RecordErrorsResponse:
            recorded = await store.add(connection, batch)
            check_titles(checks, request.occurrences, recorded.untitled)
            checks.finish()
            return pb.RecordErrorsResponse(new_fingerprints=recorded.new)

        return await self._change(request, pb.RecordErrorsResponse, record)

    async def GetErrorGroup(
        self, request: pb.GetErrorGroupRequest, context: Context
    ) -> pb.GetErrorGroupResponse:
        checks = Checks()
        check_fingerprint(checks, "fingerprint", request.fingerprint)
        checks.finish()
        # One moment for all that is read: the group may be merged into another one meanwhile.
        async with (
            self._db.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return pb.GetErrorGroupResponse(group=await whole(connection, request.fingerprint))

    async def ListErrorGroups(
        self, request: pb.ListErrorGroupsRequest, context: Context
    ) -> pb.ListErrorGroupsResponse:
        filters = _filters(request)
        page = page_request(request, filters=("error groups", *_told(filters)))
        async with self._db.acquire() as connection:
            found = await store.page(connection, filters, after=time_and_text(page), limit=page.size + 1)
        rows, token = page.cut(found, key=lambda row: (row["last_seen"].isoformat(), row["fingerprint"]))
        return pb.ListErrorGroupsResponse(groups=map(listed, rows), next_page_token=token)

    async def SaveErrorReport(
        self, request: pb.SaveErrorReportRequest, context: Context
    ) -> pb.SaveErrorReportResponse:
        checks = Checks()
        if checks.present("report", request.HasField("report")):
            check_report(checks, request.report)
        checks.finish()

        async def save(connection: Connection) -> pb.SaveErrorReportResponse:
            group = await store.lock(connection, request.report.fingerprint)
            if group is None:
                raise NotFound("error group", request.report.fingerprint)
            await error_reports.save(connection, group["fingerprint"], request.report)
            return pb.SaveErrorReportResponse(group=await current(connection, group["fingerprint"]))

        return await self._change(request, pb.SaveErrorReportResponse, save)

    async def ListErrorTemplates(
        self, request: pb.ListErrorTemplatesRequest, context: Context
    ) -> pb.ListErrorTemplatesResponse:
        checks = Checks()
        checks.number("after_sequence", request.after_sequence, least=0, most=MAX_SEQUENCE)
        checks.number("page_size", request.page_size, least=0, most=5_000)
        checks.finish()
        async with self._db.acquire() as connection:
            rows = await error_templates.page(
                connection, after=request.after_sequence, limit=request.page_size or 1_000
            )
        return pb.ListErrorTemplatesResponse(
            templates=[
                pb.ErrorTemplate(
                    sequence=row["sequence"], fingerprint=row["fingerprint"], template=row["template"]
                )
                for row in rows
            ]
        )

    async def ListErrorReports(
        self, request: pb.ListErrorReportsRequest, context: Context
    ) -> pb.ListErrorReportsResponse:
        checks = Checks()
        checks.number("after_sequence", request.after_sequence, least=0, most=MAX_SEQUENCE)
        checks.number("page_size", request.page_size, least=0, most=500)
        checks.finish()
        after = request.after_sequence if request.HasField("after_sequence") else None
        async with self._db.acquire() as connection:
            rows = await error_reports.page(connection, after=after, limit=request.page_size or 100)
        return pb.ListErrorReportsResponse(reports=map(error_reports.message_of, rows))


def _filters(request: pb.ListErrorGroupsRequest) -> store.Filters:
    checks = Checks()
    checks.filter("service", request.service)
    checks.count("statuses", request.statuses, most=len(STATUSES))
    for index, status in enumerate(request.statuses):
        checks.choice(f"statuses[{index}]", status, STATUSES)
    checks.phrase("text", request.text, most=MAX_TEXT)
    if request.severity:
        checks.choice("severity", request.severity, SEVERITIES)
    after = checks.time("seen_after", request.seen_after) if request.HasField("seen_after") else None
    before = checks.time("seen_before", request.seen_before) if request.HasField("seen_before") else None
    checks.finish()
    return store.Filters(
        request.service, tuple(request.statuses), request.text, after, before, request.severity
    )


def _told(filters: store.Filters) -> tuple[object, ...]:
    """What a page's token is bound to."""
    return (
        filters.service,
        sorted(filters.statuses),
        filters.text,
        filters.seen_after,
        filters.seen_before,
        filters.severity,
    )
