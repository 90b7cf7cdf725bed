"""Experiments and the runs in them, for tests."""

from datetime import UTC, datetime
from typing import Any

import asyncpg
from google.protobuf.timestamp_pb2 import Timestamp

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import experiment_pb2 as pb
from aiartist.artist_db.v1 import life_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1 import decision_pb2
from aiartist.common.v1.experiment_pb2 import (
    ARM_KIND_COVER_STYLE,
    ARM_KIND_PERSONA_FIELD,
    ARM_KIND_PROMPT,
    ARM_KIND_PROVIDER,
    AssignedArm,
)
from services.chassis.ids import derived_id
from tests.integration.artist_db.samples import brief, take

APPROVED = decision_pb2.VERDICT_APPROVED
REJECTED = decision_pb2.VERDICT_REJECTED
EXPIRED = decision_pb2.VERDICT_EXPIRED
_STATES = {APPROVED: "RELEASED", REJECTED: "REJECTED", EXPIRED: "EXPIRED"}
COVERS = {"kind": ARM_KIND_COVER_STYLE, "arms": [("rings", "rings"), ("silk", "silk")]}
PROVIDERS = {"kind": ARM_KIND_PROVIDER, "arms": [("own", "builtin"), ("suno", "suno")]}
MOODS = {
    "kind": ARM_KIND_PERSONA_FIELD,
    "field": "moods",
    "arms": [("old", '["wistful"]'), ("new", '["bright"]')],
}


def experiment(name: str = "Darker words", **changes: Any) -> pb.Experiment:
    fields: dict[str, Any] = {
        "name": name,
        "kind": ARM_KIND_PROMPT,
        "arms": [("control", ""), ("dark", "write darker words")],
        **changes,
    }
    fields["arms"] = [pb.Arm(name=arm, value=value) for arm, value in fields["arms"]]
    return pb.Experiment(**fields)


async def begun(stub: ArtistDbServiceStub, name: str = "Darker words", **changes: Any) -> pb.Experiment:
    """An experiment that was just begun."""
    request = pb.CreateExperimentRequest(experiment=experiment(name, **changes))
    return (await stub.CreateExperiment(request)).experiment


async def looked_at(stub: ArtistDbServiceStub, experiment_id: str) -> pb.Experiment:
    return (await stub.GetExperiment(pb.GetExperimentRequest(experiment_id=experiment_id))).experiment


async def arms_of(stub: ArtistDbServiceStub, run: str, artist_id: str) -> list[AssignedArm]:
    request = pb.AssignArmsRequest(run_id=f"run_{run}", artist_id=artist_id)
    return list((await stub.AssignArms(request)).arms)


async def song(
    stub: ArtistDbServiceStub, run: str, artist_id: str, arms: list[AssignedArm], *, followed: bool = True
) -> None:
    """A run's brief, written under its arms, and one take."""
    told = [AssignedArm() for _ in arms]
    for copy, arm in zip(told, arms, strict=True):
        copy.CopyFrom(arm)
        copy.followed = followed
    written = brief(artist_id, run, arms=told)
    await stub.SaveBrief(db.SaveBriefRequest(brief=written))
    looks = next((arm.value for arm in arms if arm.kind == ARM_KIND_COVER_STYLE), "orbs")
    made_by = next((arm.value for arm in arms if arm.kind == ARM_KIND_PROVIDER), "builtin")
    if not followed:
        looks, made_by = "orbs", "another"
    made = take(written.id, run, cover_style=looks, provider=made_by)
    await stub.SaveTake(db.SaveTakeRequest(take=made))


async def over(
    stub: ArtistDbServiceStub,
    run: str,
    artist_id: str,
    verdict: decision_pb2.Verdict.ValueType | None,
    **changes: Any,
) -> None:
    """A run ends as decided; None: the platform failed it."""
    now = Timestamp()
    now.FromDatetime(datetime.now(UTC))
    fields: dict[str, Any] = {
        "run_id": f"run_{run}",
        "artist_id": artist_id,
        "state": "FAILED" if verdict is None else _STATES[verdict],
        "brief_id": derived_id("brf", run),
        "take_id": derived_id("tak", run),
        "takes": 1,
        "ending": 1,
        "started_at": now,
        "ended_at": now,
    }
    if verdict is None:
        fields |= {
            "failure_reason": "ERROR_REASON_STORAGE",
            "failure_text": "no space",
            "failed_stage": "PRODUCE",
        }
    else:
        by = "clock" if verdict == EXPIRED else "cli:vera"
        fields["decision"] = decision_pb2.Decision(
            verdict=verdict, decided_by=by, reason="as it is", decided_at=now
        )
    outcome = life_pb2.RunOutcome(**{**fields, **changes})
    await stub.RecordRunOutcome(life_pb2.RecordRunOutcomeRequest(outcome=outcome))


async def ended(
    stub: ArtistDbServiceStub,
    run: str,
    artist_id: str,
    verdict: decision_pb2.Verdict.ValueType | None = APPROVED,
    **changes: Any,
) -> list[AssignedArm]:
    """A whole run, from its arms to its end."""
    arms = await arms_of(stub, run, artist_id)
    await song(stub, run, artist_id, arms)
    await over(stub, run, artist_id, verdict, **changes)
    return arms


async def filled(
    connection: "asyncpg.Connection[asyncpg.Record]",
    experiment_id: str,
    artist_id: str,
    arms: dict[int, tuple[int, int, int]],
    *,
    name: str = "r",
) -> None:
    """Runs past the service: arm -> approved, rejected and expired ones, with takes whose covers fit."""
    values = dict(
        await connection.fetch(
            "SELECT position, value FROM experiment_arms WHERE experiment_id = $1", experiment_id
        )
    )
    share = 1 / len(values)
    for position, numbers in arms.items():
        ends = [
            end for end, many in zip((APPROVED, REJECTED, EXPIRED), numbers, strict=True) for _ in range(many)
        ]
        for n, end in enumerate(ends):
            run = f"{name}-{position}-{n}"
            made = take(derived_id("brf", "0"), run, cover_style=values[position])
            await connection.execute(
                "INSERT INTO takes (id, brief_id, run_id, take_number, request_digest, body) VALUES "
                "($1, $2, $3, 1, 'x', $4)",
                *(made.id, made.brief_id, made.run_id, made.SerializeToString()),
            )
            await connection.execute(
                "INSERT INTO experiment_assignments (experiment_id, run_id, artist_id, position, shares) "
                "VALUES ($1, $2, $3, $4, $5)",
                *(experiment_id, f"run_{run}", artist_id, position, [share] * len(values)),
            )
            await connection.execute(
                "INSERT INTO run_outcomes (run_id, artist_id, state, blame, by_person, review, "
                "cost_micro_usd, brief_id, release_id, ending, ended_at, body) "
                "VALUES ($1, $2, $3, $4, $5, 1, 0, '', '', 1, now(), '')",
                f"run_{run}",
                artist_id,
                _STATES[end],
                {APPROVED: "APPROVED", REJECTED: "REJECTED", EXPIRED: "NONE"}[end],
                end != EXPIRED,
            )
    total = sum(sum(numbers) for numbers in arms.values())
    for position in values:
        await connection.execute(
            "UPDATE experiment_sums SET assigned = assigned + $3, expected = expected + $4, "
            "variance = variance + $5 WHERE experiment_id = $1 AND position = $2",
            *(
                experiment_id,
                position,
                sum(arms.get(position, ())),
                total * share,
                total * share * (1 - share),
            ),
        )
