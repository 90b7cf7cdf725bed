"""Folders for work in progress that nobody has to clean up after a kill.

A folder is named `.<name>.<random>.partial` and locked while its maker lives; `sweep` removes those
whose lock is free. The kernel frees the lock of a killed process.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SUFFIX = ".partial"


@contextmanager
def workspace(parent: Path, name: str) -> Iterator[Path]:
    """A new folder inside `parent`, on the same file system, gone after the block unless renamed away."""
    parent.mkdir(parents=True, exist_ok=True)
    # A sweeper may take the folder before it is locked.
    while (made := _locked_folder(parent / f".{name}.{secrets.token_hex(6)}{_SUFFIX}")) is None:
        continue
    folder, lock = made
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _locked_folder(folder: Path) -> tuple[Path, int] | None:
    """Makes the folder and locks it; None where it was swept away in between."""
    folder.mkdir()
    try:
        lock = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    fcntl.flock(lock, fcntl.LOCK_EX)
    if folder.exists():
        return folder, lock
    os.close(lock)
    return None


def sweep(parent: Path, name: str = "") -> int:
    """Removes folders that killed processes left, those of `name` or all; returns how many."""
    removed = 0
    pattern = f".{name}.*{_SUFFIX}" if name else f".*{_SUFFIX}"
    for folder in sorted(parent.glob(pattern)):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
        finally:
            os.close(lock)
    return removed


@contextmanager
def exclusively(folder: Path) -> Iterator[None]:
    """Waits until nobody else, in any process, is inside such a block about the same folder, which exists."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def sync_tree(folder: Path) -> None:
    """Flushes every file and folder below to the disk, the folder itself last."""
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            _sync(Path(place, name), os.O_RDONLY)
        _sync(Path(place), os.O_RDONLY | os.O_DIRECTORY)


def sync_folder(folder: Path) -> None:
    """Flushes a folder's entries, so that a rename inside it lasts."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
