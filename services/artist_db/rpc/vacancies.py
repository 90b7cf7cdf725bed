"""Places in the roster that new artists are invented for."""

from aiartist.artist_db.v1 import artist_db_pb2 as artist_pb
from aiartist.artist_db.v1 import life_pb2 as pb
from aiartist.common.v1.persona_pb2 import Persona
from services.artist_db.domain.checks import MAX_ID, Checks
from services.artist_db.domain.lifecycle import Rule, State
from services.artist_db.domain.persona import check_persona, completed
from services.artist_db.domain.silence import Silence
from services.artist_db.domain.vacancies import Roster
from services.artist_db.rpc.artists import MAX_REASON, STATE_VALUES
from services.artist_db.rpc.room import Context, Room
from services.artist_db.store import artists, news
from services.artist_db.store import vacancies as store
from services.chassis.database import Connection
from services.chassis.errors import NotFound, WrongState
from services.chassis.ids import new_id

MIN_LEASE_MS, MAX_LEASE_MS = 1_000, 600_000
MIN_AGAIN_S, MAX_AGAIN_S = 60, 2_592_000


class VacancyRpcs(Room):
    """ClaimVacancy and FillVacancy."""

    _roster: Roster

    async def ClaimVacancy(
        self, request: pb.ClaimVacancyRequest, context: Context
    ) -> pb.ClaimVacancyResponse:
        checks = Checks()
        checks.phrase("holder", request.holder, most=MAX_ID, required=True)
        checks.number("lease_ms", request.lease_ms, least=MIN_LEASE_MS, most=MAX_LEASE_MS)
        checks.finish()
        async with self._db.transaction() as connection:
            row = await store.claim(
                connection, self._roster, holder=request.holder, lease_ms=request.lease_ms
            )
        response = pb.ClaimVacancyResponse()
        if row is not None:
            response.vacancy.id, response.vacancy.reason = row["id"], row["reason"]
            response.vacancy.tries = row["tries"]
        return response

    async def FillVacancy(self, request: pb.FillVacancyRequest, context: Context) -> pb.FillVacancyResponse:
        checks = Checks()
        checks.id("vacancy_id", request.vacancy_id)
        persona = completed(request.persona) if request.HasField("persona") else None
        if persona is not None:
            check_persona(checks, "persona", persona)
        else:
            checks.prose("failure", request.failure, most=MAX_REASON, required=True)
            checks.number("again_s", request.again_s, least=MIN_AGAIN_S, most=MAX_AGAIN_S)
        checks.finish()

        async def fill(connection: Connection) -> pb.FillVacancyResponse:
            vacancy = await store.locked(connection, request.vacancy_id)
            if vacancy is None:
                raise NotFound("vacancy", request.vacancy_id)
            if vacancy["state"] == "FILLED":
                return _filled(await artists.by_id(connection, vacancy["artist_id"]))
            if vacancy["state"] != "OPEN":
                raise WrongState("vacancy", request.vacancy_id, state=vacancy["state"], expected="OPEN")
            if persona is None:
                await store.failed(
                    connection,
                    request.vacancy_id,
                    request.failure,
                    again_s=request.again_s,
                    no_try=request.no_try,
                )
                return pb.FillVacancyResponse()
            row = await self._take_on(connection, persona, vacancy["reason"])
            await store.filled(connection, request.vacancy_id, row["id"])
            return _filled(row)

        return await self._change(request, pb.FillVacancyResponse, fill)

    async def _take_on(self, connection: Connection, persona: Persona, reason: str) -> artists.Row:
        """The new artist, of whom people are told."""
        roster, artist_id = self._roster, new_id("art")
        row = await artists.insert(
            connection,
            artist_id,
            persona,
            artist_pb.Cadence(interval_s=roster.cadence_s),
            autopilot=False,
            on_silence=Silence.HOLD,
            state=roster.begins_as,
            rule=Rule.VACANCY,
            reason=reason,
            moved_by="",
        )
        what = f"{persona.genre}. {persona.style}"
        if roster.ask:
            title = f"{persona.name} would like to join the label"
            body = (
                f"{what}\nWhy: {reason}. To take the artist on: aiartist artist accept {artist_id}, or not: "
                f"aiartist artist decline {artist_id}"
            )
        else:
            title = f"{persona.name} was taken on"
            body = f"{what}\nWhy: {reason}. To end it: aiartist artist retire {artist_id}"
        await news.add(
            connection,
            news.Topic.CANDIDATE,
            title,
            body,
            artist_id=artist_id,
            subject_id=artist_id,
        )
        return row


def _filled(row: artists.Row) -> pb.FillVacancyResponse:
    return pb.FillVacancyResponse(artist_id=row["id"], state=STATE_VALUES[State(row["state"])])
