"""Artists and their persona versions."""

from typing import TypeAlias, TypeVar

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1 import artist_state_pb2
from aiartist.common.v1 import decision_pb2
from aiartist.common.v1.persona_pb2 import Persona
from services.artist_db.domain.cadence import check_cadence
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.lifecycle import TRANSITIONS, Evolve, Rule, State, Verb
from services.artist_db.domain.persona import MAX_NAME, check_persona, completed
from services.artist_db.domain.silence import Silence
from services.artist_db.domain.songs import MAX_INT
from services.artist_db.rpc.room import Context, Room, number_key, text_key
from services.artist_db.store import artists as store
from services.artist_db.store import moves
from services.chassis.database import Connection
from services.chassis.errors import EtagMismatch, NotFound, PageTokenError, WrongState
from services.chassis.ids import new_id
from services.chassis.logs import context as log_context
from services.chassis.logs import get_logger
from services.chassis.paging import page_request

MAX_REASON = 500
MAX_ETAG = 100

STATE_VALUES = {state: artist_state_pb2.ArtistState.Value(f"ARTIST_STATE_{state}") for state in State}
STATES = {value: state for state, value in STATE_VALUES.items()}
_SILENCE_VALUES = {answer: decision_pb2.SilenceAnswer.Value(f"SILENCE_ANSWER_{answer}") for answer in Silence}
_SILENCES = {value: answer for answer, value in _SILENCE_VALUES.items()}
_EVOLVE_VALUES = {evolve: pb.Evolve.Value(f"EVOLVE_{evolve}") for evolve in Evolve}
_EVOLVES = {value: evolve for evolve, value in _EVOLVE_VALUES.items()}

_MoveRequest: TypeAlias = pb.PauseArtistRequest | pb.ResumeArtistRequest | pb.RetireArtistRequest
_MoveResponse = TypeVar(
    "_MoveResponse", pb.PauseArtistResponse, pb.ResumeArtistResponse, pb.RetireArtistResponse
)

_log = get_logger("artist_db.artists")


