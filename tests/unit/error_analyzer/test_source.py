"""The source reader: what git has at HEAD, found by frame and by function, and nothing that may be secret."""

from pathlib import Path

import pytest

from services.error_analyzer.diagnosis.frames import Frame, frames_of
from services.error_analyzer.diagnosis.source import AROUND, Snapshot, SourceReader
from services.error_analyzer.domain import RepairUnavailable
from services.error_analyzer.secret_files import is_secret
from tests.support.code_repository import FILES, WORKER, commit, fingerprint_of, git, make_repository


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "code")


async def snapshot(repository: Path) -> Snapshot:
    return await SourceReader(repository).snapshot()


def frame(text: str) -> Frame:
    (found,) = frames_of(text)
    return found


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("services.scheduler.worker.Worker.drive:12", ("Worker", "drive")),
        ("services.scheduler.worker.price_of:18", ("price_of",)),
        ("services.scheduler.worker.make.<locals>.inner:3", ("make", "<locals>", "inner")),
        ("services.scheduler.worker.<module>:1", ("<module>",)),
        ("srv.app.services.scheduler.worker.price_of:18", ("price_of",)),
        ("scheduler.worker.price_of:18", ("price_of",)),
        ('  File "/srv/app/services/scheduler/worker.py", line 18, in price_of', ("price_of",)),
        ('  File "C:\\app\\services\\scheduler\\worker.py", line 18, in price_of', ("price_of",)),
    ],
)
async def test_a_frame_of_any_host_finds_its_file(
    repository: Path, text: str, function: tuple[str, ...]
) -> None:
    assert (await snapshot(repository)).locate(frame(text)) == ("services/scheduler/worker.py", function)


@pytest.mark.parametrize(
    "text",
    [
        "asyncio.runners.run:3",
        "services.ghost.worker.drive:3",
        "__main__.main:3",
        'File "/usr/lib/other/nothing.py", line 3, in drive',
    ],
)
async def test_a_frame_of_other_code_finds_no_file(repository: Path, text: str) -> None:
    assert (await snapshot(repository)).locate(frame(text)) is None


async def test_a_frame_that_may_mean_two_files_finds_none(repository: Path) -> None:
    commit(repository, {"other/scheduler/worker.py": WORKER})
    code = await snapshot(repository)
    assert code.locate(frame("scheduler.worker.drive:3")) is None
    located = code.locate(frame("services.scheduler.worker.drive:3"))
    assert located is not None
    assert located[0] == "services/scheduler/worker.py"


async def test_a_function_is_found_by_its_name_when_its_lines_have_moved(repository: Path) -> None:
    spot = await (await snapshot(repository)).spot(frame("services.scheduler.worker.Worker.drive:900"))
    assert spot is not None
    assert spot.line_moved
    assert spot.numbered == [
        "12|     async def drive(self, name):",
        "13|         job = self.jobs[name]",
        "14|         return job.run(LIMIT)",
    ]


@pytest.mark.parametrize("name", ["<listcomp>", "<lambda>"])
async def test_what_has_no_name_is_shown_with_the_function_that_it_stands_in(
    repository: Path, name: str
) -> None:
    text = f'  File "/srv/app/services/scheduler/worker.py", line 13, in {name}'
    spot = await (await snapshot(repository)).spot(frame(text))
    assert spot is not None
    assert (spot.first, spot.last, spot.at) == (12, 14, 13)


async def test_the_innermost_name_is_enough_where_only_one_function_has_it(repository: Path) -> None:
    spot = await (await snapshot(repository)).spot(frame("services.scheduler.worker.drive:13"))
    assert spot is not None
    assert (spot.first, spot.last, spot.at, spot.line_moved) == (12, 14, 13, False)


@pytest.mark.parametrize("content", ["def broken(:\n" * 60, "x = 1\n" * 60])
async def test_the_lines_around_are_shown_where_no_function_is_known(repository: Path, content: str) -> None:
    commit(repository, {"services/odd.py": content})
    spot = await (await snapshot(repository)).spot(frame("services.odd.drive:30"))
    assert spot is not None
    assert (spot.first, spot.last) == (30 - AROUND, 30 + AROUND)
    assert await (await snapshot(repository)).spot(frame("services.odd.drive:900")) is None


async def test_only_what_is_committed_is_read(repository: Path) -> None:
    (repository / ".gitignore").write_text("local.py\n")
    (repository / "local.py").write_text("ignored = 1\n")
    (repository / "new.py").write_text("untracked = 1\n")
    (repository / "services/scheduler/worker.py").write_text("changed = 1\n")
    code = await snapshot(repository)
    assert set(code.files) == set(FILES)
    file = await code.read("services/scheduler/worker.py")
    assert file is not None
    assert file.text == WORKER


