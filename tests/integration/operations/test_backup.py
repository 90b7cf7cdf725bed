"""A label is backed up while it works, and what is restored goes on where it was."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1.decision_pb2 import VERDICT_APPROVED
from aiartist.notifier.v1 import notifier_pb2
from aiartist.scheduler.v1 import scheduler_pb2
from cli.migrate import SCHEMAS
from services.release.settings import Settings as ReleaseSettings
from tests.integration.artist_db.samples import model_call
from tests.support import media
from tests.support.backups import (
    OLDER,
    SERVER,
    Operator,
    RefusingServer,
    interrupting_psql,
    left_in,
    pausing_dump,
    programs_of,
    telling_psql,
)
from tests.support.postgres import TestServer, fresh_database
from tests.support.whole_label import WholeLabel, whole_label

CREATE = db.CreateArtistRequest(request_id="r-artist", persona=media.persona())


@pytest.fixture
def another_database_url(postgres: TestServer) -> Iterator[str]:
    with fresh_database(postgres, migrated=False) as url:
        yield url


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def isrcs(releases: list[db.StoredRelease]) -> list[str]:
    return [release.isrc for release in releases]


async def spent(label: WholeLabel) -> int:
    return int((await label.artists.GetSpend(db.GetSpendRequest())).total_cost_micro_usd)


async def spend(label: WholeLabel, run_id: str, cost_micro_usd: int) -> None:
    call = model_call(run_id, run_id=run_id, cost_micro_usd=cost_micro_usd)
    await label.artists.RecordModelCall(db.RecordModelCallRequest(call=call))


async def released(label: WholeLabel, artist_id: str, **fields: Any) -> str:
    run_id = await label.runs.start(artist_id, autopilot=True, **fields)
    await label.runs.until(run_id, "RELEASED")
    return run_id


async def test_a_label_restored_from_a_backup_made_while_it_worked_goes_on(
    database_url: str, another_database_url: str, data: Path, tmp_path: Path
) -> None:
    programs = pausing_dump(tmp_path / "programs")
    operator = Operator(database_url, data, programs)
    (tmp_path / ".env").write_text("AIARTIST_ISRC_PREFIX=QZABC\n")
    async with whole_label(database_url, data) as label:
        artist = (await label.artists.CreateArtist(CREATE)).artist
        first = await released(label, artist.id, request_id="r-first")
        waiting = await label.runs.waiting(artist.id)
        await spend(label, first, 700)
        backing = asyncio.create_task(operator.back_up(tmp_path / "backups", "--with", f"{tmp_path}/.env"))
        busy = asyncio.create_task(_keep_busy(label, artist.id))
        while not (programs / "dumped").exists():
            assert not backing.done(), backing.result()
            await asyncio.sleep(0.02)
        # After the rows were read, before a file is copied: the backup gets files that no row of it names.
        later = await released(label, artist.id)
        await spend(label, later, 5_000)
        (programs / "go_on").touch()
        backup = await backing
        busy.cancel()
        known = await label.stored_releases()
    assert later in {release.run_id for release in known}
    assert (backup / "config" / ".env").read_text() == "AIARTIST_ISRC_PREFIX=QZABC\n"

    elsewhere = Operator(another_database_url, tmp_path / "restored")
    ended = await elsewhere.run("restore.sh", backup)
    assert ended.status == 0, ended.complaint
    assert "stopped for good" in ended.output
    async with whole_label(another_database_url, tmp_path / "restored") as label:
        # What came after the rows were read is not there.
        before = await label.stored_releases()
        assert first in {release.run_id for release in before}
        assert later not in {release.run_id for release in before}
        assert await spent(label) == 700
        # Every file that a row names is there, byte by byte.
        files = await label.artifacts()
        assert len(files) >= 12
        assert [await label.read(file) for file in files] == [file.size_bytes for file in files]
        # A published release is checked where it stands now.
        found = next(release for release in before if release.run_id == first)
        (publication,) = found.publications
        assert publication.location == str(tmp_path / "restored" / "releases" / found.id)
        assert await label.problems(found.id) == []
        # What was asked before has its first answer.
        assert (await label.artists.CreateArtist(CREATE)).artist.id == artist.id
        assert await label.runs.start(artist.id, autopilot=True, request_id="r-first") == first
        # The question is still open, and its answer counts.
        asked = await label.messages.ListMessages(notifier_pb2.ListMessagesRequest(run_id=waiting.id))
        assert [message.kind for message in asked.messages] == [notifier_pb2.Message.KIND_APPROVAL]
        await label.runs.decide(waiting, VERDICT_APPROVED)
        run = await label.runs.until(waiting.id, "RELEASED")
        assert run.state == scheduler_pb2.RUN_STATE_RELEASED
        after = await label.stored_releases()
        assert len(set(isrcs(after))) == len(after) > len(before)
        assert max(isrcs(before)) < max(isrcs(after))


async def _keep_busy(label: WholeLabel, artist_id: str) -> None:
    while True:
        await released(label, artist_id)


async def test_codes_that_were_given_out_after_the_backup_can_be_left_out(
    database_url: str, another_database_url: str, data: Path, tmp_path: Path
) -> None:
    counter = "INSERT INTO artist_db.code_counters VALUES ('ISRC', 'QZABC', 2026, 41)"
    await _execute(database_url, counter)
    backup = await Operator(database_url, data).back_up(tmp_path / "backups")

    ended = await Operator(another_database_url, tmp_path / "r").run(
        "restore.sh", "--skip-codes", "9", backup
    )

    assert ended.status == 0, ended.complaint
    assert await _fetchval(another_database_url, "SELECT last FROM artist_db.code_counters") == 50


async def test_a_second_backup_shares_unchanged_files_and_the_oldest_are_removed(
    database_url: str, data: Path, tmp_path: Path
) -> None:
    kept, catalog, to = data / "artifacts" / "takes", data / "releases", tmp_path / "backups"
    for folder in (kept, catalog):
        folder.mkdir(parents=True)
    (kept / "old.flac").write_bytes(b"old")
    (kept / "half.flac#1").write_bytes(b"under way")
    (catalog / "index.html").write_text("one release")
    operator = Operator(database_url, data)
    first = await operator.back_up(to)
    (kept / "new.flac").write_bytes(b"new")
    (catalog / "index.html").write_text("two releases")
    second = await operator.back_up(to, "--keep", "2")

    def file(backup: Path) -> Path:
        return backup / "artifacts" / "takes" / "old.flac"

    assert file(first).samefile(file(second))
    assert sorted(path.name for path in (second / "artifacts" / "takes").iterdir()) == [
        "new.flac",
        "old.flac",
    ]
    assert (first / "catalog" / "index.html").read_text() == "one release"
    assert (second / "catalog" / "index.html").read_text() == "two releases"
    third = await operator.back_up(to, "--keep", "2", "--full")
    assert not file(second).samefile(file(third))
    assert left_in(to) == [second.name, third.name]
    for backup in (second, third):
        assert (await operator.run("backup.sh", "--verify", backup)).status == 0
    assert {path.stat().st_mode & 0o077 for path in (second, third)} == {0}


@pytest.mark.parametrize("part", ["database.dump", "artifacts/a.flac", "MANIFEST", "SHA256SUMS"])
async def test_a_damaged_backup_is_refused_and_nothing_is_touched(
    part: str, database_url: str, another_database_url: str, data: Path, tmp_path: Path
) -> None:
    (data / "artifacts").mkdir(parents=True)
    (data / "artifacts" / "a.flac").write_bytes(b"song")
    backup = await Operator(database_url, data).back_up(tmp_path / "backups")
    damaged = bytearray((backup / part).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (backup / part).write_bytes(damaged)
    elsewhere = Operator(another_database_url, tmp_path / "restored")

    for ended in (
        await elsewhere.run("backup.sh", "--verify", backup),
        await elsewhere.run("restore.sh", backup),
    ):
        assert ended.status == 1
        assert "damaged" in ended.complaint
        assert part.rpartition("/")[2] in ended.complaint
    assert await _schemas(another_database_url) == []
    assert not (tmp_path / "restored").exists()


async def test_a_backup_without_its_manifest_is_none(
    database_url: str, another_database_url: str, data: Path, tmp_path: Path
) -> None:
    backup = await Operator(database_url, data).back_up(tmp_path / "backups")
    (backup / "MANIFEST").unlink()

    ended = await Operator(another_database_url, tmp_path / "restored").run("restore.sh", backup)

    assert ended.status == 1
    assert "no whole backup" in ended.complaint


async def test_a_target_that_holds_something_is_refused_unless_it_is_given_up(
    database_url: str, another_database_url: str, data: Path, tmp_path: Path
) -> None:
    (data / "artifacts").mkdir(parents=True)
    (data / "artifacts" / "a.flac").write_bytes(b"song")
    backup = await Operator(database_url, data).back_up(tmp_path / "backups")
    (data / "artifacts" / "a.flac").write_bytes(b"another song")

    same = Operator(database_url, data)
    full_database = await same.run("restore.sh", backup)
    full_folder = await Operator(another_database_url, data).run("restore.sh", backup)

    assert (full_database.status, full_folder.status) == (1, 1)
    assert "is not empty" in full_database.complaint
    assert f"{data}/artifacts is not empty" in full_folder.complaint
    assert (data / "artifacts" / "a.flac").read_bytes() == b"another song"
    assert await _schemas(another_database_url) == []
    replaced = await same.run("restore.sh", "--replace", backup)
    assert replaced.status == 0, replaced.complaint
    assert (data / "artifacts" / "a.flac").read_bytes() == b"song"


async def test_restored_folders_belong_to_whom_they_belonged(
    database_url: str, another_database_url: str, data: Path, tmp_path: Path
) -> None:
    # In containers root restores what the services' user is to read and write.
    owner = 10001 if os.geteuid() == 0 else os.geteuid()
    for name, mode in (("artifacts", 0o755), ("releases", 0o750)):
        (data / name).mkdir(parents=True)
        os.chown(data / name, owner, -1)
        (data / name).chmod(mode)
    backup = await Operator(database_url, data).back_up(tmp_path / "backups")
    assert backup.stat().st_mode & 0o077 == 0

    restored = tmp_path / "restored"
    ended = await Operator(another_database_url, restored).run("restore.sh", backup)

    assert ended.status == 0, ended.complaint
    found = {folder.name: folder.stat() for folder in restored.iterdir()}
    assert {name: (facts.st_uid, facts.st_mode & 0o777) for name, facts in found.items()} == {
        "artifacts": (owner, 0o755),
        "releases": (owner, 0o750),
    }


async def test_a_signal_that_comes_too_late_for_the_database_leaves_no_files_of_before(
    database_url: str, data: Path, tmp_path: Path
) -> None:
    song = data / "artifacts" / "a.flac"
    song.parent.mkdir(parents=True)
    song.write_bytes(b"song")
    backup = await Operator(database_url, data).back_up(tmp_path / "backups")
    song.write_bytes(b"another song")
    operator = Operator(database_url, data, interrupting_psql(tmp_path / "programs"))

    ended = await operator.run("restore.sh", "--replace", backup)

    assert ended.status == 0, ended.complaint
    assert "restored" in ended.output
    assert song.read_bytes() == b"song"


async def test_schemas_of_others_in_the_same_database_are_left_alone(
    database_url: str, data: Path, tmp_path: Path
) -> None:
    await _execute(database_url, "CREATE TABLE public.migrations (id int)")
    operator = Operator(database_url, data)
    backup = await operator.back_up(tmp_path / "backups")
    assert f"\nschemas {' '.join(sorted(SCHEMAS))}\n" in (backup / "MANIFEST").read_text()

    await _execute(database_url, "INSERT INTO public.migrations VALUES (7)")
    ended = await operator.run("restore.sh", "--replace", backup)

    assert ended.status == 0, ended.complaint
    assert await _fetchval(database_url, "SELECT id FROM public.migrations") == 7


async def test_nothing_is_restored_under_a_service_that_runs(
    database_url: str, data: Path, tmp_path: Path
) -> None:
    operator = Operator(database_url, data)
    backup = await operator.back_up(tmp_path / "backups")
    service = await asyncpg.connect(database_url, server_settings={"application_name": "scheduler"})
    try:
        ended = await operator.run("restore.sh", "--replace", backup)
    finally:
        await service.close()

    assert ended.status == 1
    assert "services are connected to the database (scheduler)" in ended.complaint


async def test_a_database_that_refuses_a_row_keeps_none_of_a_backup(
    database_url: str, another_database_url: str, data: Path, tmp_path: Path
) -> None:
    backup = await Operator(database_url, data).back_up(tmp_path / "backups")
    # A function of this name is in the dump; the dump's own CREATE meets it late.
    await _execute(
        another_database_url,
        """
        CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no more tables'; END $$;
        CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION refuse();
        """,
    )

    ended = await Operator(another_database_url, tmp_path / "restored").run("restore.sh", backup)

    assert ended.status == 1
    assert "no more tables" in ended.complaint
    assert "nothing of it was kept" in ended.complaint
    assert await _schemas(another_database_url) == []
    assert list((tmp_path / "restored").iterdir()) == []


async def test_a_full_disk_leaves_no_half_backup_and_the_last_one_whole(
    database_url: str, data: Path, tmp_path: Path
) -> None:
    (data / "artifacts").mkdir(parents=True)
    operator, to = Operator(database_url, data), tmp_path / "backups"
    whole = await operator.back_up(to)
    (data / "artifacts" / "long.flac").write_bytes(bytes(4 << 20))

    # As a disk that is full in the middle of a file; and one that can be known to be too small before.
    halfway = await operator.run("backup.sh", "--to", to, before=["ulimit -f 2048"])
    too_small = await operator.run("backup.sh", "--to", to, AIARTIST_BACKUP_RESERVE_BYTES=str(1 << 60))

    assert halfway.status == 1
    assert "copying" in halfway.complaint
    assert too_small.status == 1
    assert "make room" in too_small.complaint
    assert left_in(to) == [whole.name]
    assert (await operator.run("backup.sh", "--verify", whole)).status == 0


async def test_an_older_pg_dump_is_refused_by_its_version(
    database_url: str, data: Path, tmp_path: Path
) -> None:
    older = Operator(database_url, data, programs_of(OLDER))

    ended = await older.run("backup.sh", "--to", tmp_path / "backups")

    assert ended.status == 1
    assert f"pg_dump is version {OLDER} and the server is version {SERVER}" in ended.complaint
    assert "PG_BIN" in ended.complaint
    assert left_in(tmp_path / "backups") == []


@pytest.mark.parametrize(
    "address", ["vera:p%40ss%5Cw0rd@{at}/label", "vera@{at}/label?password=p%40ss%5Cw0rd&sslmode=disable"]
)
async def test_a_wrong_password_is_told_and_shown_to_nobody(address: str, data: Path, tmp_path: Path) -> None:
    server = RefusingServer()
    programs = telling_psql(tmp_path / "programs")
    async with server.serving() as at:
        operator = Operator(f"postgresql://{address.format(at=at)}", data, programs)
        ended = await operator.run("backup.sh", "--to", tmp_path / "backups")

    assert ended.status == 1
    assert f"cannot open the database at {at}/label" in ended.complaint
    assert 'password authentication failed for user "vera"' in ended.complaint
    assert "AIARTIST_DATABASE_URL" in ended.complaint
    assert set(server.passwords) == {"p@ss\\w0rd"}
    seen_by_all = (programs / "arguments").read_text()
    assert "w0rd" not in ended.complaint + ended.output + seen_by_all


async def test_a_database_that_is_not_the_platforms_is_not_backed_up(
    another_database_url: str, data: Path, tmp_path: Path
) -> None:
    ended = await Operator(another_database_url, data).run("backup.sh", "--to", tmp_path / "backups")

    assert ended.status == 1
    assert "no schema of the platform" in ended.complaint


async def test_a_bucket_is_named_and_not_copied(
    database_url: str, another_database_url: str, data: Path, tmp_path: Path
) -> None:
    operator = Operator(database_url, data)
    bucket = {"AIARTIST_ARTIFACT_URL": "s3://songs/label"}
    ended = await operator.run("backup.sh", "--to", tmp_path / "backups", **bucket)
    assert ended.status == 0, ended.complaint
    assert "artifacts are in s3://songs/label and not in this backup" in ended.output
    backup = Path(ended.output.partition(":")[0])

    elsewhere = Operator(another_database_url, tmp_path / "restored")
    without = await elsewhere.run("restore.sh", backup)
    assert without.status == 2
    assert "set AIARTIST_ARTIFACT_URL" in without.complaint
    assert (await elsewhere.run("restore.sh", backup, **bucket)).status == 0


async def test_the_address_may_be_a_file_and_songs_must_be_where_they_are_looked_for(
    database_url: str, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "aiartist_database_url").write_text(database_url + "\n")
    operator = Operator("", data)
    backup = await operator.back_up(tmp_path / "backups", AIARTIST_SECRETS_DIR=str(tmp_path))
    await _execute(
        database_url,
        """
        SET session_replication_role = replica;
        INSERT INTO artist_db.takes (id, brief_id, run_id, take_number, request_digest, body)
        VALUES ('tak_1', 'brf_1', 'run_1', 1, '', '')
        """,
    )
    lost = await Operator(database_url, data).run("backup.sh", "--to", tmp_path / "backups")

    assert lost.status == 1
    assert f"there is no folder {data}/artifacts, but the database has takes" in lost.complaint
    assert left_in(tmp_path / "backups") == [backup.name]


def test_the_scripts_look_where_the_services_do(data: Path) -> None:
    settings = ReleaseSettings(data_dir=data, port=0, metrics_port=0)
    assert settings.catalog_dir == data / "releases"
    assert settings.artifact_store_url == f"file://{data}/artifacts"


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _fetchval(url: str, statement: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _schemas(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT nspname FROM pg_namespace WHERE nspname IN ('artist_db', 'notifier', 'scheduler')"
        )
    finally:
        await connection.close()
    return [row["nspname"] for row in rows]
