"""Where reading stopped in each file, kept so that every line counts once, whatever is killed when.

Before errors are stored, the ranges that they came from are written down with the request's id. After a
crash in between exactly these ranges are read again and stored under the same id, which counts once.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

_VERSION = 1


class FolderBusy(Exception):
    """Another process keeps its places in this folder."""


class PlacesUnreadable(Exception):
    """What was kept is no such file; the text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading stands in one file, known by device, inode and its first bytes.

    `head`: SHA-256 of the first `head_bytes`, at most 1,024. `offset`: bytes read; with `skipping` in the
    middle of a line of which no more is read. `path` is the one it was last found at, `origin` the one
    that it was first read as.
    """

    device: int
    inode: int
    path: str
    origin: str
    service: str
    head_bytes: int = 0
    head: str = ""
    offset: int = 0
    skipping: bool = False

    @property
    def key(self) -> tuple[int, int]:
        return self.device, self.inode


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes of one file, from `place.offset` up to `end`, and whether the line goes on after them."""

    place: Place
    end: int
    skipping: bool = False


@dataclass(frozen=True, slots=True)
class Sending:
    """A request that was about to be sent, and may or may not have arrived."""

    request_id: str
    ranges: tuple[Range, ...]


@dataclass(slots=True)
class Places:
    """Every file that is known, by device and inode, and what is being sent."""

    files: dict[tuple[int, int], Place] = field(default_factory=dict)
    sending: Sending | None = None


class PlaceStore:
    """The folder with `offsets.json`; one process at a time has it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "offsets.json"
        self._lock: int | None = None

    def open(self) -> None:
        """Makes the folder and locks it. FolderBusy where another process has it, OSError where it can't."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.folder / "offsets.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise FolderBusy from None
        except OSError:
            os.close(lock)
            raise
        self._lock = lock

    def close(self) -> None:
        """Lets others have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def load(self) -> Places | None:
        """What was kept; None where nothing ever was. PlacesUnreadable, or OSError."""
        try:
            text = self._file.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return _parsed(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise PlacesUnreadable(f"{self._file}: {type(error).__name__}") from error

    def set_aside(self) -> Path:
        """Puts what can't be read out of the way."""
        broken = self._file.with_suffix(".broken")
        os.replace(self._file, broken)
        return broken

    def save(self, places: Places) -> None:
        """All of it or nothing, and on the disk when this returns. OSError where it can't."""
        temporary = self._file.with_suffix(".tmp")
        data = json.dumps(_plain(places), separators=(",", ":")).encode()
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._file)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _plain(places: Places) -> Mapping[str, object]:
    sending = places.sending
    return {
        "version": _VERSION,
        "files": [asdict(place) for place in places.files.values()],
        "sending": asdict(sending) if sending else None,
    }


def _parsed(kept: Mapping[str, object]) -> Places:
    if kept["version"] != _VERSION:
        raise ValueError("another version's")
    files = kept["files"]
    if not isinstance(files, list):
        raise TypeError("files")
    places = [_place(one) for one in files]
    sending = kept.get("sending")
    return Places({place.key: place for place in places}, _sending(sending) if sending else None)


def _sending(kept: object) -> Sending:
    if not isinstance(kept, dict):
        raise TypeError("sending")
    return Sending(
        str(kept["request_id"]),
        tuple(Range(_place(one["place"]), int(one["end"]), bool(one["skipping"])) for one in kept["ranges"]),
    )


def _place(kept: Mapping[str, object]) -> Place:
    place = Place(**kept)  # type: ignore[arg-type]
    if not all(
        isinstance(number, int) for number in (place.device, place.inode, place.head_bytes, place.offset)
    ):
        raise TypeError("a place")
    return place