class ArtistRpcs(Room):
    """CreateArtist to RestorePersonaVersion."""

    async def CreateArtist(
        self, request: pb.CreateArtistRequest, context: Context
    ) -> pb.CreateArtistResponse:
        checks = Checks()
        persona = completed(request.persona)
        if checks.present("persona", request.HasField("persona")):
            check_persona(checks, "persona", persona)
        check_cadence(checks, "cadence", request.cadence)
        wanted = request.on_silence or decision_pb2.SILENCE_ANSWER_HOLD
        on_silence = _silence(checks, wanted)
        evolve = _evolve(checks, request.evolve or pb.EVOLVE_PROPOSE)
        checks.finish()

        async def create(connection: Connection) -> pb.CreateArtistResponse:
            row = await store.insert(
                connection,
                new_id("art"),
                persona,
                request.cadence,
                autopilot=request.autopilot_enabled,
                on_silence=on_silence,
                evolve=evolve,
                state=State.CANDIDATE if request.candidate else State.ACTIVE,
                moved_by=caller(),
            )
            return pb.CreateArtistResponse(artist=artist_of(row))

        return await self._change(request, pb.CreateArtistResponse, create)

    async def GetArtist(self, request: pb.GetArtistRequest, context: Context) -> pb.GetArtistResponse:
        checks = Checks()
        by_name = request.WhichOneof("by") == "name"
        if by_name:
            checks.phrase("name", request.name, most=MAX_NAME, required=True)
        else:
            checks.id("artist_id", request.artist_id)
        checks.finish()
        async with self._db.acquire() as connection:
            if by_name:
                row = await store.by_name(connection, request.name)
            else:
                row = await store.by_id(connection, request.artist_id)
        if row is None:
            raise NotFound("artist", request.name if by_name else request.artist_id)
        response = pb.GetArtistResponse()
        fill_artist(response.artist, row)
        return response

    async def ListArtists(self, request: pb.ListArtistsRequest, context: Context) -> pb.ListArtistsResponse:
        checks = Checks()
        for index, value in enumerate(request.states):
            if value not in STATES:
                known = ", ".join(map(artist_state_pb2.ArtistState.Name, STATES))
                checks.add(f"states[{index}]", f"must be one of {known}, is {value}")
        checks.finish()
        states = sorted({STATES[value] for value in request.states})
        page = page_request(request, filters=("artists", *states, request.with_cadence), keys=1)
        async with self._db.acquire() as connection:
            found = await store.page(
                connection,
                states=states,
                with_cadence=request.with_cadence,
                after=text_key(page.after[0]) if page.after else None,
                limit=page.size + 1,
            )
        rows, token = page.cut(found, key=lambda row: (row["name_key"],))
        return pb.ListArtistsResponse(artists=map(artist_of, rows), next_page_token=token)

    async def UpdateArtist(
        self, request: pb.UpdateArtistRequest, context: Context
    ) -> pb.UpdateArtistResponse:
        checks = Checks()
        checks.id("artist_id", request.artist_id)
        checks.phrase("etag", request.etag, most=MAX_ETAG, required=True)
        persona = completed(request.persona) if request.HasField("persona") else None
        if persona is not None:
            check_persona(checks, "persona", persona)
        check_cadence(checks, "cadence", request.cadence)
        checks.prose("reason", request.reason, most=MAX_REASON)
        checks.finish()

        async def update(connection: Connection) -> pb.UpdateArtistResponse:
            row = await _locked(connection, request.artist_id, etag=request.etag)
            new_persona = persona is not None and persona != Persona.FromString(row["persona_pb"])
            new_cadence = request.HasField("cadence") and request.cadence != _cadence_of(row)
            if persona is not None and new_persona:
                version = row["persona_version"] + 1
                await store.add_version(
                    connection, request.artist_id, version, persona, request.reason or "updated"
                )
            if new_cadence:
                await store.set_cadence(connection, request.artist_id, request.cadence)
            if new_persona or new_cadence:
                row = await store.touch(connection, request.artist_id)
            return pb.UpdateArtistResponse(artist=artist_of(row))

        return await self._change(request, pb.UpdateArtistResponse, update)

    async def SetAutopilot(
        self, request: pb.SetAutopilotRequest, context: Context
    ) -> pb.SetAutopilotResponse:
        checks = Checks()
        checks.id("artist_id", request.artist_id)
        checks.finish()

        async def set_autopilot(connection: Connection) -> pb.SetAutopilotResponse:
            row = await _locked(connection, request.artist_id)
            if row["autopilot_enabled"] != request.enabled:
                await store.set_autopilot(connection, request.artist_id, request.enabled)
                row = await store.touch(connection, request.artist_id)
            return pb.SetAutopilotResponse(artist=artist_of(row))

        return await self._change(request, pb.SetAutopilotResponse, set_autopilot)

    async def SetSilenceAnswer(
        self, request: pb.SetSilenceAnswerRequest, context: Context
    ) -> pb.SetSilenceAnswerResponse:
        checks = Checks()
        checks.id("artist_id", request.artist_id)
        on_silence = _silence(checks, request.on_silence)
        checks.finish()

        async def set_silence(connection: Connection) -> pb.SetSilenceAnswerResponse:
            row = await _locked(connection, request.artist_id)
            if row["on_silence"] != on_silence:
                await store.set_silence(connection, request.artist_id, on_silence)
                row = await store.touch(connection, request.artist_id)
            return pb.SetSilenceAnswerResponse(artist=artist_of(row))

        return await self._change(request, pb.SetSilenceAnswerResponse, set_silence)

    async def SetEvolve(self, request: pb.SetEvolveRequest, context: Context) -> pb.SetEvolveResponse:
        checks = Checks()
        checks.id("artist_id", request.artist_id)
        evolve = _evolve(checks, request.evolve)
        checks.finish()

        async def set_evolve(connection: Connection) -> pb.SetEvolveResponse:
            row = await _locked(connection, request.artist_id)
            if row["evolve"] != evolve:
                await store.set_evolve(connection, request.artist_id, evolve)
                row = await store.touch(connection, request.artist_id)
            return pb.SetEvolveResponse(artist=artist_of(row))

        return await self._change(request, pb.SetEvolveResponse, set_evolve)

    async def PauseArtist(self, request: pb.PauseArtistRequest, context: Context) -> pb.PauseArtistResponse:
        return await self._move(request, pb.PauseArtistResponse, Verb.PAUSE)

    async def ResumeArtist(
        self, request: pb.ResumeArtistRequest, context: Context
    ) -> pb.ResumeArtistResponse:
        return await self._move(request, pb.ResumeArtistResponse, Verb.RESUME)

    async def RetireArtist(
        self, request: pb.RetireArtistRequest, context: Context
    ) -> pb.RetireArtistResponse:
        return await self._move(request, pb.RetireArtistResponse, Verb.RETIRE)

    async def ListPersonaVersions(
        self, request: pb.ListPersonaVersionsRequest, context: Context
    ) -> pb.ListPersonaVersionsResponse:
        checks = Checks()
        checks.id("artist_id", request.artist_id)
        checks.finish()
        page = page_request(request, filters=("persona versions", request.artist_id), keys=1)
        before = number_key(page.after[0]) if page.after else None
        if before is not None and before > MAX_INT:
            raise PageTokenError
        async with self._db.acquire() as connection:
            found = await store.versions(connection, request.artist_id, before=before, limit=page.size + 1)
            if not found and await store.by_id(connection, request.artist_id) is None:
                raise NotFound("artist", request.artist_id)
        rows, token = page.cut(found, key=lambda row: (str(row["version"]),))
        return pb.ListPersonaVersionsResponse(versions=map(_version_of, rows), next_page_token=token)

    async def RestorePersonaVersion(
        self, request: pb.RestorePersonaVersionRequest, context: Context
    ) -> pb.RestorePersonaVersionResponse:
        checks = Checks()
        checks.id("artist_id", request.artist_id)
        checks.number("version", request.version, least=1, most=MAX_INT)
        checks.phrase("etag", request.etag, most=MAX_ETAG, required=True)
        checks.finish()

        async def restore(connection: Connection) -> pb.RestorePersonaVersionResponse:
            row = await _locked(connection, request.artist_id, etag=request.etag)
            old = await store.version(connection, request.artist_id, request.version)
            if old is None:
                raise NotFound("persona version", f"{request.artist_id}/{request.version}")
            await store.add_version(
                connection,
                request.artist_id,
                row["persona_version"] + 1,
                Persona.FromString(old),
                f"restored version {request.version}",
            )
            row = await store.touch(connection, request.artist_id)
            return pb.RestorePersonaVersionResponse(artist=artist_of(row))

        return await self._change(request, pb.RestorePersonaVersionResponse, restore)

    async def _move(
        self, request: _MoveRequest, response_type: type[_MoveResponse], verb: Verb
    ) -> _MoveResponse:
        checks = Checks()
        checks.id("artist_id", request.artist_id)
        checks.prose("reason", request.reason, most=MAX_REASON)
        checks.finish()

        async def move(connection: Connection) -> _MoveResponse:
            standing = await standing_of(connection, request.artist_id)
            state, transition = standing.life.state, TRANSITIONS[verb]
            if state not in transition.sources:
                raise WrongState("artist", request.artist_id, state=state, expected=transition.expected)
            await moves.move(
                connection, standing, transition.target, Rule.PERSON, request.reason, moved_by=caller()
            )
            return response_type(artist=artist_of(await store.by_id(connection, request.artist_id)))

        response = await self._change(request, response_type, move)
        _log.info("artist moved", verb=verb, artist_id=request.artist_id, reason=request.reason)
        return response


