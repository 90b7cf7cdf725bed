"""Work in progress: nothing of it stays, whoever is killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.release.workspace import exclusively, sweep, sync_tree, workspace


def test_a_workspace_is_gone_after_its_block(tmp_path: Path) -> None:
    with workspace(tmp_path, "rel_1") as folder:
        (folder / "file").write_bytes(b"x")
        assert folder.name.startswith(".rel_1.")
    assert list(tmp_path.iterdir()) == []


def test_what_is_renamed_away_stays(tmp_path: Path) -> None:
    with workspace(tmp_path, "rel_1") as folder:
        (folder / "package").mkdir()
        (folder / "package").rename(tmp_path / "rel_1")
    assert [path.name for path in tmp_path.iterdir()] == ["rel_1"]


def test_a_living_maker_s_workspace_is_not_swept(tmp_path: Path) -> None:
    with workspace(tmp_path, "rel_1") as folder:
        assert sweep(tmp_path) == 0
        assert folder.exists()


def test_a_killed_maker_s_workspace_is_swept(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path[:] = sys.argv.pop(1).split('\\n')\n"
        "import os, signal\n"
        "from pathlib import Path\n"
        "from services.release.workspace import workspace\n"
        "with workspace(Path(sys.argv[1]), 'rel_1') as folder:\n"
        "    (folder / 'half').write_bytes(b'half a file')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", script, "\n".join(sys.path), str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == -9
    assert len(list(tmp_path.iterdir())) == 1
    assert sweep(tmp_path, "rel_2") == 0
    assert sweep(tmp_path, "rel_1") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_swept_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = os.open
    swept: list[int] = []

    def open_late(path: str | Path, flags: int) -> int:
        if not swept:
            swept.append(0)
            swept[0] = sweep(tmp_path)
        return real_open(path, flags)

    monkeypatch.setattr("services.release.workspace.os.open", open_late)
    with workspace(tmp_path, "rel_1") as folder:
        assert swept == [1]
        assert folder.is_dir()
        assert sweep(tmp_path) == 0


def test_sweeping_leaves_everything_else_alone(tmp_path: Path) -> None:
    (tmp_path / "rel_1").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".x.1.partial").write_bytes(b"a file, not a folder")
    assert sweep(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 3


def test_one_at_a_time_is_inside_an_exclusive_block_of_a_folder(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path[:] = sys.argv.pop(1).split('\\n')\n"
        "import fcntl, os\n"
        "fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    )
    command = [sys.executable, "-c", script, "\n".join(sys.path), str(tmp_path)]
    with exclusively(tmp_path):
        inside = subprocess.run(command, check=False, capture_output=True)
    assert b"BlockingIOError" in inside.stderr
    assert subprocess.run(command, check=False).returncode == 0


def test_syncing_goes_through_every_folder(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"x")
    sync_tree(tmp_path)
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"x"
    assert os.listdir(tmp_path) == ["a"]
