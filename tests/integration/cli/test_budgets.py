"""`aiartist budget ...` against a server that keeps the contract."""

import json

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from tests.support.command import invoke
from tests.support.fake_llm import DOLLAR
from tests.support.fake_services import FakePlatform

DAY, ARTIST, RUN = db.BUDGET_SCOPE_DAY, db.BUDGET_SCOPE_ARTIST, db.BUDGET_SCOPE_RUN


def rows(stdout: str) -> list[str]:
    """A table's rows below its head, with single spaces."""
    return [" ".join(line.split()) for line in stdout.splitlines()[2:]]


@pytest.mark.parametrize("command", [("budget",), ("budget", "show")], ids=" ".join)
async def test_budget_alone_shows_the_days_in_dollars(platform: FakePlatform, command: tuple[str, ...]):
    platform.artist_db.spent[DAY, ""] = 4_200_000
    platform.artist_db.held[DAY, ""] = 800_000
    done = await invoke(*command, env=platform.environment)
    assert (done.code, done.stderr) == (0, "")
    assert " ".join(done.stdout.splitlines()[0].split()) == "budget limit spent held left used limit from"
    assert rows(done.stdout) == ["day 2026-03-01 $20.00 $4.2000 $0.8000 $15.0000 25 % settings"]


async def test_an_artists_and_a_runs_budgets_are_shown_too(platform: FakePlatform):
    artist = platform.artist_db.add("Nova Vale")
    run = platform.scheduler.add("one")
    platform.artist_db.limits = {(ARTIST, artist.id): 3 * DOLLAR, (RUN, ""): DOLLAR // 2}
    platform.artist_db.spent[RUN, run.id] = DOLLAR // 2
    arguments = ("budget", "--artist", "Nova Vale", "--run", run.id[4:12])
    done = await invoke(*arguments, env=platform.environment)
    assert rows(done.stdout)[1:] == [
        "artist Nova Vale $3.00 $0.0000 $0.0000 $3.0000 0 % set for it",
        f"{run.id} $0.50 $0.5000 $0.0000 $0.0000 100 % set for all",
    ]
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


async def test_an_artists_budget_is_shown_by_id(platform: FakePlatform):
    artist = platform.artist_db.add("Nova Vale")
    done = await invoke("budget", "show", "--artist", artist.id, env=platform.environment)
    assert rows(done.stdout)[1].startswith("artist Nova Vale $5.00 ")


async def test_a_budget_of_nothing_has_no_percentage(platform: FakePlatform):
    platform.artist_db.limits[DAY, ""] = 0
    done = await invoke("budget", env=platform.environment)
    assert rows(done.stdout) == ["day 2026-03-01 $0.00 $0.0000 $0.0000 $0.0000 – set for it"]


async def test_a_budget_is_full_only_where_nothing_is_left(platform: FakePlatform):
    platform.artist_db.spent[DAY, ""] = 20 * DOLLAR - 1
    done = await invoke("budget", env=platform.environment)
    assert " 99 % " in rows(done.stdout)[0]


async def test_the_largest_amounts_are_not_cut_off(platform: FakePlatform):
    run = platform.scheduler.add("one")
    platform.artist_db.limits = {(DAY, ""): 10**12, (RUN, run.id): 10**12}
    platform.artist_db.spent = {(DAY, ""): 10**12, (RUN, run.id): 5 * 10**11}
    platform.artist_db.held = {(RUN, run.id): 4 * 10**11}
    done = await invoke("budget", "--run", run.id, env=platform.environment)
    assert "…" not in done.stdout
    assert "$1,000,000.00" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


async def test_budgets_for_scripts_are_the_response_as_json(platform: FakePlatform):
    platform.artist_db.spent[DAY, ""] = 42
    done = await invoke("budget", "--json", env=platform.environment)
    (budget,) = json.loads(done.stdout)["budgets"]
    assert budget["scope"] == "BUDGET_SCOPE_DAY"
    assert (budget["limit_micro_usd"], budget["spent_micro_usd"]) == ("20000000", "42")


async def test_an_unknown_artist_is_not_found(platform: FakePlatform):
    done = await invoke("budget", "--artist", "Nobody", env=platform.environment)
    assert (done.code, done.stderr) == (
        1,
        "aiartist: there is no artist 'Nobody'\n  see who there is: aiartist artist list\n",
    )


@pytest.mark.parametrize(
    ("given", "micro_usd"),
    [("5", 5 * DOLLAR), ("0.50", DOLLAR // 2), ("0", 0), ("0.000001", 1), ("1000000", 10**12)],
)
async def test_the_days_limit_is_set_in_dollars(platform: FakePlatform, given: str, micro_usd: int):
    done = await invoke("budget", "set", "day", given, env=platform.environment)
    assert (done.code, done.stderr) == (0, "")
    assert platform.artist_db.limits == {(DAY, ""): micro_usd}
    assert platform.artist_db.requests[-1].request_id


async def test_a_set_limit_says_what_is_left_of_it(platform: FakePlatform):
    platform.artist_db.spent[DAY, ""] = DOLLAR // 4
    done = await invoke("budget", "set", "day", "5", env=platform.environment)
    assert done.stdout == "the label: at most $5.00 a day, $4.75 left\n"


@pytest.mark.parametrize(
    "given", ["1000000.01", "1000001", "-5", "-.5", "five", "$5", "1e3", "nan", "1,000", "0.0000001", "", "٣"]
)
async def test_what_is_no_amount_is_refused_by_name_before_anybody_is_asked(
    platform: FakePlatform, given: str
):
    done = await invoke("budget", "set", "day", given, env=platform.environment)
    assert (done.code, done.stdout) == (2, "")
    assert "'USD': expected US dollars from 0 to 1,000,000 such as 5 or 0.50" in done.stderr
    assert not platform.artist_db.requests


async def test_an_artists_limit_is_set_by_name(platform: FakePlatform):
    artist = platform.artist_db.add("Nova Vale")
    arguments = ("budget", "set", "artist", "3", "--artist", "Nova Vale")
    done = await invoke(*arguments, env=platform.environment)
    assert done.stdout == "Nova Vale: at most $3.00 a day, $3.00 left\n"
    assert platform.artist_db.limits == {(ARTIST, artist.id): 3 * DOLLAR}


async def test_a_runs_limit_is_set_by_the_beginning_of_its_id(platform: FakePlatform):
    run = platform.scheduler.add("one")
    done = await invoke("budget", "set", "run", "0.5", "--run", run.id[:12], env=platform.environment)
    assert done.stdout == f"{run.id}: at most $0.50, $0.50 left\n"
    assert platform.artist_db.limits == {(RUN, run.id): DOLLAR // 2}


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("artist", "every artist without a limit of their own: at most $3.00 a day\n"),
        ("run", "every run without a limit of its own: at most $3.00\n"),
    ],
)
async def test_without_a_name_a_limit_is_for_all_that_have_none_of_their_own(
    platform: FakePlatform, scope: str, expected: str
):
    done = await invoke("budget", "set", scope, "3", env=platform.environment)
    assert done.stdout == expected
    assert list(platform.artist_db.limits.values()) == [3 * DOLLAR]
    assert platform.artist_db.requests[-1].subject == ""


async def test_an_unset_limit_leaves_the_wider_one(platform: FakePlatform):
    artist = platform.artist_db.add("Nova Vale")
    platform.artist_db.limits = {(ARTIST, artist.id): DOLLAR, (ARTIST, ""): 3 * DOLLAR}
    arguments = ("budget", "unset", "artist", "--artist", "Nova Vale")
    done = await invoke(*arguments, env=platform.environment)
    assert done.stdout == "Nova Vale: at most $3.00 a day again, as set for all\n"
    assert platform.artist_db.limits == {(ARTIST, ""): 3 * DOLLAR}
    done = await invoke("budget", "unset", "artist", env=platform.environment)
    assert done.stdout == (
        "every artist without a limit of their own: at most $5.00 a day again, as the settings say\n"
    )
    assert not platform.artist_db.limits


async def test_a_changed_limit_for_scripts_is_the_budget_as_json(platform: FakePlatform):
    done = await invoke("budget", "set", "day", "5", "--json", env=platform.environment)
    document = json.loads(done.stdout)
    assert (document["limit_micro_usd"], document["source"]) == ("5000000", "own")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("set", "day", "5", "--artist", "Nova Vale"), "'--artist': belongs to `artist`, not to `day`"),
        (("set", "artist", "5", "--run", "run_1"), "'--run': belongs to `run`, not to `artist`"),
        (("unset", "run", "--artist", "Nova Vale"), "'--artist': belongs to `artist`, not to `run`"),
        (("set", "month", "5"), "'month'"),
        (("--artist", "Nova Vale", "set", "day", "5"), "unexpected extra argument"),
    ],
    ids=" ".join,
)
async def test_what_does_not_fit_together_is_refused_before_anybody_is_asked(
    platform: FakePlatform, arguments: tuple[str, ...], named: str
):
    done = await invoke("budget", *arguments, env=platform.environment)
    assert (done.code, done.stdout) == (2, "")
    assert named in done.stderr
    assert not platform.artist_db.requests
