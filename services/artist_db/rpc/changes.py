"""What reflections want of personas: judged, kept, put before people, made."""

from dataclasses import dataclass

from aiartist.artist_db.v1 import life_pb2 as pb
from aiartist.common.v1.persona_pb2 import Persona
from services.artist_db.domain import changes as domain
from services.artist_db.domain.changes import Refused, Rules, Wanted
from services.artist_db.domain.changes_told import news_body
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.lifecycle import State
from services.artist_db.domain.songs import MAX_INT
from services.artist_db.rpc.room import Context, Room, time_and_text
from services.artist_db.store import artists, news
from services.artist_db.store import changes as store
from services.artist_db.store.changes import ChangeState
from services.artist_db.store.news import Topic
from services.artist_db.store.query import storable
from services.chassis.database import Connection
from services.chassis.errors import NotFound, WrongState
from services.chassis.ids import new_id
from services.chassis.paging import page_request
from services.chassis.persona_fields import MAX_JSON, value_of

MAX_REASON = 1_000
MAX_EVIDENCE = 20
MAX_FACT = 300
MAX_NAME = 200

_STATES = {pb.PersonaChange.State.Value(f"STATE_{state}"): state for state in ChangeState}
_VALUES = {state: value for value, state in _STATES.items()}


@dataclass(frozen=True, slots=True)
class _Artist:
    """An artist whom nobody else changes now."""

    id: str
    state: State
    persona: Persona
    version: int

    @property
    def evolving(self) -> bool:
        return self.state is State.EVOLVING


