"""`aiartist status`: how the label stands, and what of it can be told where parts are down."""

import json

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from tests.support.command import invoke, run_command
from tests.support.fake_services import FakePlatform

DOWN = "127.0.0.1:1"


def told(stdout: str) -> dict[str, str]:
    """Name -> value of the lines of facts."""
    return dict(line.split(maxsplit=1) for line in stdout.splitlines() if "  " in line)


async def test_runs_budget_and_services_are_told(platform: FakePlatform):
    platform.scheduler.add("a", sched.RUN_STATE_COMPOSING)
    platform.scheduler.add("b", sched.RUN_STATE_RELEASED)
    platform.scheduler.add("c", sched.RUN_STATE_RELEASED)
    platform.artist_db.spent[db.BUDGET_SCOPE_DAY, ""] = 4_200_000
    platform.artist_db.held[db.BUDGET_SCOPE_DAY, ""] = 800_000
    done = await invoke("status", env=platform.environment)
    assert (done.code, done.stderr) == (0, "")
    assert told(done.stdout) == {
        "runs": "1 composing, 2 released (what is over: in the last 24 hours)",
        "places": "1 of 2 taken",
        "waiting": "nothing waits for a person",
        "today": "$4.20 of $20.00 spent, $0.80 held, $15.00 left",
        "services": "6 of 6 answer",
    }


async def test_a_label_without_runs_says_so(platform: FakePlatform):
    done = await invoke("status", env=platform.environment)
    assert told(done.stdout)["runs"] == "none under way, none in 24 hours"


async def test_since_when_people_are_waited_for_is_told_with_the_way_to_see_what_waits(
    platform: FakePlatform,
):
    platform.scheduler.add("a", sched.RUN_STATE_AWAITING_APPROVAL)
    done = await run_command("status", env=platform.environment)
    assert told(done.stdout)["runs"] == "1 awaiting approval"
    assert told(done.stdout)["waiting"].startswith("the oldest question since 2026-03-01 13:00:00, for ")
    assert done.stdout.splitlines()[-1] == "see what waits: aiartist run list --state awaiting_approval"
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


async def test_a_service_that_is_down_is_named_and_the_rest_is_told(platform: FakePlatform):
    environment = {**platform.environment, "AIARTIST_SCHEDULER_ADDR": DOWN}
    done = await invoke("status", env=environment)
    assert done.code == 1
    found = told(done.stdout)
    assert found["runs"].startswith(f"cannot reach scheduler at {DOWN}")
    assert found["today"].startswith("$0.00 of $20.00 spent")
    assert found["services"] == "5 of 6 answer"
    assert f"scheduler: no answer at {DOWN}; start it with: make up" in done.stdout


async def test_a_service_that_is_not_ready_does_not_answer(platform: FakePlatform):
    await platform.stop()
    await platform.start(ready=False)
    done = await invoke("status", env=platform.environment)
    assert done.code == 1
    assert told(done.stdout)["services"] == "0 of 6 answer"


async def test_a_status_for_scripts_is_one_document_whatever_is_down(platform: FakePlatform):
    platform.scheduler.add("a", sched.RUN_STATE_AWAITING_APPROVAL)
    done = await invoke("status", "--json", env=platform.environment)
    document = json.loads(done.stdout)
    assert document["work"]["runs"] == [{"state": "RUN_STATE_AWAITING_APPROVAL", "count": "1"}]
    assert document["work"]["waiting_since"] == "2026-03-01T12:00:00Z"
    assert [budget["scope"] for budget in document["budgets"]] == ["BUDGET_SCOPE_DAY"]
    assert {service["name"]: service["status"] for service in document["services"]}["notifier"] == "pass"
    down = dict.fromkeys(platform.environment, DOWN)
    done = await invoke("status", "--json", env=down)
    document = json.loads(done.stdout)
    assert (done.code, document["work"], document["budgets"]) == (1, None, None)
    assert {service["status"] for service in document["services"]} == {"fail"}
