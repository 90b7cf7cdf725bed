"""Migrations as files: their names, their order, their fingerprints."""

import hashlib
from pathlib import Path

import pytest

from services.chassis.migrations import read_folder


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_text(f"-- {name}")
    return folder


def test_migrations_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    found = read_folder(write(tmp_path, "0002_b.sql", "0001_z.sql", "0003_a.sql"))
    assert [(m.number, m.name) for m in found] == [(1, "0001_z"), (2, "0002_b"), (3, "0003_a")]


def test_a_migrations_fingerprint_is_that_of_its_text(tmp_path: Path) -> None:
    (migration,) = read_folder(write(tmp_path, "0001_a.sql"))
    assert migration.sha256 == hashlib.sha256(b"-- 0001_a.sql").hexdigest()


def test_other_files_do_not_matter(tmp_path: Path) -> None:
    assert len(read_folder(write(tmp_path, "0001_a.sql", "README.md"))) == 1


@pytest.mark.parametrize(
    "names",
    [
        ("0002_a.sql",),
        ("0001_a.sql", "0003_b.sql"),
        ("0001_a.sql", "0001_b.sql"),
        ("1_a.sql",),
        ("0001-a.sql",),
        ("0001_A.sql",),
    ],
)
def test_a_gap_a_double_and_an_odd_name_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"migration|named"):
        read_folder(write(tmp_path, *names))


def test_an_empty_folder_holds_none(tmp_path: Path) -> None:
    assert read_folder(tmp_path) == []
