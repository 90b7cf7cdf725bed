"""Rules move artists: by how runs end, and by time, each move with its reason and a word to people."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1 import life_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.app import build
from services.artist_db.domain.lives import Record, Rules, rates_from, row_of
from services.artist_db.domain.outcomes import Blame
from services.artist_db.settings import Settings
from services.artist_db.store import lives as lives_store
from services.artist_db.store import moves as moves_store
from services.chassis.clients import open_channel
from tests.integration.artist_db.lives import (
    APPROVED,
    AUTOPILOT,
    BAD_SONG,
    CANCELLED,
    EXPIRED,
    PLATFORM,
    REJECTED,
    moved,
    moves_of,
    name_of,
    news,
    pass_days,
    record,
    record_all,
    reviewed,
    state_of,
)
from tests.integration.artist_db.races import held
from tests.integration.artist_db.samples import INVALID, artist, refused

Connection = Any
Serving = Callable[..., AbstractAsyncContextManager[ArtistDbServiceStub]]


@pytest.fixture
def serving(database_url: str) -> Serving:
    """A service with settings of its own over the test's database; more than one, one after the other too."""

    @asynccontextmanager
    async def serve(**changes: Any) -> AsyncIterator[ArtistDbServiceStub]:
        settings = Settings(
            database_url=SecretStr(database_url), port=0, metrics_port=0, ship_errors=False, **changes
        )
        async with (
            await build(settings) as app,
            open_channel(f"127.0.0.1:{app.port}", settings) as channel,
        ):
            yield ArtistDbServiceStub(channel)

    return serve


