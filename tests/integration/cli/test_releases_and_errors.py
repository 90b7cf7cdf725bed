"""`aiartist release ...` and `aiartist error ...` against a server that keeps the contract."""

import json
from pathlib import Path
from typing import Any

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1.decision_pb2 import VERDICT_AUTOPILOT_APPROVED
from aiartist.release.v1.release_pb2 import PackageProblem
from services.chassis.ids import derived_id
from tests.support.command import invoke, run_command
from tests.support.fake_scheduler import NOON
from tests.support.fake_services import FakePlatform

FINGERPRINT = "3f2a9c0d" * 4


def a_release(platform: FakePlatform, name: str = "one", **fields: Any) -> db.StoredRelease:
    release = db.StoredRelease(id=derived_id("rel", name), title="Neon Rain", **fields)
    release.created_at.seconds = NOON
    release.decision.verdict = VERDICT_AUTOPILOT_APPROVED
    release.decision.decided_by = "autopilot"
    release.files.add(path="audio/neon-rain.flac", media_type="audio/flac", size_bytes=12_345_678)
    release.publications.add(target="folder", location="label/neon-rain")
    platform.artist_db.releases.append(release)
    return release


def an_error(platform: FakePlatform, fingerprint: str = FINGERPRINT) -> db.ErrorGroup:
    group = db.ErrorGroup(
        fingerprint=fingerprint,
        title="asyncpg.exceptions.UniqueViolationError",
        culprit="services.scheduler.store.Store.save_a_run_with_everything",
        count=12,
        services=["scheduler"],
        status="new",
    )
    group.first_seen.seconds = group.last_seen.seconds = NOON
    group.samples.add(
        service="scheduler",
        message="stage failed",
        text="services.scheduler.store.save:12\nUniqueViolationError: duplicate key",
        context={"run_id": "run_1"},
    )
    platform.artist_db.groups.append(group)
    return group


async def test_releases_are_listed_with_where_they_are(platform: FakePlatform):
    artist = platform.artist_db.add("Nova Vale")
    release = a_release(platform, artist_id=artist.id)
    done = await invoke("release", "list", env=platform.environment)
    row = done.stdout.splitlines()[2]
    assert row.startswith(release.id)
    assert all(word in row for word in ("Neon Rain", "Nova Vale", "folder"))
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


async def test_a_release_is_shown_by_the_beginning_of_its_id(platform: FakePlatform):
    release = a_release(platform, isrc="QZABC2600001", upc="614141000012", explicit=True)
    done = await invoke("release", "show", release.id[:10], env=platform.environment)
    assert "folder: label/neon-rain" in done.stdout.splitlines()
    assert "autopilot approved by autopilot" in done.stdout
    assert "12,345,678" in done.stdout
    assert all(word in done.stdout for word in ("QZABC2600001", "614141000012", "explicit"))


async def test_a_release_by_id_is_verified_by_its_service(platform: FakePlatform):
    release = a_release(platform)
    done = await invoke("release", "verify", release.id, env=platform.environment)
    assert (done.code, done.stdout) == (0, f"whole: 6 files at releases/{release.id}\n")


async def test_the_problems_that_the_service_finds_are_lines_and_exit_1(platform: FakePlatform):
    platform.release.problems.append(PackageProblem(path="audio/x.flac", message="is cut off"))
    done = await invoke("release", "verify", a_release(platform).id, env=platform.environment)
    assert (done.code, done.stdout) == (1, "audio/x.flac: is cut off\n")


async def test_a_folder_that_is_no_package_has_problems_without_any_service(tmp_path: Path):
    (tmp_path / "stray.txt").write_text("x")
    done = await run_command("release", "verify", str(tmp_path))
    assert done.code == 1
    assert "manifest.json: " in done.stdout
    assert done.stderr == ""


async def test_problems_of_a_folder_for_scripts(tmp_path: Path):
    (tmp_path / "stray.txt").write_text("x")
    done = await invoke("release", "verify", str(tmp_path), "--json")
    document = json.loads(done.stdout)
    assert done.code == 1
    assert "manifest.json" in [problem["path"] for problem in document["problems"]]


async def test_a_path_that_is_not_there_is_bad_input(tmp_path: Path):
    done = await invoke("release", "verify", str(tmp_path / "none"))
    assert done.code == 2
    assert "there is no such package folder" in done.stderr


async def test_errors_are_listed_with_what_where_and_how_often(platform: FakePlatform):
    an_error(platform)
    done = await invoke("error", "list", env=platform.environment)
    row = done.stdout.splitlines()[2]
    assert row.startswith(FINGERPRINT[:12])
    assert "…" in row
    assert "save_a_run_with_everything" in row
    assert " 12 " in row
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


@pytest.mark.parametrize("given", [FINGERPRINT, FINGERPRINT[:6]])
async def test_an_error_is_shown_with_its_occurrences(platform: FakePlatform, given: str):
    an_error(platform)
    done = await invoke("error", "show", given, env=platform.environment)
    assert "  UniqueViolationError: duplicate key" in done.stdout.splitlines()
    assert "  run_id=run_1" in done.stdout.splitlines()
    assert FINGERPRINT in done.stdout


async def test_an_error_for_scripts_is_the_proto_as_json(platform: FakePlatform):
    an_error(platform)
    done = await invoke("error", "show", FINGERPRINT, "--json", env=platform.environment)
    assert json.loads(done.stdout)["samples"][0]["context"] == {"run_id": "run_1"}


async def test_errors_of_one_service_only(platform: FakePlatform):
    an_error(platform)
    done = await invoke("error", "list", "--service", "release", env=platform.environment)
    assert done.stdout == "no errors\n"


async def test_an_unknown_error_is_not_found(platform: FakePlatform):
    done = await invoke("error", "show", "0" * 32, env=platform.environment)
    assert done.code == 1
    assert "see which there are: aiartist error list" in done.stderr
