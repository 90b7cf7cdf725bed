"""`aiartist message ...` against a server that keeps the contract."""

import json

import pytest

from aiartist.notifier.v1 import notifier_pb2 as notify
from services.chassis.ids import derived_id
from tests.support.command import invoke
from tests.support.fake_scheduler import NOON
from tests.support.fake_services import FakePlatform

SENT, WAITING, FAILED = (
    notify.Delivery.STATE_SENT,
    notify.Delivery.STATE_WAITING,
    notify.Delivery.STATE_FAILED,
)


def rows(stdout: str) -> list[str]:
    """A table's rows below its head, with single spaces."""
    return [" ".join(line.split()) for line in stdout.splitlines()[2:]]


async def test_messages_are_listed_newest_first_with_what_became_of_them_in_each_chat(platform: FakePlatform):
    platform.notifier.add(
        "Neon Rain is out",
        notify.Delivery(chat="-1001234567890", state=SENT, attempts=1),
        notify.Delivery(chat="42", state=FAILED, attempts=3, error="bot was blocked by the user"),
    )
    platform.notifier.add(
        "Release it?",
        notify.Delivery(chat="42", state=WAITING),
        kind=notify.Message.KIND_APPROVAL,
    )
    done = await invoke("message", "list", env=platform.environment)
    assert done.code == 0
    found = [row.split(maxsplit=2)[2] for row in rows(done.stdout)[:2]]
    assert found == ["approval Release it? 42 waiting", "notice Neon Rain is out -1001234567890 sent"]
    assert rows(done.stdout)[2:] == ["42 failed bot was blocked by the user"]
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


async def test_on_the_console_a_message_is_sent_or_waits(platform: FakePlatform):
    platform.notifier.add("first").delivered_at.seconds = NOON
    platform.notifier.add("second")
    done = await invoke("message", "list", env=platform.environment)
    second, first = rows(done.stdout)
    assert second.endswith("second waiting")
    assert " first console sent on 2026-03-01 " in first


async def test_a_long_trouble_is_told_whole(platform: FakePlatform):
    error = " ".join(f"reason{number}" for number in range(20))
    platform.notifier.add("N" * 90, notify.Delivery(chat="-1001234567890", state=FAILED, error=error))
    done = await invoke("message", "list", env=platform.environment)
    assert all(f"reason{number}" in done.stdout for number in range(20))
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


async def test_what_people_were_told_cannot_command_the_terminal(platform: FakePlatform):
    platform.notifier.add("\x1b[2Jgone", notify.Delivery(chat="1", state=FAILED, error="\x1b]0;owned\x07"))
    done = await invoke("message", "list", env=platform.environment)
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout


async def test_messages_may_be_about_one_run_only(platform: FakePlatform):
    run = platform.scheduler.add("one")
    platform.notifier.add("about it", run_id=run.id)
    platform.notifier.add("about another", run_id=derived_id("run", "two"))
    done = await invoke("message", "list", "--run", run.id[:12], "--json", env=platform.environment)
    assert [message["title"] for message in json.loads(done.stdout)["messages"]] == ["about it"]


async def test_no_messages_are_a_sentence_and_for_scripts_an_empty_list(platform: FakePlatform):
    done = await invoke("message", "list", env=platform.environment)
    assert (done.code, done.stdout) == (0, "no messages\n")
    done = await invoke("message", "list", "--json", env=platform.environment)
    assert json.loads(done.stdout)["messages"] == []


@pytest.mark.parametrize(
    ("options", "severity"),
    [
        ((), notify.SEVERITY_INFO),
        (("--severity", "warning"), notify.SEVERITY_WARNING),
        (("--severity", "error"), notify.SEVERITY_ERROR),
    ],
    ids=["default", "warning", "error"],
)
async def test_a_message_is_sent(
    platform: FakePlatform, options: tuple[str, ...], severity: notify.Severity.ValueType
):
    artist = platform.artist_db.add("Nova Vale")
    run = platform.scheduler.add("one")
    about = ("--artist", "Nova Vale", "--run", run.id[:12], "--body", "at noon")
    done = await invoke("message", "send", "We move", *about, *options, env=platform.environment)
    (request,) = platform.notifier.requests
    (message,) = platform.notifier.messages
    assert (done.code, done.stdout) == (
        0,
        f"{message.id} is kept and goes out now; see: aiartist message list\n",
    )
    assert (request.title, request.body, request.severity) == ("We move", "at noon", severity)
    assert (request.artist_id, request.run_id) == (artist.id, run.id)
    assert request.request_id


async def test_a_message_that_is_refused_says_why(platform: FakePlatform):
    done = await invoke("message", "send", "x" * 300, env=platform.environment)
    assert (done.code, done.stderr) == (2, "aiartist: title: must have at most 200 characters\n")


async def test_a_sent_message_for_scripts_is_the_answer_as_json(platform: FakePlatform):
    done = await invoke("message", "send", "We move", "--json", env=platform.environment)
    assert json.loads(done.stdout) == {"message_id": platform.notifier.messages[0].id}