async def _locked(connection: Connection, artist_id: str, *, etag: str | None = None) -> store.Row:
    """The artist, kept from others; NotFound, or EtagMismatch where `etag` is given and not current."""
    row = await store.lock(connection, artist_id)
    if row is None:
        raise NotFound("artist", artist_id)
    current = str(row["etag"])
    if etag is not None and etag != current:
        raise EtagMismatch("artist", artist_id, current=current)
    return row


async def standing_of(connection: Connection, artist_id: str) -> moves.Standing:
    """Where an artist stands, kept from others; NotFound."""
    standing = await moves.locked(connection, artist_id)
    if standing is None:
        raise NotFound("artist", artist_id)
    return standing


def caller() -> str:
    """Who calls, where the request does not say: by the token, which loopback alone need not have."""
    return log_context().get("caller", moves.OPERATOR)


def _silence(checks: Checks, value: decision_pb2.SilenceAnswer.ValueType) -> Silence:
    """What `on_silence` says; a violation, and HOLD, where it says nothing that is known."""
    if value not in _SILENCES:
        known = ", ".join(map(decision_pb2.SilenceAnswer.Name, _SILENCES))
        checks.add("on_silence", f"must be one of {known}, is {value}")
    return _SILENCES.get(value, Silence.HOLD)


def _evolve(checks: Checks, value: pb.Evolve.ValueType) -> Evolve:
    """What `evolve` says; a violation, and PROPOSE, where it says nothing that is known."""
    if value not in _EVOLVES:
        known = ", ".join(map(pb.Evolve.Name, _EVOLVES))
        checks.add("evolve", f"must be one of {known}, is {value}")
    return _EVOLVES.get(value, Evolve.PROPOSE)


def artist_of(row: store.Row) -> pb.Artist:
    """A row as a message."""
    artist = pb.Artist()
    fill_artist(artist, row)
    return artist


def fill_artist(artist: pb.Artist, row: store.Row) -> None:
    """Fills a message in place: copying a nested one costs GetArtist a third of its time here."""
    artist.id = row["id"]
    artist.persona.ParseFromString(row["persona_pb"])
    artist.persona_version = row["persona_version"]
    artist.autopilot_enabled = row["autopilot_enabled"]
    artist.on_silence = _SILENCE_VALUES[row["on_silence"]]
    artist.evolve = _EVOLVE_VALUES[row["evolve"]]
    artist.state = STATE_VALUES[row["state"]]
    artist.state_reason = row["state_reason"]
    if row["state_since"] is not None:
        artist.state_since.FromDatetime(row["state_since"])
    artist.etag = str(row["etag"])
    artist.created_at.FromDatetime(row["created_at"])
    artist.updated_at.FromDatetime(row["updated_at"])
    if row["cadence_interval_s"] is not None:
        artist.cadence.interval_s = row["cadence_interval_s"]
    elif row["cadence_cron"] is not None:
        artist.cadence.cron = row["cadence_cron"]


def _cadence_of(row: store.Row) -> pb.Cadence:
    return artist_of(row).cadence


def _version_of(row: store.Row) -> pb.PersonaVersion:
    version = pb.PersonaVersion(artist_id=row["artist_id"], version=row["version"], reason=row["reason"])
    version.persona.ParseFromString(row["persona_pb"])
    version.created_at.FromDatetime(row["created_at"])
    return version
