"""Places are kept whole or not at all, by one process at a time."""

import os
from pathlib import Path

import pytest

from services.error_analyzer.intake.files import Source, find, refused, service_of
from services.error_analyzer.intake.offsets import (
    FolderBusy,
    Place,
    Places,
    PlaceStore,
    PlacesUnreadable,
    Range,
    Sending,
)

PLACE = Place(1, 2, "/logs/a.log", "/logs/a.log", "a", 10, "ab" * 32, 1_000, True)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    store = PlaceStore(tmp_path / "made" / "too")
    store.open()
    assert store.load() is None
    places = Places({PLACE.key: PLACE}, Sending("log_1", (Range(PLACE, 2_000, True),)))
    store.save(places)
    assert store.load() == places
    store.close()


def test_a_save_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PlaceStore(tmp_path)
    store.save(Places({PLACE.key: PLACE}))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.save(Places())
    assert store.load() == Places({PLACE.key: PLACE})
    assert [path.name for path in tmp_path.iterdir()] == ["offsets.json"]


def test_one_process_at_a_time_has_a_folder(tmp_path: Path) -> None:
    first, second = PlaceStore(tmp_path), PlaceStore(tmp_path)
    first.open()
    with pytest.raises(FolderBusy):
        second.open()
    first.close()
    second.open()
    second.close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "\0",
        '{"version":2,"files":[]}',
        '{"version":1,"files":{}}',
        '{"version":1,"files":[{"device":1}]}',
        '{"version":1,"files":[],"sending":7}',
    ],
)
def test_what_is_no_such_file_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "offsets.json").write_text(text)
    with pytest.raises(PlacesUnreadable):
        PlaceStore(tmp_path).load()


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("scheduler.log", "scheduler"),
        ("scheduler-2026-03-01.log.1", "scheduler"),
        (f"pod-1_default_web-{'a' * 64}.log", "web"),
        ("my app.log", "my-app"),
        ("7.log", "s-7"),
        ("ü.log", "log"),
    ],
)
def test_a_files_name_tells_its_service(name: str, service: str) -> None:
    assert service_of(f"/var/log/{name}") == service


@pytest.mark.parametrize(
    ("entry", "source"),
    [
        ("web=/logs/*.log", Source("/logs/*.log", "web")),
        ("/logs/*.log", Source("/logs/*.log")),
        ("/logs/a=b.log", Source("/logs/a=b.log")),
    ],
)
def test_a_setting_may_name_the_service(entry: str, source: Source) -> None:
    assert Source.parse(entry) == source


def test_globs_find_regular_files_once(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.log", "in/b.log", "c.log.gz"):
        (tmp_path / name).touch()
    (tmp_path / "link.log").symlink_to(tmp_path / "a.log")
    (tmp_path / "gone.log").symlink_to(tmp_path / "nowhere")
    found = find([Source(f"{tmp_path}/**/*", "s"), Source(f"{tmp_path}/*.log")])
    assert sorted(Path(seen.path).name for seen in found.values()) == ["a.log", "b.log"]


@pytest.mark.parametrize(
    "head", [b"", b"\0" * 1_024, b"text\xff\x80\n", "é\n".encode(), b"\x1b[31mred\x1b[0m\n"]
)
def test_odd_text_is_text(head: bytes) -> None:
    assert refused(head) == ""