class ChangeRpcs(Room):
    """GetReflection to ListChanges. The servicer gives `_change_rules`."""

    _change_rules: Rules

    async def GetReflection(
        self, request: pb.GetReflectionRequest, context: Context
    ) -> pb.GetReflectionResponse:
        checks = Checks()
        checks.id("run_id", request.run_id)
        checks.id("artist_id", request.artist_id)
        checks.finish()
        async with self._db.transaction() as connection:
            row = await artists.by_id(connection, request.artist_id)
            if row is None or not await store.has_ended(connection, request.run_id, request.artist_id):
                raise NotFound("outcome of run", request.run_id)
            artist = _artist_of(row)
            kept = await store.of_run(connection, request.run_id)
            obstacle = "" if kept else await self._obstacle(connection, artist)
        fields = [
            pb.ChangeableField(field=field, value=value_of(artist.persona, field), bound=bound.told)
            for field, bound in domain.changeable(artist.persona).items()
        ]
        return pb.GetReflectionResponse(
            change=_change_of(kept) if kept else None, obstacle=obstacle, fields=fields
        )

    async def ProposeChange(
        self, request: pb.ProposeChangeRequest, context: Context
    ) -> pb.ProposeChangeResponse:
        _check_proposal(request)
        async with self._db.transaction() as connection:
            artist = await _locked(connection, request.artist_id)
            if not await store.has_ended(connection, request.run_id, request.artist_id):
                raise NotFound("outcome of run", request.run_id)
            kept = await store.of_run(connection, request.run_id)
            if kept is None:
                kept = await self._proposed(connection, artist, _new_change(request))
            return pb.ProposeChangeResponse(change=_change_of(kept))

    async def DecideChange(
        self, request: pb.DecideChangeRequest, context: Context
    ) -> pb.DecideChangeResponse:
        checks = Checks()
        checks.id("change_id", request.change_id)
        checks.phrase("decided_by", request.decided_by, most=MAX_NAME, required=True)
        checks.finish()
        if request.accept:
            # On its own: what comes of an outdated change is kept, and the refusal below would undo it.
            async with self._db.transaction() as connection:
                await self._weed_out(connection, request.change_id)

        async def decide(connection: Connection) -> pb.DecideChangeResponse:
            row, artist = await _waiting(connection, request.change_id)
            if row["state"] != ChangeState.PROPOSED:
                raise WrongState("change", row["id"], state=row["state"], expected="PROPOSED")
            if not request.accept:
                row = await store.settle(
                    connection,
                    row["id"],
                    ChangeState.DECLINED,
                    f"declined by {request.decided_by}",
                    decided_by=request.decided_by,
                )
                return pb.DecideChangeResponse(change=_change_of(row))
            if artist.state is State.RETIRED:
                raise WrongState("artist", artist.id, state=artist.state, expected="any state but RETIRED")
            if spent := await self._cap(connection, artist):
                state = f"PROPOSED, and {spent}"
                raise WrongState("change", row["id"], state=state, expected="fewer changes in 7 days")
            change = pb.PersonaChange.FromString(row["body"])
            try:
                persona = domain.changed(artist.persona, _wanted(change))
            except Refused as refusal:
                # Someone was quicker than this answer; what it would keep of that, its refusal would undo.
                raise WrongState(
                    "change", row["id"], state=f"PROPOSED, and {refusal}", expected="one that still fits"
                ) from refusal
            version = await _made(connection, artist, change, persona)
            row = await store.settle(
                connection,
                row["id"],
                ChangeState.APPLIED,
                f"accepted by {request.decided_by}",
                version=version,
                decided_by=request.decided_by,
            )
            return pb.DecideChangeResponse(change=_change_of(row))

        return await self._change(request, pb.DecideChangeResponse, decide)

    async def ListChanges(self, request: pb.ListChangesRequest, context: Context) -> pb.ListChangesResponse:
        checks = Checks()
        checks.filter("artist_id", request.artist_id)
        for index, value in enumerate(request.states):
            if value not in _STATES:
                known = ", ".join(map(pb.PersonaChange.State.Name, _STATES))
                checks.add(f"states[{index}]", f"must be one of {known}, is {value}")
        checks.finish()
        states = sorted({_STATES[value] for value in request.states})
        page = page_request(request, filters=("persona changes", request.artist_id, *states))
        async with self._db.acquire() as connection:
            found = await store.page(
                connection,
                artist_id=request.artist_id,
                states=states,
                after=time_and_text(page),
                limit=page.size + 1,
            )
        rows, token = page.cut(found, key=lambda row: (row["created_at"].isoformat(), row["id"]))
        return pb.ListChangesResponse(changes=map(_change_of, rows), next_page_token=token)

    async def _proposed(self, connection: Connection, artist: _Artist, change: pb.PersonaChange) -> store.Row:
        """Keeps a new change and does with it what the artist's settings say."""
        if not change.HasField("change"):
            outcome = "the reflector found nothing to change" if change.model else change.reason
            return await store.insert(connection, change, ChangeState.NO_CHANGE, outcome)
        if obstacle := await self._obstacle(connection, artist):
            return await store.insert(connection, change, ChangeState.NO_CHANGE, obstacle)
        try:
            persona = domain.changed(artist.persona, _wanted(change))
            field = change.change.field
            await _check_past(
                connection, artist, Wanted(field, value_of(artist.persona, field), value_of(persona, field))
            )
        except Refused as refusal:
            return await store.insert(connection, change, ChangeState.REFUSED, str(refusal))
        await store.lapse_proposed(connection, artist.id, "a later reflection came before an answer")
        if await store.evolves(connection, artist.id) == "AUTO":
            version = await _made(connection, artist, change, persona)
            outcome = "made by the reflection itself"
            return await store.insert(connection, change, ChangeState.APPLIED, outcome, version=version)
        command = f"aiartist artist agree {change.id}"
        await _tell(connection, artist, change, "waits for you", f"Make it so: {command}")
        return await store.insert(connection, change, ChangeState.PROPOSED, "waits for a person")

    async def _obstacle(self, connection: Connection, artist: _Artist) -> str:
        """Why nothing of this artist may change now; empty: something may."""
        if artist.state is State.RETIRED:
            return "the artist is retired"
        if await store.evolves(connection, artist.id) == "OFF":
            return "the artist does not evolve"
        if not domain.changeable(artist.persona):
            return "everything that a reflection could change is in the artist's preserve_core_identity"
        if spent := await self._cap(connection, artist):
            return spent
        decided, needed = (
            await store.decided_since_last(connection, artist.id),
            self._change_rules.min_decided,
        )
        if decided < needed:
            return f"the evidence is thin: {decided} of {needed} decided songs"
        return ""

    async def _cap(self, connection: Connection, artist: _Artist) -> str:
        """That the week's changes are used up; empty: they are not."""
        most = self._change_rules.most(evolving=artist.evolving)
        if not most:
            return "reflections make no changes: their number in a week is set to 0"
        made = await store.applied_lately(connection, artist.id)
        return f"{made} of {most} changes in 7 days were made" if made >= most else ""

    async def _weed_out(self, connection: Connection, change_id: str) -> None:
        """Ends a PROPOSED change that nobody can accept any more."""
        row, artist = await _waiting(connection, change_id)
        if row["state"] != ChangeState.PROPOSED:
            return
        if artist.state is State.RETIRED:
            await store.settle(connection, change_id, ChangeState.LAPSED, "the artist is retired")
            return
        if await store.is_old(connection, row["created_at"]):
            await store.settle(connection, change_id, ChangeState.LAPSED, "nobody answered in 30 days")
            return
        wanted = _wanted(pb.PersonaChange.FromString(row["body"]))
        if domain.is_stale(artist.persona, wanted):
            outcome = f"{wanted.field} was changed otherwise in the meantime"
            await store.settle(connection, change_id, ChangeState.LAPSED, outcome)
            return
        try:
            domain.changed(artist.persona, wanted)
        except Refused as refusal:
            await store.settle(connection, change_id, ChangeState.REFUSED, str(refusal))


