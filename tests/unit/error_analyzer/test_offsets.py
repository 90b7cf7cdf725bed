"""Places are kept whole or not at all, by one process at a time."""

import glob
import os
from pathlib import Path

import pytest

from services.error_analyzer.intake import files, globbing
from services.error_analyzer.intake.files import Source, find, head_of, look, read_at, refused, service_of
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
    "pattern",
    ["**", "**/*", "**/*.log", "*", "*/*.log", "**/in/**/*.log", "in/b.log", ".*", "*/../a.log", "[a]*"],
)  # fmt: skip
def test_a_glob_finds_what_pythons_own_finds(tmp_path: Path, pattern: str) -> None:
    for name in ("in/deep/c.log", ".hidden/d.log", "in/.e.log", "in/b.log", "a.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    expected = {os.path.realpath(p) for p in glob.glob(f"{tmp_path}/{pattern}", recursive=True)}
    found = {os.path.realpath(p) for p in globbing.expand(f"{tmp_path}/{pattern}", lambda *_: None)}
    assert {p for p in found if os.path.isfile(p)} == {p for p in expected if os.path.isfile(p)}


def test_links_in_circles_are_gone_into_by_no_double_star(tmp_path: Path) -> None:
    (tmp_path / "a.log").touch()
    for number in range(12):
        (tmp_path / f"l{number}").symlink_to(".")
    paths = list(globbing.expand(f"{tmp_path}/**/*.log", lambda *_: None))
    assert paths == [f"{tmp_path}/a.log"]


def test_what_is_too_deep_or_too_much_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(globbing, "MAX_DEPTH", 2)
    (tmp_path / "1/2/3/4").mkdir(parents=True)
    for folder in ("1/2", "1/2/3/4"):
        (tmp_path / folder / "a.log").touch()
    said: list[tuple[str, str]] = []
    found = find([Source(f"{tmp_path}/**/*.log")], lambda *what: said.append(what))
    assert [seen.path for seen in found.values()] == [f"{tmp_path}/1/2/a.log"]
    assert [path for path, _ in said] == [f"{tmp_path}/1/2/3"]
    monkeypatch.setattr(globbing, "MAX_ENTRIES", 2)
    said.clear()
    assert not find([Source(f"{tmp_path}/**/*.log")], lambda *what: said.append(what))
    assert {path for path, _ in said} == {f"{tmp_path}/**/*.log"}


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@needs_root
@pytest.mark.parametrize("pattern", ["logs/*.log", "logs/**/*.log", "logs/app.log"])
def test_a_link_to_what_belongs_to_somebody_else_is_not_followed(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "logs").mkdir()
    secret, link = tmp_path / "secret.log", tmp_path / "logs/app.log"
    secret.touch()
    link.symlink_to(secret)
    assert len(find([Source(f"{tmp_path}/{pattern}")])) == 1
    os.lchown(link, 4_321, 4_321)
    said: list[tuple[str, str]] = []
    assert not find([Source(f"{tmp_path}/{pattern}")], lambda *what: said.append(what))
    assert look(str(link), "s") is None
    assert [path for path, _ in said] == [str(link)]


@needs_root
def test_a_trusted_link_that_leads_through_somebody_elses_is_not_followed(tmp_path: Path) -> None:
    for name in ("secret", "theirs", "logs"):
        (tmp_path / name).mkdir()
    (tmp_path / "secret/app.log").touch()
    (tmp_path / "theirs/now").symlink_to("../secret")
    (tmp_path / "logs/app.log").symlink_to("../theirs/now/app.log")
    assert len(find([Source(f"{tmp_path}/logs/*")])) == 1
    os.lchown(tmp_path / "theirs/now", 4_321, 4_321)
    assert not find([Source(f"{tmp_path}/logs/*")])


@needs_root
@pytest.mark.parametrize("pattern", ["*/app.log", "*/now/*.log", "**/now/app.log"])
def test_no_wildcard_goes_through_a_folder_link_to_somebody_elses(tmp_path: Path, pattern: str) -> None:
    secret, logs = tmp_path / "secret", tmp_path / "logs"
    (secret / "now").mkdir(parents=True)
    (logs / "web").mkdir(parents=True)
    for folder in (secret, secret / "now"):
        (folder / "app.log").touch()
    for link in (logs / "x", logs / "web/now"):
        link.symlink_to(secret)
        os.lchown(link, 4_321, 4_321)
    assert not find([Source(f"{logs}/{pattern}")])


def test_a_pipe_or_another_file_under_the_name_is_not_read_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("text\n")
    seen = look(str(path), "s")
    assert seen is not None
    place = files.with_head(Place(seen.device, seen.inode, str(path), str(path), "s"), b"text\n")
    assert (head_of(seen), read_at(place, 9)) == (b"text\n", b"text\n")
    path.rename(tmp_path / "b.log")
    os.mkfifo(path)
    assert (head_of(seen), read_at(place, 9)) == (None, None)
    path.unlink()
    path.write_text("text\n")
    assert (head_of(seen), read_at(place, 9)) == (None, None)


@pytest.mark.parametrize(
    "head", [b"", b"\0" * 1_024, b"text\xff\x80\n", "é\n".encode(), b"\x1b[31mred\x1b[0m\n"]
)
def test_odd_text_is_text(head: bytes) -> None:
    assert refused(head) == ""
