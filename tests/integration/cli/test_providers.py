"""`aiartist provider list`, and what doctor says about music providers."""

import json
import time

import pytest

from aiartist.release.v1.release_pb2 import MusicProvider
from cli.checks import Check
from tests.support.command import invoke
from tests.support.fake_music import FakeAceStep, FakeMusic, FakeSuno
from tests.support.fake_services import FakePlatform


def three(platform: FakePlatform) -> None:
    suno = MusicProvider(
        name="suno",
        configured=True,
        breaker="open",
        failures=2,
        takes=1_200,
        detail="no_credit: HTTP 402\x1b[31m",
        address="https://api.example.com",
    )
    suno.retry_at.FromSeconds(int(time.time()) + 600)
    builtin = MusicProvider(name="builtin", configured=True, breaker="closed")
    platform.release.music_providers = [suno, builtin, MusicProvider(name="acestep", detail="set it up")]


async def test_providers_are_listed_with_what_keeps_them_away(platform: FakePlatform):
    three(platform)
    done = await invoke("provider", "list", env=platform.environment)
    assert done.code == 0
    lines = done.stdout.splitlines()
    suno = next(line for line in lines if line.startswith("suno"))
    assert all(word in suno for word in ("open, tried again in", "1,200", "https://api.example.com"))
    assert "ready" in next(line for line in lines if line.startswith("builtin"))
    assert "left out: set it up" in next(line for line in lines if line.startswith("acestep"))
    assert "suno failed last with no_credit: HTTP 402" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, lines)) <= 100


async def test_scripts_get_the_answer_as_it_is(platform: FakePlatform):
    three(platform)
    done = await invoke("provider", "list", "--json", env=platform.environment)
    told = json.loads(done.stdout)["providers"]
    assert [provider["name"] for provider in told] == ["suno", "builtin", "acestep"]


async def doctor(**settings: str) -> list[Check]:
    """Doctor's lines about music providers."""
    done = await invoke("doctor", "--json", env={f"AIARTIST_{k}": v for k, v in settings.items()})
    assert FakeSuno.key not in done.stdout + done.stderr
    found = [Check(**check) for check in json.loads(done.stdout)["checks"]]
    return [check for check in found if check.name.startswith("music")]


async def test_by_default_there_is_one_provider_that_is_always_there():
    assert await doctor() == [Check("music provider builtin", "pass", "is always there")]


def settings_of(suno: FakeSuno, acestep: FakeAceStep) -> dict[str, str]:
    return {
        "MUSIC_PROVIDERS": "suno,acestep,builtin",
        "SUNO_URL": suno.url,
        "SUNO_API_KEY": FakeSuno.key,
        "ACESTEP_URL": acestep.url,
    }


async def test_each_remote_provider_is_asked_whether_it_would_work():
    async with FakeSuno() as suno, FakeAceStep() as acestep:
        checks = await doctor(**settings_of(suno, acestep))
        assert [check.status for check in checks] == ["pass"] * 3
        assert "credit left: 100" in checks[0].detail
        assert suno.calls == acestep.calls == []
        suno.credits, suno.key, acestep.key = 0, FakeSuno.key, "another"
        no_credit, no_key, _ = await doctor(**settings_of(suno, acestep))
        assert (no_credit.status, "no credit left" in no_credit.detail) == ("fail", True)
        assert (no_key.status, no_key.remedy) == ("fail", "correct AIARTIST_ACESTEP_API_KEY")
        suno.key = "another"
        assert (await doctor(**settings_of(suno, acestep)))[0].remedy == "correct AIARTIST_SUNO_API_KEY"


async def test_what_is_not_there_is_told_with_its_variable():
    async with FakeSuno() as suno, FakeAceStep() as acestep:
        settings = settings_of(suno, acestep)
    checks = await doctor(**settings)
    assert [check.status for check in checks] == ["fail", "fail", "pass"]
    assert "AIARTIST_SUNO_URL" in checks[0].remedy
    assert "AIARTIST_ACESTEP_URL" in checks[1].remedy


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"MUSIC_PROVIDERS": "suno"}, "set AIARTIST_SUNO_URL and AIARTIST_SUNO_API_KEY"),
        ({"MUSIC_PROVIDERS": "udio"}, "AIARTIST_MUSIC_PROVIDERS: Input should be 'builtin', 'acestep' or"),
        ({"ACESTEP_URL": "gpu.local"}, "AIARTIST_ACESTEP_URL: is no URL of a server; write it as"),
    ],
)
async def test_settings_that_the_service_would_refuse_are_told(settings: dict[str, str], told: str):
    (check,) = await doctor(**settings)
    assert (check.status, check.name) == ("fail", "music providers")
    assert told in check.detail


async def test_a_server_that_speaks_another_protocol_is_noticed():
    class Other(FakeMusic):
        def routes(self):  # type: ignore[no-untyped-def]
            return []

    async with Other() as other:
        checks = await doctor(
            MUSIC_PROVIDERS="suno,acestep",
            SUNO_URL=other.url,
            SUNO_API_KEY=FakeSuno.key,
            ACESTEP_URL=other.url,
        )
    assert [check.status for check in checks] == ["warn", "fail"]
