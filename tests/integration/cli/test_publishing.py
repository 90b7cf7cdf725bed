"""`aiartist release publish` and `take-down` against a server that keeps the contract."""

import json
from typing import Any

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.release.v1.release_pb2 import TargetOutcome
from services.chassis.ids import derived_id
from tests.support.command import invoke
from tests.support.fake_scheduler import NOON
from tests.support.fake_services import FakePlatform


@pytest.fixture
def release(platform: FakePlatform) -> db.StoredRelease:
    kept = db.StoredRelease(id=derived_id("rel", "one"), title="Neon Rain")
    platform.artist_db.releases.append(kept)
    return kept


def outcome(platform: FakePlatform, target: str, action: str, detail: str = "") -> None:
    platform.release.outcomes.append(
        TargetOutcome(
            target=target,
            location=f"{target}://x",
            action=TargetOutcome.Action.Value(f"ACTION_{action}"),
            detail=detail,
        )
    )


async def test_a_release_is_published_and_every_target_told(
    platform: FakePlatform, release: db.StoredRelease
) -> None:
    outcome(platform, "folder", "FOUND")
    outcome(platform, "s3", "PUBLISHED")
    done = await invoke("release", "publish", release.id[:12], env=platform.environment)
    assert (done.code, done.stdout) == (0, "folder: found at folder://x\ns3: published at s3://x\n")
    assert done.stderr == "s3: uploading\n"
    (request,) = platform.release.requests
    assert (request.release_id, list(request.targets), request.dry_run) == (release.id, [], False)
    assert request.request_id


async def test_a_dry_run_of_some_targets_says_what_stands_in_the_way(
    platform: FakePlatform, release: db.StoredRelease
) -> None:
    outcome(platform, "s3", "WOULD_PUBLISH", "8 files, 31.2 MB")
    outcome(platform, "sftp", "ABSENT", "no space\x1b[2J")
    arguments = ("--target", "s3", "--target", "sftp", "--dry-run")
    done = await invoke("release", "publish", release.id, *arguments, env=platform.environment)
    assert done.code == 1
    assert done.stdout.splitlines()[:3] == [
        "s3: would publish at s3://x",
        "  8 files, 31.2 MB",
        "sftp: absent at sftp://x",
    ]
    assert "\x1b" not in done.stdout
    (request,) = platform.release.requests
    assert (list(request.targets), request.dry_run) == (["s3", "sftp"], True)


async def test_a_publication_for_scripts(platform: FakePlatform, release: db.StoredRelease) -> None:
    outcome(platform, "folder", "PUBLISHED")
    done = await invoke("release", "publish", release.id, "--json", env=platform.environment)
    assert [t["action"] for t in json.loads(done.stdout)["targets"]] == ["ACTION_PUBLISHED"]


@pytest.mark.parametrize(("answer", "agreed"), [("y\n", True), ("n\n", False), ("", False)])
async def test_taking_down_asks_first(
    platform: FakePlatform, release: db.StoredRelease, answer: str, agreed: bool
) -> None:
    outcome(platform, "folder", "TAKEN_DOWN")
    done = await invoke(
        "release", "take-down", release.id, "--reason", "a sample", env=platform.environment, stdin=answer
    )
    assert f"Take {release.id} down" in done.stderr
    assert done.code == (0 if agreed else 1)
    assert [request.reason for request in platform.release.requests] == (["a sample"] if agreed else [])
    assert done.stdout == ("folder: taken down at folder://x\n" if agreed else "")


async def test_taking_down_with_yes_asks_nobody(platform: FakePlatform, release: db.StoredRelease) -> None:
    arguments = ("--reason", "a sample", "--target", "s3", "--yes", "--json")
    done = await invoke("release", "take-down", release.id, *arguments, env=platform.environment)
    assert done.code == 0
    assert "down?" not in done.stderr
    assert [list(request.targets) for request in platform.release.requests] == [["s3"]]


async def test_taking_down_needs_a_reason(platform: FakePlatform, release: db.StoredRelease) -> None:
    done = await invoke("release", "take-down", release.id, "--yes", env=platform.environment)
    assert done.code == 2
    assert platform.release.requests == []


async def test_what_was_taken_down_is_shown_so_and_not_listed_as_published(
    platform: FakePlatform, release: db.StoredRelease
) -> None:
    release.publications.add(target="folder", location="/catalog/one")
    gone: Any = release.publications.add(target="s3", location="s3://x/one", take_down_reason="a sample")
    gone.taken_down_at.seconds = NOON
    shown = await invoke("release", "show", release.id, env=platform.environment)
    assert "folder: /catalog/one" in shown.stdout.splitlines()
    assert "s3: s3://x/one (taken down" in shown.stdout
    assert "a sample" in shown.stdout
    listed = await invoke("release", "list", env=platform.environment)
    assert listed.stdout.splitlines()[2].split()[-1] == "folder"
