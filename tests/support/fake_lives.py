"""artist_db's part in artists' lives and personas, in memory; each request id counts once."""

from collections.abc import Callable
from typing import Any, TypeVar

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_db_pb2_grpc, artist_state_pb2, experiment_pb2, life_pb2
from aiartist.common.v1.persona_pb2 import Persona
from services.chassis.errors import EtagMismatch, NotFound, RequestIdReused, WrongState
from services.chassis.ids import derived_id, digest_of

Change = life_pb2.PersonaChange
Response = TypeVar("Response")
ARTIST = derived_id("art", "Nova Vale")


class FakeLives(artist_db_pb2_grpc.ArtistDbServiceServicer):
    """Artists, their versions, moves, changes, and experiments."""

    artists: dict[str, db.Artist]

    def __init__(self) -> None:
        self.versions: dict[str, list[db.PersonaVersion]] = {}
        self.moves: list[life_pb2.Move] = []
        self.changes: dict[str, Change] = {}
        self.experiments: dict[str, experiment_pb2.Experiment] = {}
        self.ordered: list[Any] = []
        """Every change that was asked for, repeats too."""
        self._answers_by_id: dict[str, tuple[str, Any]] = {}

    def _answers(self, method: str) -> None:
        """Raises where the method is to fail."""

    def settle(
        self, artist_id: str = ARTIST, state: str = "ACTIVE", reason: str = "", **persona: Any
    ) -> db.Artist:
        """An artist in that state."""
        values = {"name": "Nova Vale", "genre": "synthwave", "style": "night drives", "themes": ["rain"]}
        artist = db.Artist(
            id=artist_id,
            persona=Persona(**{**values, **persona}),
            persona_version=1,
            etag="1",
            evolve=db.EVOLVE_PROPOSE,
            state=artist_state_pb2.ArtistState.Value(f"ARTIST_STATE_{state}"),
            state_reason=reason,
        )
        self.artists[artist_id] = artist
        self._keep_version(artist, "taken on")
        return artist

    def propose(
        self,
        number: int = 1,
        *,
        state: Change.State.ValueType = Change.STATE_PROPOSED,
        artist_id: str = ARTIST,
        field: str = "moods",
        before: str = '["wistful"]',
        after: str = '["wistful", "bright"]',
        **fields: Any,
    ) -> Change:
        """A change that a reflection wants; APPLIED: it is the artist's newest version."""
        artist = self.artists[artist_id]
        change = Change(
            id=derived_id("chg", str(number)),
            artist_id=artist_id,
            run_id="run_1",
            state=state,
            reason="Listeners stay longer where the chorus is bright.",
            evidence=["3 of 4 rejections say it is too dark"],
            model="openai/gpt-5",
            persona_version=artist.persona_version,
        )
        change.change.CopyFrom(life_pb2.FieldChange(field=field, to=after, **{"from": before}))
        change.MergeFrom(Change(**fields))
        self.changes[change.id] = change
        if state == Change.STATE_APPLIED:
            self._apply(change)
        return change

    def moved(
        self,
        to: str,
        *,
        artist_id: str = ARTIST,
        reason: str = "approval 12 % of 17 runs",
        rule: str = "approval",
    ) -> life_pb2.Move:
        """A rule's move of an artist; the last one can be undone."""
        return self._move(self.artists[artist_id], f"ARTIST_STATE_{to}", rule, reason, "")

    def _move(
        self, artist: db.Artist, to: str, rule: str, reason: str, moved_by: str, *, for_good: bool = False
    ) -> life_pb2.Move:
        for older in self.moves:
            if older.artist_id == artist.id:
                older.can_undo = False
        move = life_pb2.Move(
            id=derived_id("mov", str(len(self.moves))),
            artist_id=artist.id,
            from_state=artist.state,
            to_state=artist_state_pb2.ArtistState.Value(to),
            rule=rule,
            reason=reason,
            moved_by=moved_by,
            can_undo=not for_good,
        )
        artist.state, artist.state_reason = move.to_state, reason
        self.moves.append(move)
        return move

    def _keep_version(self, artist: db.Artist, reason: str) -> None:
        kept = db.PersonaVersion(
            artist_id=artist.id, version=artist.persona_version, persona=artist.persona, reason=reason
        )
        self.versions.setdefault(artist.id, []).insert(0, kept)

    def _apply(self, change: Change) -> None:
        artist = self.artists[change.artist_id]
        artist.persona_version += 1
        artist.etag = str(int(artist.etag) + 1)
        self._keep_version(artist, f"reflection: {change.change.field}")
        change.state, change.version = Change.STATE_APPLIED, artist.persona_version

    def _once(self, request: Any, does: Callable[[], Response]) -> Response:
        """The first answer to a request id."""
        self.ordered.append(request)
        digest = digest_of(request)
        if request.request_id in self._answers_by_id:
            first, answer = self._answers_by_id[request.request_id]
            if first != digest:
                raise RequestIdReused(request.request_id)
            kept: Response = answer
            return kept
        done = does()
        self._answers_by_id[request.request_id] = (digest, done)
        return done

    def _artist(self, artist_id: str) -> db.Artist:
        if artist_id not in self.artists:
            raise NotFound("artist", artist_id)
        return self.artists[artist_id]

    async def DecideChange(
        self, request: life_pb2.DecideChangeRequest, context: Any
    ) -> life_pb2.DecideChangeResponse:
        self._answers("DecideChange")

        def decide() -> life_pb2.DecideChangeResponse:
            change = self.changes.get(request.change_id)
            if change is None:
                raise NotFound("change", request.change_id)
            if change.state != Change.STATE_PROPOSED:
                now = Change.State.Name(change.state).removeprefix("STATE_")
                raise WrongState("change", change.id, state=now, expected="PROPOSED")
            change.decided_by = request.decided_by
            if request.accept:
                self._apply(change)
            else:
                change.state = Change.STATE_DECLINED
            return life_pb2.DecideChangeResponse(change=change)

        return self._once(request, decide)

    async def ListChanges(
        self, request: life_pb2.ListChangesRequest, context: Any
    ) -> life_pb2.ListChangesResponse:
        self._answers("ListChanges")
        found = [
            change
            for change in reversed(self.changes.values())
            if request.artist_id in ("", change.artist_id)
            and (not request.states or change.state in request.states)
        ]
        return life_pb2.ListChangesResponse(changes=found[: request.page_size or 50])

    async def MoveArtist(
        self, request: life_pb2.MoveArtistRequest, context: Any
    ) -> life_pb2.MoveArtistResponse:
        self._answers("MoveArtist")

        def move() -> life_pb2.MoveArtistResponse:
            artist = self._artist(request.artist_id)
            now = artist_state_pb2.ArtistState.Name(artist.state).removeprefix("ARTIST_STATE_")
            if request.from_state not in (artist_state_pb2.ARTIST_STATE_UNSPECIFIED, artist.state):
                wanted = artist_state_pb2.ArtistState.Name(request.from_state)
                expected = wanted.removeprefix("ARTIST_STATE_")
                raise WrongState("artist", artist.id, state=now, expected=expected)
            if artist.state in (artist_state_pb2.ARTIST_STATE_RETIRED, request.to_state):
                raise WrongState("artist", artist.id, state=now, expected="another state")
            to = artist_state_pb2.ArtistState.Name(request.to_state)
            for_good = request.to_state == artist_state_pb2.ARTIST_STATE_RETIRED
            done = self._move(artist, to, "person", request.reason, request.moved_by, for_good=for_good)
            return life_pb2.MoveArtistResponse(move=done)

        return self._once(request, move)

    async def UndoMove(self, request: life_pb2.UndoMoveRequest, context: Any) -> life_pb2.UndoMoveResponse:
        self._answers("UndoMove")

        def undo() -> life_pb2.UndoMoveResponse:
            wanted = next((move for move in self.moves if move.id == request.move_id), None)
            if wanted is None:
                raise NotFound("move", request.move_id)
            if not wanted.can_undo:
                raise WrongState("move", wanted.id, state="not the last", expected="the artist's last move")
            back = artist_state_pb2.ArtistState.Name(wanted.from_state)
            artist = self._artist(wanted.artist_id)
            done = self._move(artist, back, "undo", "undone", request.moved_by)
            done.can_undo, wanted.undone_by = False, done.id
            return life_pb2.UndoMoveResponse(move=done)

        return self._once(request, undo)

    async def ListMoves(self, request: life_pb2.ListMovesRequest, context: Any) -> life_pb2.ListMovesResponse:
        self._answers("ListMoves")
        found = [move for move in reversed(self.moves) if request.artist_id in ("", move.artist_id)]
        return life_pb2.ListMovesResponse(moves=found[: request.page_size or 50])

    async def SetEvolve(self, request: db.SetEvolveRequest, context: Any) -> db.SetEvolveResponse:
        self._answers("SetEvolve")

        def set_it() -> db.SetEvolveResponse:
            artist = self._artist(request.artist_id)
            artist.evolve = request.evolve
            return db.SetEvolveResponse(artist=artist)

        return self._once(request, set_it)

    async def ListPersonaVersions(
        self, request: db.ListPersonaVersionsRequest, context: Any
    ) -> db.ListPersonaVersionsResponse:
        self._answers("ListPersonaVersions")
        versions = self.versions.get(request.artist_id, [])
        return db.ListPersonaVersionsResponse(versions=versions[: request.page_size or 50])

    async def RestorePersonaVersion(
        self, request: db.RestorePersonaVersionRequest, context: Any
    ) -> db.RestorePersonaVersionResponse:
        self._answers("RestorePersonaVersion")

        def restore() -> db.RestorePersonaVersionResponse:
            artist = self._artist(request.artist_id)
            if request.etag != artist.etag:
                raise EtagMismatch("artist", artist.id, current=artist.etag)
            kept = next((v for v in self.versions[artist.id] if v.version == request.version), None)
            if kept is None:
                raise NotFound("persona version", str(request.version))
            artist.persona.CopyFrom(kept.persona)
            artist.persona_version += 1
            artist.etag = str(int(artist.etag) + 1)
            self._keep_version(artist, f"restored version {request.version}")
            return db.RestorePersonaVersionResponse(artist=artist)

        return self._once(request, restore)

    async def GetExperiment(
        self, request: experiment_pb2.GetExperimentRequest, context: Any
    ) -> experiment_pb2.GetExperimentResponse:
        self._answers("GetExperiment")
        if request.experiment_id not in self.experiments:
            raise NotFound("experiment", request.experiment_id)
        return experiment_pb2.GetExperimentResponse(experiment=self.experiments[request.experiment_id])
