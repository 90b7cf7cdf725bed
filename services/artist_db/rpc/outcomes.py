"""How runs ended, and what it does to artists."""

from datetime import UTC

from aiartist.artist_db.v1 import life_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.lives import Rules, after_run
from services.artist_db.domain.outcomes import blame_of, by_person, check_outcome
from services.artist_db.domain.scores import Score
from services.artist_db.rpc.artists import standing_of
from services.artist_db.rpc.moves import move_of
from services.artist_db.rpc.room import Context, Room, time_and_text
from services.artist_db.store import lives, moves, scores
from services.artist_db.store import outcomes as store
from services.artist_db.store.moves import Standing
from services.chassis.database import Connection
from services.chassis.errors import AlreadyExists
from services.chassis.logs import get_logger
from services.chassis.paging import page_request

_log = get_logger("artist_db.lives")


class OutcomeRpcs(Room):
    """RecordRunOutcome and ListRunOutcomes."""

    _rules: Rules

    async def RecordRunOutcome(
        self, request: pb.RecordRunOutcomeRequest, context: Context
    ) -> pb.RecordRunOutcomeResponse:
        checks = Checks()
        if checks.present("outcome", request.HasField("outcome")):
            check_outcome(checks, request.outcome)
        checks.finish()
        told = request.outcome
        response = pb.RecordRunOutcomeResponse()
        async with self._db.transaction() as connection:
            standing = await standing_of(connection, told.artist_id)
            known: store.Row = await store.one(connection, told.run_id)
            if known is not None and known["artist_id"] != told.artist_id:
                raise AlreadyExists("run outcome", told.run_id)
            if known is None or known["ending"] < told.ending:
                await self._keep(connection, standing, told)
                known = await store.one(connection, told.run_id)
            response.outcome.CopyFrom(_outcome_of(known))
            if known["release_id"]:
                found = await scores.of_releases(connection, [known["release_id"]])
                _add_score(response.outcome, found[known["release_id"]])
            if known["move_id"]:
                response.move.CopyFrom(move_of(await moves.one(connection, known["move_id"])))
        return response

    async def ListRunOutcomes(
        self, request: pb.ListRunOutcomesRequest, context: Context
    ) -> pb.ListRunOutcomesResponse:
        checks = Checks()
        checks.filter("artist_id", request.artist_id)
        checks.finish()
        page = page_request(request, filters=("run outcomes", request.artist_id))
        async with self._db.acquire() as connection:
            found = await store.page(
                connection, artist_id=request.artist_id, after=time_and_text(page), limit=page.size + 1
            )
            rows, token = page.cut(found, key=lambda row: (row["ended_at"].isoformat(), row["run_id"]))
            released = sorted({row["release_id"] for row in rows if row["release_id"]})
            known = await scores.of_releases(connection, released) if released else {}
        response = pb.ListRunOutcomesResponse(next_page_token=token)
        for row in rows:
            outcome = response.outcomes.add()
            outcome.CopyFrom(_outcome_of(row))
            if row["release_id"]:
                _add_score(outcome, known[row["release_id"]])
        return response

    async def _keep(self, connection: Connection, standing: Standing, told: pb.RunOutcome) -> None:
        """Keeps an outcome, and does what the rules say to the locked artist."""
        outcome, blame = pb.RunOutcome(), blame_of(told)
        outcome.CopyFrom(told)
        outcome.ClearField("review")
        outcome.ClearField("score")
        outcome.ClearField("score_sureness")
        # Another machine's clock may be ahead: what ended after the move that it led to would count again.
        ended_at = min(told.ended_at.ToDatetime(tzinfo=UTC), standing.now)
        outcome.ended_at.FromDatetime(ended_at)
        outcome.blame = pb.Blame.Value(f"BLAME_{blame}")
        outcome.cost_micro_usd = await store.cost_of(connection, told.run_id)
        review = await store.review_of(connection, told.run_id)
        if review is not None:
            outcome.review = review
        decided_at = None
        if told.HasField("decision"):
            known = told.decision.HasField("decided_at")
            decided_at = min(told.decision.decided_at.ToDatetime(tzinfo=UTC), ended_at) if known else ended_at
        await store.keep(
            connection,
            outcome,
            blame,
            ended_at=ended_at,
            by_person=by_person(told),
            decided_at=decided_at,
        )
        record = await lives.record_of(connection, standing, self._rules, under_way=told.approved_under_way)
        ruling = after_run(self._rules, standing.life, record)
        if ruling is not None:
            moved = await lives.carry_out(connection, standing, ruling, told.run_id)
            await store.led_to(connection, told.run_id, moved["id"])
            _log.info("artist moved", artist_id=told.artist_id, rule=ruling.rule, reason=ruling.reason)


def _outcome_of(row: store.Row) -> pb.RunOutcome:
    outcome = pb.RunOutcome.FromString(row["body"])
    outcome.ended_at.FromDatetime(row["ended_at"])
    return outcome


def _add_score(outcome: pb.RunOutcome, score: Score) -> None:
    if score.last_day is not None:
        outcome.score = score.score
        outcome.score_sureness = score.sureness
