"""A distributor's SFTP server: a batch that is complete when it is whole, and only then."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import asyncssh
import pytest
from pydantic import SecretStr

from services.chassis.errors import StorageError, WrongState
from services.release.errors import TargetUnavailable
from services.release.targets.batch import Parties
from services.release.targets.sftp import SftpTarget
from services.release.targets.target import Action, Outcome
from tests.support.fake_sftp import PASSWORD, ROOT, FakeSftp
from tests.support.packages import AUDIO, BATCH, UPC, VIDEO, Kept, contents, kept_package, quiet

PARTIES = Parties("PADPIDA2014120301X", "Night & Shift", "PADPIDA2007050901U", "Store <1>")
COMPLETION = f"{BATCH}/BatchComplete_{BATCH}.xml"
FOLDER = f"{BATCH}/{UPC}"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[FakeSftp]:
    async with FakeSftp.serving(tmp_path / "server") as fake:
        yield fake


@pytest.fixture
async def kept(tmp_path: Path) -> Kept:
    return await kept_package(tmp_path)


def target(server: FakeSftp, *, parties: Parties = PARTIES, **access: Any) -> SftpTarget:
    return SftpTarget(server.access(**access), ROOT, parties)


async def publish(chosen: SftpTarget, kept: Kept, *, delivered: bool = False) -> Outcome:
    return await chosen.publish(kept.package, chosen.location(kept.release), quiet, delivered=delivered)


def whole(server: FakeSftp, kept: Kept) -> bool:
    """Whether exactly the batch stands there, every byte right, its completion file last of all."""
    there = server.files()
    return (
        there.keys()
        == {
            COMPLETION,
            f"{FOLDER}/{UPC}.xml",
            f"{FOLDER}/resources/cover.jpg",
            f"{FOLDER}/resources/{Path(AUDIO).name}",
            f"{FOLDER}/resources/{Path(VIDEO).name}",
        }
        and there[f"{FOLDER}/resources/{Path(AUDIO).name}"] == kept.files[AUDIO]
        and there[f"{FOLDER}/resources/{Path(VIDEO).name}"] == kept.files[VIDEO]
        and there[f"{FOLDER}/resources/cover.jpg"] == kept.files["artwork/cover.jpg"]
        and server.renamed[-1] == Path(COMPLETION).name
    )


async def test_a_release_is_delivered_as_a_batch_and_found_by_a_repeat(server: FakeSftp, kept: Kept) -> None:
    outcome = await publish(target(server), kept)

    assert (outcome.action, outcome.detail) == (Action.PUBLISHED, "")
    assert outcome.location == f"sftp://127.0.0.1:{server.port}{ROOT}/{FOLDER}"
    assert whole(server, kept)
    again = await publish(target(server), kept)
    assert (again.action, again.location) == (Action.FOUND, outcome.location)


async def test_the_message_names_the_files_where_they_are(server: FakeSftp, kept: Kept) -> None:
    await publish(target(server), kept)

    message = ElementTree.fromstring(server.files()[f"{FOLDER}/{UPC}.xml"])
    uris = [element.text or "" for element in message.iter("URI")]
    assert len(uris) == 3
    assert all((server.incoming / FOLDER / uri).is_file() for uri in uris)
    assert all(uri.startswith("resources/") for uri in uris)


async def test_the_completion_file_is_a_manifest_of_the_batch(server: FakeSftp, kept: Kept) -> None:
    await publish(target(server), kept)

    manifest = ElementTree.fromstring(server.files()[COMPLETION])
    texts = {element.tag: element.text for element in manifest.iter()}
    assert manifest.tag == "{http://ddex.net/xml/ern-c-sftp/16}ManifestMessage"
    assert [e.text for e in manifest.iter("PartyId")] == [PARTIES.sender, PARTIES.recipient]
    assert [e.text for e in manifest.iter("FullName")] == [PARTIES.sender_name, PARTIES.recipient_name]
    assert (texts["MessageId"], texts["URL"], texts["ICPN"]) == ("msg-1", f"./{UPC}/{UPC}.xml", UPC)
    assert (texts["RootDirectory"], texts["NumberOfMessages"]) == (BATCH, "1")


async def test_without_identifiers_the_completion_file_is_empty(server: FakeSftp, kept: Kept) -> None:
    nameless = Parties("", "Night Shift", "", "Store")
    await publish(target(server, parties=nameless), kept)
    assert server.files()[COMPLETION] == b""


@pytest.mark.parametrize("extensions", ["with extensions", "without"])
@pytest.mark.parametrize(
    "cut_after", [0, 1, 700, 4_096, 32_768, 100_001, 1_048_576, 1_048_577, 2_500_000, 3_000_300, 3_043_000]
)
async def test_an_upload_that_is_cut_at_any_byte_goes_on_and_ends_whole(
    server: FakeSftp, kept: Kept, cut_after: int, extensions: str
) -> None:
    plain = extensions == "without"
    server.fail(cut_after_bytes=cut_after, no_extensions=plain)
    with pytest.raises(TargetUnavailable):
        await publish(target(server), kept)
    assert server.complete() == []
    server.fail(no_extensions=plain)

    assert (await publish(target(server), kept)).action is Action.PUBLISHED

    assert whole(server, kept)
    # What was there and right was not sent again, but for what came out of order: 128 blocks of 16 KiB.
    assert server.faults.written <= 3_050_000 - cut_after + 2 * 1_048_576


async def test_an_upload_that_is_cut_again_and_again_ends_whole(server: FakeSftp, kept: Kept) -> None:
    tries = 0
    while server.complete() == []:
        server.fail(cut_after_bytes=700_001)
        tries += 1
        try:
            await publish(target(server), kept)
        except TargetUnavailable:
            assert tries < 20
    assert tries > 2
    assert whole(server, kept)


async def test_what_was_changed_on_the_server_is_mended_and_not_complete_meanwhile(
    server: FakeSftp, kept: Kept
) -> None:
    await publish(target(server), kept)
    damaged = server.incoming / FOLDER / "resources" / Path(AUDIO).name
    damaged.write_bytes(b"x" + damaged.read_bytes()[1:])
    server.fail(deny={"write"})
    with pytest.raises(TargetUnavailable):
        await publish(target(server), kept)
    assert server.complete() == []
    server.fail()

    assert (await publish(target(server), kept)).action is Action.PUBLISHED
    assert whole(server, kept)


async def test_other_bytes_than_were_sent_are_found_and_never_complete(server: FakeSftp, kept: Kept) -> None:
    server.fail(flip_a_byte=True)
    with pytest.raises(TargetUnavailable, match="other bytes came back"):
        await publish(target(server), kept)
    assert server.complete() == []
    server.fail()
    await publish(target(server), kept)
    assert whole(server, kept)


async def test_a_batch_that_the_distributor_took_is_not_delivered_twice(server: FakeSftp, kept: Kept) -> None:
    await publish(target(server), kept)
    (server.incoming / COMPLETION).unlink()

    outcome = await publish(target(server), kept, delivered=True)

    assert outcome.action is Action.FOUND
    assert "has taken it" in outcome.detail
    assert server.complete() == []


@pytest.mark.parametrize("no_extensions", [False, True])
@pytest.mark.parametrize("tries", [1, 2])
async def test_a_batch_whose_mending_was_cut_off_is_not_taken_for_one_that_was_taken(
    server: FakeSftp, kept: Kept, tries: int, no_extensions: bool
) -> None:
    await publish(target(server), kept)
    damaged = server.incoming / FOLDER / "resources" / Path(AUDIO).name
    damaged.write_bytes(b"x" + damaged.read_bytes()[1:])
    for _ in range(tries):
        server.fail(deny={"write"}, no_extensions=no_extensions)
        with pytest.raises(TargetUnavailable):
            await publish(target(server), kept, delivered=True)
    assert server.complete() == []
    server.fail(no_extensions=no_extensions)
    plan = await target(server).plan(kept.package, target(server).location(kept.release), delivered=True)
    assert plan.action is Action.WOULD_PUBLISH

    assert (await publish(target(server), kept, delivered=True)).action is Action.PUBLISHED
    assert whole(server, kept)


async def test_another_release_of_the_same_moment_gets_a_batch_of_its_own(
    server: FakeSftp, kept: Kept
) -> None:
    rival = server.incoming / BATCH / "somebody else"
    rival.mkdir(parents=True)

    outcome = await publish(target(server), kept)

    assert f"/{int(BATCH) + 1}/" in outcome.location
    assert (await publish(target(server), kept)).location == outcome.location
    assert list(rival.iterdir()) == []


async def test_a_full_server_is_a_storage_error_and_the_next_try_is_whole(
    server: FakeSftp, kept: Kept
) -> None:
    server.fail(full_after_bytes=1_500_000)
    with pytest.raises(StorageError, match="make room") as caught:
        await publish(target(server), kept)
    assert caught.value.metadata == {"cause": "no space left on the sftp server"}
    assert server.complete() == []
    server.fail()
    await publish(target(server), kept)
    assert whole(server, kept)


@pytest.mark.parametrize("operation", ["write", "rename", "mkdir"])
async def test_what_the_server_forbids_is_said_and_nothing_is_complete(
    server: FakeSftp, kept: Kept, operation: str
) -> None:
    server.fail(deny={operation})
    with pytest.raises(TargetUnavailable, match="permission denied") as caught:
        await publish(target(server), kept)
    assert caught.value.metadata["target"] == "sftp"
    assert server.complete() == []


async def test_a_server_that_stalls_is_given_up(server: FakeSftp, kept: Kept) -> None:
    server.fail(hang_on_write=True)
    with pytest.raises(TargetUnavailable, match="does not answer in time"):
        await publish(target(server, stall_s=0.3), kept)


async def test_a_private_key_lets_in_too(server: FakeSftp, kept: Kept, tmp_path: Path) -> None:
    server.user_key.write_private_key(tmp_path / "key")
    await publish(target(server, password=None, key=tmp_path / "key"), kept)
    assert set(server.logins) == {"key"}
    assert whole(server, kept)


async def test_a_wrong_password_names_the_settings_and_never_the_password(
    server: FakeSftp, kept: Kept
) -> None:
    with pytest.raises(TargetUnavailable, match="AIARTIST_RELEASE_SFTP_PASSWORD") as caught:
        await publish(target(server, password=SecretStr(f"{PASSWORD}!")), kept)
    assert PASSWORD not in str(caught.value)
    assert server.files() == {}


@pytest.mark.parametrize("known", ["nothing", "another key"])
async def test_an_unknown_host_is_not_trusted_and_the_remedy_is_told(
    server: FakeSftp, kept: Kept, known: str
) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    line = f"[127.0.0.1]:{server.port} {other}" if known == "another key" else ""
    server.known_hosts.write_text(line)
    with pytest.raises(TargetUnavailable, match="not a known one") as caught:
        await publish(target(server), kept)
    assert f"ssh-keyscan -p {server.port} 127.0.0.1" in str(caught.value)
    assert str(server.known_hosts) in str(caught.value)
    assert server.logins == []


async def test_files_that_are_not_there_are_named_by_their_settings(
    server: FakeSftp, kept: Kept, tmp_path: Path
) -> None:
    with pytest.raises(TargetUnavailable, match="AIARTIST_RELEASE_SFTP_KNOWN_HOSTS"):
        await publish(target(server, known_hosts=tmp_path / "none"), kept)
    with pytest.raises(TargetUnavailable, match="AIARTIST_RELEASE_SFTP_KEY"):
        await publish(target(server, key=tmp_path / "none"), kept)
    (tmp_path / "no-key").write_text("not a key")
    with pytest.raises(TargetUnavailable, match="is no private key"):
        await publish(target(server, key=tmp_path / "no-key"), kept)


async def test_nobody_at_the_port_is_unavailable(server: FakeSftp, kept: Kept) -> None:
    with pytest.raises(TargetUnavailable, match="refused"):
        await publish(target(server, port=1), kept)


async def test_a_folder_that_the_server_lacks_is_not_made(server: FakeSftp, kept: Kept) -> None:
    lost = SftpTarget(server.access(), "/elsewhere", PARTIES)
    with pytest.raises(TargetUnavailable, match="AIARTIST_RELEASE_SFTP_URL"):
        await publish(lost, kept)
    assert not (server.folder / "elsewhere").exists()


async def test_a_package_without_a_message_is_no_delivery(server: FakeSftp, tmp_path: Path) -> None:
    files = {path: data for path, data in contents("old").items() if not path.startswith("ddex/")}
    old = await kept_package(tmp_path, "old", files)
    with pytest.raises(WrongState, match="without a DDEX message"):
        await publish(target(server), old)


async def test_a_plan_says_what_would_go_and_changes_nothing(server: FakeSftp, kept: Kept) -> None:
    chosen = target(server)
    place = chosen.location(kept.release)
    planned = await chosen.plan(kept.package, place, delivered=False)
    assert planned.action is Action.WOULD_PUBLISH
    assert planned.detail.startswith("5 files, 3.0 MB")
    assert server.files() == {}
    server.fail(full_after_bytes=0)
    full = await chosen.plan(kept.package, place, delivered=False)
    assert (full.action, full.detail) == (Action.ABSENT, "no space: 3.0 MB are needed and 0.0 MB are free")
    server.fail()
    await publish(chosen, kept)
    assert (await chosen.plan(kept.package, place, delivered=True)).action is Action.FOUND


async def test_a_take_down_removes_the_batch_and_says_what_is_left_to_do(
    server: FakeSftp, kept: Kept
) -> None:
    chosen = target(server)
    place = (await publish(chosen, kept)).location

    outcome = await chosen.take_down(kept.release, place)

    assert outcome.action is Action.TAKEN_DOWN
    assert f"ask the distributor to take {UPC} down" in outcome.detail
    assert list(server.incoming.iterdir()) == []
    again = await chosen.take_down(kept.release, place)
    assert again.action is Action.ABSENT
    assert UPC in again.detail
    assert (await publish(chosen, kept)).action is Action.PUBLISHED


async def test_an_interrupted_take_down_leaves_nothing_complete(server: FakeSftp, kept: Kept) -> None:
    chosen = target(server)
    place = (await publish(chosen, kept)).location
    server.fail(deny={"list"})
    with pytest.raises(TargetUnavailable):
        await chosen.take_down(kept.release, place)
    server.fail()
    assert (await chosen.take_down(kept.release, place)).action is Action.TAKEN_DOWN
    assert server.files() == {}


async def test_what_the_books_place_on_another_server_is_not_touched(server: FakeSftp, kept: Kept) -> None:
    chosen = target(server)
    with pytest.raises(WrongState, match="AIARTIST_RELEASE_SFTP_URL"):
        await chosen.publish(kept.package, "sftp://elsewhere/x/20260101000000000/1", quiet, delivered=True)
    with pytest.raises(WrongState, match="AIARTIST_RELEASE_SFTP_URL"):
        await chosen.take_down(kept.release, f"sftp://127.0.0.1:{server.port}{ROOT}/../{UPC}")