@pytest.mark.parametrize(
    "path",
    [
        ".env", "deploy/.env.production", "tls/server.pem", "tls/server.KEY", "home/id_rsa", "secrets.toml",
        "secrets/token.py", "config/Credentials.json", "secret.py",
        "prod_secrets.py", "aws_credentials.py", "db_password.py", "token.json", "kubeconfig", "a/api-key.py",
        "deploy/access_tokens.yaml", "clientSecret.py", "home/.aws/config",
    ],
)  # fmt: skip
async def test_files_named_like_secrets_are_not_read_though_they_are_tracked(
    repository: Path, path: str
) -> None:
    commit(repository, {path: "hunter = 2\n"})
    code = await snapshot(repository)
    assert path in code.files
    assert await code.read(path) is None
    assert is_secret(path)
    for plain in ("services/secretary.py", "services/tokens.py", "services/keys.py", "tokenizer.json"):
        assert not is_secret(plain)


async def test_what_no_person_wrote_is_not_read(repository: Path) -> None:
    (repository / "link.py").symlink_to("/etc/hostname")
    git(repository, "add", "link.py")
    files = {"a.py": b"x\0y", "b.py": b"\xff\xfe", "c.py": b"x = 1\n" * 90_000}
    commit(repository, files)
    code = await snapshot(repository)
    assert [await code.read(path) for path in (*files, "link.py", "none.py")] == [None] * 5


async def test_reading_changes_nothing_and_runs_nothing_that_the_repository_names(
    repository: Path, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$0 $@" >> {ran}\ncat\n')
    program.chmod(0o755)
    commit(repository, {".gitattributes": "*.py diff=evil filter=evil\n"})
    for name in (
        "core.fsmonitor", "core.pager", "diff.external", "diff.evil.textconv", "diff.evil.command",
        "filter.evil.smudge", "gpg.program", "core.sshCommand", "core.editor",
    ):  # fmt: skip
        git(repository, "config", name, str(program))
    git(repository, "config", "log.showSignature", "true")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-index-change").symlink_to(program)
    git(repository, "config", "core.hooksPath", str(hooks))
    git(repository, "reset", "--quiet", "--hard", _signed(repository))
    ran.unlink(missing_ok=True)
    git(repository, "log", "-1")
    assert ran.read_text(), "git would run the program"
    ran.unlink()
    before = fingerprint_of(repository)
    code = await snapshot(repository)
    assert await code.spot(frame("services.scheduler.worker.price_of:18")) is not None
    assert await code.commits(".gitattributes") != []
    assert fingerprint_of(repository) == before
    assert not ran.exists()


def _signed(repository: Path) -> str:
    """A commit whose signature git would have checked by a program of the repository's choice."""
    head, _, message = git(repository, "cat-file", "commit", "HEAD").partition("\n\n")
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----"
    made = repository.parent / "commit"
    made.write_text(f"{head}\n{signature}\n\n{message}")
    return git(repository, "hash-object", "-t", "commit", "-w", str(made)).strip()


async def test_the_last_five_commits_of_a_file_are_told_without_secrets(repository: Path) -> None:
    for number in range(7):
        commit(repository, {"services/scheduler/worker.py": WORKER + f"\n# {number}\n"}, f"Change {number}")
    commit(repository, {"services/scheduler/worker.py": WORKER}, "Back; password=hunter2hunter2 by a@b.org")
    commit(repository, {"other.py": "x = 1\n"}, "Elsewhere")
    told = await (await snapshot(repository)).commits("services/scheduler/worker.py")
    assert [line.split(" ", 4)[4] for line in told[1:]] == [f"Change {number}" for number in (6, 5, 4, 3)]
    assert " +0 -2 Back; password=" in told[0]
    assert "hunter2" not in told[0]
    assert "a@b.org" not in told[0]


async def test_a_new_commit_is_seen_and_an_old_one_is_remembered(repository: Path) -> None:
    reader = SourceReader(repository)
    first = await reader.snapshot()
    assert await reader.snapshot() is first
    head = commit(repository, {"more.py": "x = 1\n"})
    assert (await reader.snapshot()).commit == head


async def test_a_repository_that_is_none_is_said_to_be_unavailable(repository: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    unborn = tmp_path / "unborn"
    unborn.mkdir()
    git(unborn, "init", "--quiet")
    broken = make_repository(tmp_path / "broken")
    (broken / ".git" / "HEAD").write_bytes(b"\0garbage")
    for place in (tmp_path / "missing", empty, unborn, broken, repository / "services"):
        with pytest.raises(RepairUnavailable):
            await SourceReader(place).snapshot()


async def test_a_git_that_takes_too_long_is_given_up(repository: Path) -> None:
    with pytest.raises(RepairUnavailable, match="took longer than"):
        await SourceReader(repository, timeout_s=0.00001).snapshot()
