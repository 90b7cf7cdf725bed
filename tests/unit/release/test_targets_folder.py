"""The folder that is published to, while two replicas write it at once."""

import hashlib
import threading
from pathlib import Path

from aiartist.common.v1 import audio_pb2
from services.release.targets.folder import _put_in_place, read_back
from services.release.workspace import exclusively

CONTENT = b"a file of the release"
FILES = {"manifest.json": audio_pb2.Artifact(sha256=hashlib.sha256(CONTENT).hexdigest())}


def whole(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(CONTENT)
    return folder


def test_reading_back_waits_for_who_puts_another_folder_in_place(tmp_path: Path) -> None:
    place = whole(tmp_path / "rel_1")
    begun, found = threading.Event(), []

    def read() -> None:
        begun.set()
        found.append(read_back(place, FILES))

    with exclusively(tmp_path):
        place.rename(tmp_path / "replaced")
        reader = threading.Thread(target=read)
        reader.start()
        assert begun.wait(30)
        # Who does not wait is done long before this.
        reader.join(0.5)
        assert found == []
        (tmp_path / "replaced").rename(place)
    reader.join(30)
    assert found == [None]


def test_a_replica_that_was_faster_with_the_same_bytes_is_left_in_place(tmp_path: Path) -> None:
    place, fresh = whole(tmp_path / "rel_1"), whole(tmp_path / "work" / "package")
    before = place.stat().st_ino
    _put_in_place(fresh, place, tmp_path / "work" / "replaced", FILES)
    assert place.stat().st_ino == before
    assert fresh.exists()


def test_what_somebody_changed_is_replaced(tmp_path: Path) -> None:
    place, fresh = whole(tmp_path / "rel_1"), whole(tmp_path / "work" / "package")
    (place / "manifest.json").write_bytes(b"changed")
    _put_in_place(fresh, place, tmp_path / "work" / "replaced", FILES)
    assert (place / "manifest.json").read_bytes() == CONTENT
    assert not (tmp_path / "work" / "replaced").exists()
