"""Which arms a run gets, and what becomes of personas when an arm of theirs is promoted."""

from collections.abc import Sequence

from aiartist.artist_db.v1 import experiment_pb2 as pb
from aiartist.common.v1 import experiment_pb2 as common
from aiartist.common.v1.persona_pb2 import Persona
from services.artist_db.domain.experiment_posteriors import draw, probabilities_of_best, shares
from services.artist_db.domain.experiments import Kind, State, changed, fits, overlap
from services.artist_db.store import artists, experiment_artists
from services.artist_db.store import experiment_runs as runs
from services.artist_db.store import experiments as store
from services.artist_db.store.experiment_refresh import bring_up_to_date
from services.chassis.database import Connection, Database
from services.chassis.errors import FieldViolation, InvalidInput, NotFound
from services.chassis.logs import get_logger

KIND_VALUES = {kind: common.ArmKind.Value(f"ARM_KIND_{kind}") for kind in Kind}
KINDS = {value: kind for kind, value in KIND_VALUES.items()}

_AT_ONCE = 1_000
"""Artists whose personas are changed by one statement."""

_log = get_logger("artist_db.experiments")


async def arms_of_run(database: Database, run_id: str, artist_id: str) -> pb.AssignArmsResponse:
    """What a run is told: drawn the first time, what was kept then ever after."""
    async with database.acquire() as connection:
        if (known := await _known(connection, run_id, artist_id)) is not None:
            return known
        standing = await store.standing(connection, artist_id)
    for experiment in standing:
        if experiment["state"] == State.RUNNING:
            await bring_up_to_date(database, experiment, whole=False)
    async with database.transaction() as connection:
        await runs.lock_run(connection, run_id)
        if (known := await _known(connection, run_id, artist_id)) is not None:
            return known
        artist = await artists.by_id(connection, artist_id)
        if artist is None:
            raise NotFound("artist", artist_id)
        response = pb.AssignArmsResponse(
            arms=await _arms(connection, run_id, artist_id, Persona.FromString(artist["persona_pb"]))
        )
        await runs.tell(connection, run_id, artist_id, response.SerializeToString())
    return response


async def new_persona_versions(connection: Connection, experiment: store.Row, arm: store.Row) -> None:
    """Gives each artist of the experiment the arm's value, as a version, but where it may not be changed."""
    reason = f'experiment "{experiment["name"]}" ({experiment["id"]}): arm "{arm["name"]}" was promoted'
    given, left = 0, 0
    artist_ids = await experiment_artists.lock(connection, experiment["artist_ids"])
    for first in range(0, len(artist_ids), _AT_ONCE):
        versions: list[tuple[str, int, Persona]] = []
        for row in await experiment_artists.personas(connection, artist_ids[first : first + _AT_ONCE]):
            persona = Persona.FromString(row["persona_pb"])
            wanted = changed(persona, experiment["field"], arm["value"])
            if wanted is None:
                left += 1
            elif wanted != persona:
                versions.append((row["artist_id"], row["version"] + 1, wanted))
        if versions:
            given += len(versions)
            await experiment_artists.add_versions(connection, versions, reason)
    _log.info(
        "an arm became persona versions", experiment_id=experiment["id"], versions=given, protected=left
    )


async def _known(connection: Connection, run_id: str, artist_id: str) -> pb.AssignArmsResponse | None:
    kept = await runs.told(connection, run_id)
    if kept is None:
        return None
    if kept["artist_id"] != artist_id:
        raise InvalidInput([FieldViolation("artist_id", f"is not whose run this is, {kept['artist_id']!r}")])
    return pb.AssignArmsResponse.FromString(kept["body"])


async def _arms(
    connection: Connection, run_id: str, artist_id: str, persona: Persona
) -> list[common.AssignedArm]:
    """At most one of a kind and field: of those that run first, then of those promoted, the newest first."""
    standing = await store.standing(connection, artist_id)
    # Always by id: two runs that draw from the same experiments never wait for each other in a circle.
    locked = [
        await store.lock(connection, row["id"]) if row["state"] == State.RUNNING else row for row in standing
    ]
    arms = await store.arms(connection, [row["id"] for row in locked])
    found: list[common.AssignedArm] = []
    for experiment in (row for row in locked if row["state"] == State.RUNNING):
        own = arms[experiment["id"]]
        if _free(found, experiment) and _can_follow(experiment, own, persona):
            position = await _drawn(connection, experiment, run_id, artist_id)
            found.append(_assigned(experiment, own[position], promoted=False))
    promoted = [row for row in locked if row["state"] == State.PROMOTED and row["kind"] != Kind.PERSONA_FIELD]
    for experiment in sorted(promoted, key=lambda row: row["ended_at"], reverse=True):
        if _free(found, experiment):
            arm = next(a for a in arms[experiment["id"]] if a["name"] == experiment["promoted_arm"])
            found.append(_assigned(experiment, arm, promoted=True))
    return sorted(found, key=lambda arm: (arm.kind, arm.field))


async def _drawn(connection: Connection, experiment: store.Row, run_id: str, artist_id: str) -> int:
    standings = await store.standings(connection, experiment["id"])
    best = probabilities_of_best([arm.tally for arm in standings])
    drawn = shares(best, [arm.assigned for arm in standings], experiment["floor"])
    position = draw(drawn, experiment["id"], run_id)
    await runs.assign(connection, experiment["id"], run_id, artist_id, position, drawn)
    return position


def _free(found: Sequence[common.AssignedArm], experiment: store.Row) -> bool:
    """Whether no arm of this kind, and of this or an overlapping field, was found before."""
    kind = KIND_VALUES[Kind(experiment["kind"])]
    return not any(arm.kind == kind and overlap(arm.field, experiment["field"]) for arm in found)


def _can_follow(experiment: store.Row, arms: Sequence[store.Row], persona: Persona) -> bool:
    return experiment["kind"] != Kind.PERSONA_FIELD or fits(
        persona, experiment["field"], [arm["value"] for arm in arms]
    )


def _assigned(experiment: store.Row, arm: store.Row, *, promoted: bool) -> common.AssignedArm:
    return common.AssignedArm(
        experiment_id=experiment["id"],
        arm=arm["name"],
        kind=KIND_VALUES[Kind(experiment["kind"])],
        field=experiment["field"],
        value=arm["value"],
        promoted=promoted,
    )