async def test_too_few_approvals_pause_an_artist_with_the_numbers_and_tell_people(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    made = await artist(stub)
    ends = [REJECTED, REJECTED, APPROVED, *[REJECTED] * 4, AUTOPILOT, REJECTED, REJECTED]

    (evolving,) = await record_all(stub, made.id, *ends)
    ends = [REJECTED, REJECTED, APPROVED, *[REJECTED] * 4, APPROVED, REJECTED, REJECTED, EXPIRED]
    assert await record_all(stub, made.id, *ends) == [], "of songs since the last move alone"
    await record(stub, made.id, **REJECTED)
    kept = (await stub.GetArtist(pb.GetArtistRequest(artist_id=made.id))).artist

    assert (evolving.rule, name_of(evolving.from_state), name_of(evolving.to_state)) == (
        "approval",
        "ACTIVE",
        "EVOLVING",
    )
    assert evolving.reason == "approval 2 of 10 in 30 days, below 40 %"
    assert (evolving.moved_by, evolving.can_undo) == ("", True)
    assert name_of(kept.state) == "PAUSED"
    assert kept.state_reason == "approval 2 of 11 in 30 days, below 20 %"
    (paused, *_) = await moves_of(stub, made.id)
    assert kept.state_since == paused.moved_at
    assert await news(connection) == [
        ("LIFE", "Nova Vale is now evolving", False),
        ("LIFE", "Nova Vale is now paused", True),
    ]
    row = await connection.fetchrow("SELECT * FROM news ORDER BY id DESC LIMIT 1")
    assert (row["artist_id"], row["subject_id"]) == (made.id, paused.id)
    assert row["run_id"]
    assert row["body"] == (
        f"Why: approval 2 of 11 in 30 days, below 20 %. To undo it: aiartist artist undo {made.id}"
    )


async def test_songs_that_no_review_passes_pause_an_artist_and_the_platforms_failures_do_not(
    stub: ArtistDbServiceStub,
) -> None:
    spared, paused = await artist(stub, "Spared"), await artist(stub, "Paused")

    none = await record_all(stub, spared.id, *[PLATFORM] * 20, *[EXPIRED] * 20, *[CANCELLED] * 20)
    some = await record_all(stub, paused.id, *[APPROVED] * 6, *[BAD_SONG] * 4)

    assert none == []
    assert await state_of(stub, spared.id) == "ACTIVE"
    assert [(move.rule, move.reason) for move in some] == [
        ("errors", "no take passed its review in 4 of 10 runs in 30 days, over 30 %")
    ]


async def test_an_evolving_artist_recovers_by_songs_of_that_time_alone(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub)
    await record_all(stub, made.id, *[APPROVED] * 5)
    await moved(stub, made.id, "EVOLVING")

    early = await record_all(stub, made.id, *[APPROVED, REJECTED] * 4, APPROVED)
    (last,) = await record_all(stub, made.id, REJECTED)

    assert early == []
    assert (last.rule, name_of(last.to_state)) == ("recovered", "ACTIVE")
    assert last.reason == "approval 5 of 10 in 30 days, 50 % or more"


async def test_five_rejections_in_a_row_retire_an_artist_whatever_expires_or_fails_between_them(
    stub: ArtistDbServiceStub,
) -> None:
    made = await artist(stub)
    before = await record_all(stub, made.id, *[REJECTED] * 4, APPROVED)
    between = await record_all(
        stub, made.id, REJECTED, EXPIRED, REJECTED, BAD_SONG, REJECTED, PLATFORM, REJECTED
    )

    (last,) = await record_all(stub, made.id, REJECTED)

    # Nine decided songs until the fourth rejection: no rule of shares has a say.
    assert (before, between) == ([], [])
    assert (last.rule, last.reason, name_of(last.to_state)) == (
        "rejections",
        "5 rejections in a row",
        "RETIRED",
    )
    assert last.can_undo


async def test_what_ended_before_the_window_does_not_count(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    made = await artist(stub)
    await record_all(stub, made.id, *[BAD_SONG] * 9)
    await pass_days(connection, 30.01)

    assert await record_all(stub, made.id, BAD_SONG) == []
    await pass_days(connection, 29.9)
    assert await record_all(stub, made.id, *[BAD_SONG] * 8) == []
    assert [move.rule for move in await record_all(stub, made.id, BAD_SONG)] == ["errors"]


async def test_after_a_persons_move_or_undo_an_artist_is_judged_anew(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub)
    (retired,) = await record_all(stub, made.id, *[REJECTED] * 5)
    await stub.UndoMove(life_pb2.UndoMoveRequest(move_id=retired.id, moved_by="cli:vera"))

    four = await record_all(stub, made.id, *[REJECTED] * 4)
    await moved(stub, made.id, "PAUSED")
    await moved(stub, made.id, "ACTIVE")
    four += await record_all(stub, made.id, *[REJECTED] * 4)

    assert four == []
    assert [move.rule for move in await record_all(stub, made.id, REJECTED)] == ["rejections"]


async def test_without_rules_nothing_moves_an_artist(serving: Serving, connection: Connection) -> None:
    async with serving(lives_enabled=False) as stub:
        made = await artist(stub)

        assert await record_all(stub, made.id, *[REJECTED] * 12) == []
        await pass_days(connection, 400)
        assert await reviewed(stub) == []


async def test_thresholds_are_settings(serving: Serving) -> None:
    async with serving(lives_rejections_in_a_row=2) as stub:
        made = await artist(stub)

        assert [move.rule for move in await record_all(stub, made.id, REJECTED, REJECTED)] == ["rejections"]


async def test_45_days_without_a_run_pause_an_artist_once(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    made = await artist(stub)
    await record(stub, made.id, **EXPIRED)
    await pass_days(connection, 44.9)
    early = await reviewed(stub)
    await pass_days(connection, 0.2)

    (paused,) = await reviewed(stub)

    assert early == []
    assert (paused.rule, paused.reason, name_of(paused.to_state)) == ("idle", "no run for 45 days", "PAUSED")
    assert await reviewed(stub) == []
    assert await news(connection) == [("LIFE", "Nova Vale is now paused", False)]


async def test_who_is_busy_is_not_idle(stub: ArtistDbServiceStub, connection: Connection) -> None:
    busy, quiet = await artist(stub, "Busy"), await artist(stub, "Quiet")
    await pass_days(connection, 60)

    assert [move.artist_id for move in await reviewed(stub, busy.id)] == [quiet.id]
    assert [move.artist_id for move in await reviewed(stub)] == [busy.id]


async def test_any_end_of_a_run_and_any_move_begin_the_idle_days_anew(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    ran, resumed = await artist(stub, "Ran"), await artist(stub, "Resumed")
    await pass_days(connection, 44)
    await record(stub, ran.id, **CANCELLED)
    await moved(stub, resumed.id, "PAUSED")
    await moved(stub, resumed.id, "ACTIVE")

    await pass_days(connection, 44)
    early = await reviewed(stub)
    await pass_days(connection, 2)

    assert early == []
    assert {move.artist_id for move in await reviewed(stub)} == {ran.id, resumed.id}


async def test_nobody_was_idle_while_the_platform_was_down(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await artist(stub)
    await reviewed(stub)
    await pass_days(connection, 60, reviews_go_on=False)

    back = await reviewed(stub)
    await pass_days(connection, 44)
    later = await reviewed(stub)
    await pass_days(connection, 2)

    assert (back, later) == ([], [])
    assert [move.rule for move in await reviewed(stub)] == ["idle"]


async def test_artists_of_before_these_rules_are_not_idle_for_runs_that_nobody_kept(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    """The version before inserts artists so, and the migration finds them so."""
    await artist(stub)
    await connection.execute(
        "UPDATE artists SET state_since = NULL, last_move = NULL, created_at = '2020-01-01'"
    )
    await connection.execute("DELETE FROM moves")

    assert await reviewed(stub) == []


async def paused_for_songs(stub: ArtistDbServiceStub, name: str = "Nova Vale") -> str:
    made = await artist(stub, name)
    await record_all(stub, made.id, *[BAD_SONG] * 10)
    return made.id


async def test_90_days_of_a_pause_for_songs_retire_a_warned_artist_while_people_are_there(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    paused, other = await paused_for_songs(stub), await artist(stub, "Other")
    await pass_days(connection, 75)
    await record(stub, other.id, **APPROVED)
    before = await reviewed(stub), await news(connection)
    await pass_days(connection, 1.1)

    assert await reviewed(stub) == []
    warned = await news(connection)
    assert await reviewed(stub) == []
    assert await news(connection) == warned, "once"
    await record(stub, other.id, **REJECTED)
    await pass_days(connection, 13.9)
    assert await reviewed(stub) == []
    await pass_days(connection, 0.2)
    (retired,) = await reviewed(stub)

    assert before == ([], [("LIFE", "Nova Vale is now paused", True)])
    assert warned[1:] == [("LIFE", "Nova Vale retires in 14 days", True)]
    assert (retired.artist_id, retired.rule, name_of(retired.to_state)) == (paused, "paused", "RETIRED")
    assert retired.reason == (
        "paused for 90 days, since: no take passed its review in 10 of 10 runs in 30 days, over 30 %"
    )
    assert (await news(connection))[-1] == ("LIFE", "Nova Vale is now retired", True)
    undone = (await stub.UndoMove(life_pb2.UndoMoveRequest(move_id=retired.id, moved_by="cli:vera"))).move
    assert name_of(undone.to_state) == "PAUSED"
    await pass_days(connection, 400)
    assert [move for move in await reviewed(stub) if move.artist_id == paused] == []


async def test_while_nobody_is_there_no_pause_ends_in_retirement(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    paused, other = await paused_for_songs(stub), await artist(stub, "Other", autopilot_enabled=True)

    for _ in range(40):
        await pass_days(connection, 10)
        await record(stub, other.id, **AUTOPILOT)
        await record(stub, other.id, **EXPIRED)
        assert await reviewed(stub) == []
    # Back after more than a year: the warning comes first, and people have their days to act on it.
    await record(stub, other.id, **APPROVED)
    assert await reviewed(stub) == []

    assert (await news(connection))[-1][1] == "Nova Vale retires in 14 days"
    assert await state_of(stub, paused) == "PAUSED"
    await pass_days(connection, 29)
    assert await reviewed(stub) == [], "nobody was there since the warning"
    await record(stub, other.id, **REJECTED)
    assert [move.artist_id for move in await reviewed(stub)] == [paused]


async def test_a_decision_about_a_persona_shows_that_somebody_is_there(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    paused = await paused_for_songs(stub)
    await pass_days(connection, 80)
    await connection.execute(
        """
        INSERT INTO persona_changes (id, artist_id, run_id, state, outcome, decided_by, body)
        VALUES ('chg_1', $1, 'run_x', 'DECLINED', '', 'cli:vera', '')
        """,
        paused,
    )

    await reviewed(stub)

    assert (await news(connection))[-1][1] == "Nova Vale retires in 14 days"


@pytest.mark.parametrize("why", ["idle", "person"])
async def test_no_other_pause_ever_ends_in_retirement(
    stub: ArtistDbServiceStub, connection: Connection, why: str
) -> None:
    made, other = await artist(stub), await artist(stub, "Other")
    if why == "person":
        await moved(stub, made.id, "PAUSED")

    for _ in range(40):
        await pass_days(connection, 10)
        await record(stub, other.id, **APPROVED)
        assert not [move for move in await reviewed(stub) if name_of(move.to_state) == "RETIRED"]

    assert await state_of(stub, made.id) == "PAUSED"
    assert not [title for _, title, _ in await news(connection) if "retires" in title]


async def test_two_reviews_at_once_move_an_artist_once(
    stub: ArtistDbServiceStub, connection: Connection, database_url: str
) -> None:
    await artist(stub)
    await pass_days(connection, 60)

    async with held(database_url, "SELECT FROM artists FOR UPDATE", until=2):
        calls = [stub.ReviewLives(life_pb2.ReviewLivesRequest()) for _ in range(2)]
    answers = await asyncio.gather(*calls)

    assert sorted(len(answer.moves) for answer in answers) == [0, 1]


async def test_a_review_with_an_empty_id_is_refused(stub: ArtistDbServiceStub) -> None:
    await refused(stub.ReviewLives(life_pb2.ReviewLivesRequest(busy_artist_ids=["art_1", ""])), INVALID)


async def test_a_restart_forgets_nothing(serving: Serving) -> None:
    async with serving() as stub:
        made = await artist(stub)
        await record_all(stub, made.id, *[REJECTED] * 4)
    async with serving() as stub:
        (retired,) = await record_all(stub, made.id, REJECTED)
    async with serving() as stub:
        assert (await moves_of(stub, made.id))[0] == retired
        assert await state_of(stub, made.id) == "RETIRED"


async def test_what_the_database_counts_is_what_the_rules_mean(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    """Random histories, counted by SQL and beside it in Python."""
    dice, rules = random.Random(8), Rules()
    for number in range(12):
        made = await artist(stub, f"Artist {number}")
        await connection.executemany(
            """
            INSERT INTO run_outcomes (run_id, artist_id, state, blame, by_person, cost_micro_usd, brief_id,
                                      release_id, ending, ended_at, decided_at, body)
            VALUES ($1, $2, 'EXPIRED', $3, false, 0, '', '', 1, now() - $4 * interval '1 hour',
                    now() - $5 * interval '1 hour', '')
            """,
            [
                (
                    f"run_{number}_{n}",
                    made.id,
                    dice.choice(list(Blame)),
                    (hours := dice.uniform(0, 60 * 24)),
                    hours + dice.uniform(0, 48),
                )
                for n in range(60)
            ],
        )
        await connection.execute(
            """
            UPDATE artists SET state_since = now() - $2 * interval '1 day',
                               judged_from = now() - $3 * interval '1 day' WHERE id = $1
            """,
            made.id,
            dice.uniform(0, 60),
            dice.uniform(0, 60),
        )
        async with connection.transaction():
            standing = await moves_store.locked(connection, made.id)
            assert standing is not None
            counted = await lives_store.record_of(connection, standing, rules)
        rows = await connection.fetch(
            """
            SELECT blame, ended_at, decided_at FROM run_outcomes WHERE artist_id = $1 ORDER BY decided_at DESC
            """,
            made.id,
        )

        since = rates_from(rules, standing.life, standing.now)
        blames = [Blame(row["blame"]) for row in rows if row["ended_at"] > since]
        judged = [Blame(row["blame"]) for row in rows if row["decided_at"] > standing.life.judged_from]
        assert counted == Record(
            blames.count(Blame.APPROVED),
            blames.count(Blame.REJECTED),
            blames.count(Blame.ERROR),
            min(row_of(judged), rules.rejections_in_a_row),
        )
