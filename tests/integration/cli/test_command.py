"""The command as a whole: help, version, settings, errors and exit statuses."""

import asyncio
import json
import socket
import sys
from pathlib import Path

import pytest

from tests.support.command import end_of, environment, invoke, run_command, start_command
from tests.support.fake_services import FakePlatform

COMMANDS = {
    (): [
        *("status", "doctor", "serve", "demo", "migrate"),
        *("artist", "run", "release", "error", "llm", "budget", "message"),
    ],
    ("artist",): [
        *("add", "list", "show", "autopilot", "silence"),
        *("pause", "resume", "retire"),
        *("accept", "decline", "move", "moves", "undo"),
        *("history", "restore"),
        *("evolve", "changes", "agree", "refuse"),
    ],
    ("run",): [
        *("start", "list", "show", "watch"),
        *("approve", "reject", "regenerate", "ask", "cancel", "retry"),
    ],
    ("release",): ["list", "show", "verify"],
    ("error",): ["list", "show"],
    ("llm",): ["status", "ask"],
    ("budget",): ["show", "set", "unset"],
    ("message",): ["list", "send"],
}


def unused_address() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("group", COMMANDS, ids=" ".join)
async def test_help_names_every_command_in_a_line(group: tuple[str, ...]):
    done = await invoke(*group, "--help")
    names = [
        line.split()[0] for line in done.stdout.partition("Commands:\n")[2].splitlines() if line[2:3].strip()
    ]
    assert [name for name in names if name in COMMANDS[group]] == COMMANDS[group]
    assert done.code == 0


@pytest.mark.parametrize(
    "command", [(*group, name) for group, names in COMMANDS.items() for name in names], ids=" ".join
)
async def test_every_command_has_help_of_its_own(command: tuple[str, ...]):
    done = await invoke(*command, "--help")
    assert done.code == 0
    first = done.stdout.splitlines()[2].strip()
    assert first
    assert first[0].isupper()
    if command not in COMMANDS:
        assert "Example: " in done.stdout


async def test_the_version_is_one_line():
    done = await run_command("--version")
    assert done.code == 0
    assert done.stdout.startswith("aiartist ")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [("nope",), ("run", "nope"), ("run", "show"), ("run", "list", "--limit", "x")]
)
async def test_bad_usage_is_exit_2_on_standard_error(arguments: tuple[str, ...]):
    done = await invoke(*arguments)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr


@pytest.mark.parametrize("place", range(4))
async def test_json_may_stand_anywhere(platform: FakePlatform, place: int):
    arguments = ["artist", "show", "Nova Vale"]
    platform.artist_db.add("Nova Vale")
    arguments.insert(place, "--json")
    done = await invoke(*arguments, env=platform.environment)
    assert json.loads(done.stdout)["persona"]["name"] == "Nova Vale"


async def test_after_two_dashes_nothing_is_an_option(platform: FakePlatform):
    done = await invoke("artist", "show", "--", "--json", env=platform.environment)
    assert "there is no artist '--json'" in done.stderr


async def test_a_platform_that_is_down_is_exit_3_and_one_line():
    address = unused_address()
    done = await run_command("run", "list", env={"AIARTIST_SCHEDULER_ADDR": address})
    assert (done.code, done.stdout) == (3, "")
    assert done.stderr == (
        f"aiartist: cannot reach scheduler at {address}: is the platform up? start it with: make up\n"
    )


async def test_a_service_that_does_not_answer_is_exit_3():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        env = {"AIARTIST_ARTIST_DB_ADDR": address, "AIARTIST_CALL_TIMEOUT_S": "0.3"}
        done = await invoke("artist", "list", env=env)
    assert done.code == 3
    assert done.stderr.startswith("aiartist: ")


async def test_wrong_settings_are_named_and_exit_2():
    env = {"AIARTIST_SCHEDULER_ADDR": "nowhere", "AIARTIST_CALL_TIMEOUT_S": "soon"}
    done = await run_command("run", "list", env=env)
    assert done.code == 2
    assert "AIARTIST_SCHEDULER_ADDR: must be host:port, for example 127.0.0.1:50051" in done.stderr
    assert "AIARTIST_CALL_TIMEOUT_S: " in done.stderr


async def test_a_certificate_that_is_not_there_is_one_line():
    done = await invoke("run", "list", env={"AIARTIST_TLS_CA": "/nowhere/ca.pem"})
    assert done.code == 1
    assert (
        done.stderr == "aiartist: AIARTIST_TLS_CA: cannot read /nowhere/ca.pem: No such file or directory\n"
    )


async def test_the_token_goes_with_every_call(platform: FakePlatform):
    platform.artist_db.add("Nova Vale")
    seen: list[str] = []
    get_artist = platform.artist_db.GetArtist

    async def spying(request, context):  # type: ignore[no-untyped-def]
        seen.extend(str(value) for key, value in context.invocation_metadata() if key == "authorization")
        return await get_artist(request, context)

    platform.artist_db.GetArtist = spying  # type: ignore[method-assign]
    await platform.stop()
    await platform.start()
    await invoke("artist", "show", "Nova Vale", env={**platform.environment, "AIARTIST_TOKEN": "t0ken"})
    assert seen == ["Bearer t0ken"]


async def test_a_reader_that_leaves_early_causes_no_noise(platform: FakePlatform):
    for number in range(2_000):
        platform.scheduler.add(f"run {number}", title="Neon Rain")
    process = await start_command("run", "list", "--limit", "2000", "--json", env=platform.environment)
    assert process.stdout is not None
    await process.stdout.readline()
    # Closes our end of the pipe while the command still writes.
    process.stdout._transport.close()  # type: ignore[attr-defined]
    done = await end_of(process)
    assert done.stderr == ""
    assert done.code != 0


async def test_an_unknown_target_of_serve_is_bad_input():
    done = await invoke("serve", "--target", "everything")
    assert done.code == 2
    assert "there is no target 'everything'; there are all, " in done.stderr


async def test_demo_refuses_a_broken_file_before_it_starts_anything(tmp_path: Path):
    path = tmp_path / "artist.yaml"
    path.write_text("nam: x\n")
    done = await invoke("demo", "--artist", str(path))
    assert done.code == 2
    assert f"{path}:1: nam: is not a field; did you mean name?" in done.stderr


async def test_migrate_brings_a_database_up_to_date_once(empty_database_url: str):
    env = {"AIARTIST_DATABASE_URL": empty_database_url}
    first = await invoke("migrate", env=env)
    assert first.code == 0
    assert "applied notifier: 0001_messages" in first.stdout.splitlines()
    again = await invoke("migrate", env=env)
    assert again.stdout == "the database is up to date\n"


async def test_migrate_without_a_database_says_which_setting_is_missing():
    done = await invoke("migrate")
    assert done.code == 1
    assert done.stderr.startswith("aiartist: AIARTIST_DATABASE_URL is not set")


async def test_the_operators_commands_load_no_service(platform: FakePlatform):
    code = (
        "import sys; sys.argv = ['aiartist', 'run', 'list']\n"
        "from cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "loaded = [name for name in sys.modules if name.startswith('services.')]\n"
        "print([name for name in loaded if not name.startswith('services.chassis')])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=environment(**platform.environment), stdout=asyncio.subprocess.PIPE
    )
    stdout, _ = await process.communicate()
    assert stdout.decode().splitlines()[-1] == "[]"