async def _check_past(connection: Connection, artist: _Artist, wanted: Wanted) -> None:
    """Refused where a person said no to the same lately, by declining it or by taking it back."""
    for kept in await store.declined_lately(connection, artist.id):
        earlier = domain.canonical_step(_wanted(kept))
        if earlier is not None and domain.repeats(earlier, wanted):
            raise Refused(f"{wanted.field}: a person declined the same in the last 30 days")
    versions = [
        (Persona.FromString(row["persona_pb"]), bool(row["by_reflection"]))
        for row in await store.versions_lately(connection, artist.id)
    ]
    for step in domain.steps_of_people(wanted.field, versions):
        if domain.undoes(step, wanted):
            raise Refused(f"{wanted.field}: it goes back on what a person set in the last 30 days")


async def _made(connection: Connection, artist: _Artist, change: pb.PersonaChange, persona: Persona) -> int:
    """Makes the change a persona version, and tells; the version."""
    version = artist.version + 1
    reason = f"reflection {change.id} on {change.run_id}: {change.change.field}"
    await artists.add_version(connection, artist.id, version, persona, reason[:500])
    await artists.touch(connection, artist.id)
    undo = f'Undo it: aiartist artist restore "{artist.persona.name}" {artist.version}'
    await _tell(connection, artist, change, f"changed, persona version {version}", undo)
    return version


async def _tell(
    connection: Connection, artist: _Artist, change: pb.PersonaChange, what: str, next_step: str
) -> None:
    step = change.change
    await news.add(
        connection,
        Topic.PERSONA,
        f"{artist.persona.name}: {step.field} {what}",
        storable(
            news_body(
                step.field,
                getattr(step, "from"),
                step.to,
                reason=change.reason,
                evidence=change.evidence,
                next_step=next_step,
            )
        ),
        artist_id=artist.id,
        run_id=change.run_id,
        subject_id=change.id,
    )


async def _locked(connection: Connection, artist_id: str) -> _Artist:
    """The artist, kept from others; NotFound."""
    row = await artists.lock(connection, artist_id)
    if row is None:
        raise NotFound("artist", artist_id)
    return _artist_of(row)


async def _waiting(connection: Connection, change_id: str) -> tuple[store.Row, _Artist]:
    """A change as it is under its artist's lock; NotFound."""
    row = await store.by_id(connection, change_id)
    if row is None:
        raise NotFound("change", change_id)
    artist = await _locked(connection, row["artist_id"])
    return await store.by_id(connection, change_id), artist


def _artist_of(row: artists.Row) -> _Artist:
    persona = Persona.FromString(row["persona_pb"])
    return _Artist(row["id"], State(row["state"]), persona, row["persona_version"])


def _wanted(change: pb.PersonaChange) -> Wanted:
    return Wanted(change.change.field, getattr(change.change, "from"), change.change.to)


def _new_change(request: pb.ProposeChangeRequest) -> pb.PersonaChange:
    return pb.PersonaChange(
        id=new_id("chg"),
        artist_id=request.artist_id,
        run_id=request.run_id,
        change=request.change if request.HasField("change") else None,
        reason=request.reason,
        evidence=request.evidence,
        model=request.model,
        persona_version=request.persona_version,
    )


def _change_of(row: store.Row) -> pb.PersonaChange:
    change = pb.PersonaChange.FromString(row["body"])
    change.state = _VALUES[ChangeState(row["state"])]
    change.outcome = row["outcome"]
    change.version = row["version"]
    change.decided_by = row["decided_by"]
    change.created_at.FromDatetime(row["created_at"])
    change.updated_at.FromDatetime(row["updated_at"])
    return change


def _check_proposal(request: pb.ProposeChangeRequest) -> None:
    """InvalidInput where it could not be kept. What is wanted in it is judged later, and a refusal kept."""
    checks = Checks()
    checks.id("run_id", request.run_id)
    checks.id("artist_id", request.artist_id)
    checks.number("persona_version", request.persona_version, least=1, most=MAX_INT)
    checks.prose("reason", request.reason, most=MAX_REASON, required=True)
    checks.count("evidence", request.evidence, most=MAX_EVIDENCE)
    for index, fact in enumerate(request.evidence):
        checks.prose(f"evidence[{index}]", fact, most=MAX_FACT)
    checks.phrase("model", request.model, most=MAX_NAME)
    if request.HasField("change"):
        checks.phrase("change.field", request.change.field, most=100, required=True)
        checks.text("change.from", getattr(request.change, "from"), most=MAX_JSON)
        checks.text("change.to", request.change.to, most=MAX_JSON)
    checks.finish()
