"""Moves the checked-out branch of the repository to a commit on top of it, or not at all.

    journal         what is moved from where to where, and which index lock is ours
    index.lock      the new index, linked there whole: git's own lock against git
    files           each replaced in one step; what was there stays beside it until the end
    branch          moved only from the commit that it was looked at
    index           the lock renamed, as git does; then the journal goes

A SIGKILL may come anywhere: the next one to hold the lock sees by the branch whether it had moved, and
finishes or undoes the rest. What is neither the old nor the new content is somebody's work and stays, or is
put back where an editor still wrote it to the file that was replaced. A lock of git that is not in the
journal is somebody's, too.
"""

import asyncio
import fcntl
import json
import os
import shutil
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from services.error_analyzer.domain import FixFailed, RepairUnavailable
from services.error_analyzer.repair.candidate import Change, changes
from services.error_analyzer.repair.git import GitError, Repository

JOURNAL, _INDEX, _TEMPORARY = "aiartist-autofix.json", "aiartist-autofix.index", ".aiartist-autofix-"
_ASIDE = ".aiartist-autofix.was-"
"""Begins the second name of a file that is replaced."""
_UNDER_WAY = (
    *("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "BISECT_LOG"),
    *("rebase-merge", "rebase-apply", "sequencer"),
)
_LOCK_WAIT_S, _LOCK_LOOK_S = 60.0, 0.05


class Moved(Exception):
    """The branch is no longer where it was looked at: look again."""


@dataclass(frozen=True, slots=True)
class _Journal:
    """`lock`: device and inode of the new index; `folders`: made for new files, innermost first."""

    ref: str
    old: str
    new: str
    lock: tuple[int, int]
    folders: tuple[str, ...]


@asynccontextmanager
async def locked(repository: Repository) -> AsyncIterator[Repository]:
    """The repository for one repair at a time, of all processes; what a killed one left is put in order.

    The lock is on the folder itself: nothing is left of it. Git holds it, too, for it outlives its caller.
    """
    handle = os.open(repository.common_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            async with asyncio.timeout(_LOCK_WAIT_S):
                # Nothing tells when another process lets go of it.
                while not _try_lock(handle):  # noqa: ASYNC110
                    await asyncio.sleep(_LOCK_LOOK_S)
        except TimeoutError as error:
            raise RepairUnavailable(
                f"another repair has been at work in {repository.folder} for a minute"
            ) from error
        held = replace(repository, git=repository.git.on(hold=(handle,)))
        await _recover(held)
        yield held
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def move(held: Repository, ref: str, old: str, new: str, *, reason: str) -> None:
    """Moves the branch from `old` to its child `new`, with index and files where there is a working tree.

    Moved where it is elsewhere by now, FixFailed where work of somebody is in the way; all is as before then.
    """
    if await held.branch() != ref or await held.head() != old:
        raise Moved
    await _refuse_other_trees(held, ref)
    if held.bare:
        await _move_ref(held, ref, old, new, reason)
        return
    made = await changes(held.git, old, new)
    await _refuse_unclean(held, made)
    try:
        await _prepare(held, ref, old, new, made)
        await _refuse_unclean(held, made)
        if await held.branch() != ref or await held.head() != old:
            raise Moved
        for change in made:
            if not await _write(held, change.path, change.new_blob, change.old_blob):
                raise _in_the_way(held, change.path)
        for change in made:
            if await _content(held, change.path, _aside(held, change.path)) not in ("", change.old_blob):
                raise _in_the_way(held, change.path)
        await _move_ref(held, ref, old, new, reason)
    finally:
        # Finishes where the branch has moved, else undoes: the same as after a kill.
        await _recover(held)


async def _move_ref(held: Repository, ref: str, old: str, new: str, reason: str) -> None:
    try:
        await held.git.output("update-ref", "-m", reason, ref, new, old)
    except GitError as error:
        if await held.head() != old:
            raise Moved from error
        raise FixFailed(f"{ref.removeprefix('refs/heads/')} can't be moved: {error}") from error


async def _refuse_other_trees(held: Repository, ref: str) -> None:
    """A branch that is checked out elsewhere would leave that working tree behind."""
    listed = await held.git.text("worktree", "list", "--porcelain", "-z")
    for entry in listed.split("\0\0"):
        lines = entry.strip("\0").split("\0")
        place = lines[0].removeprefix("worktree ")
        if f"branch {ref}" in lines and "bare" not in lines and not _is(place, held.folder):
            raise FixFailed(f"the branch is checked out in {place}, too")


def _is(place: str, folder: Path) -> bool:
    return Path(place).resolve() == folder


async def _refuse_unclean(held: Repository, made: Sequence[Change]) -> None:
    if under_way := next((name for name in _UNDER_WAY if (held.git_dir / name).exists()), None):
        raise FixFailed(
            f"a merge, rebase or the like is under way in {held.folder} ({under_way}): end it first"
        )
    for change in made:
        _refuse_taken(held, change)
    paths = [change.path for change in made]
    said = await held.git.text(
        *("status", "--porcelain=v1", "-z", "--untracked-files=all", "--ignored=matching", "--no-renames"),
        *("--", *paths),
    )
    if said:
        raise _in_the_way(held, said.split("\0")[0])
    await _refuse_unwatched(held, paths)
    for change in made:
        # Git believes what its index says of a file's time and size.
        if await _content(held, change.path, held.folder / change.path) != _or_none(change.old_blob):
            raise _in_the_way(held, change.path)


def _in_the_way(held: Repository, what: str) -> FixFailed:
    return FixFailed(
        f"{held.folder} is not clean where the fix goes ({what}): commit or take back what was changed there"
    )


async def _refuse_unwatched(held: Repository, paths: Sequence[str]) -> None:
    """Where git was told not to look at a file, it does not tell what is done to it."""
    for entry in filter(None, (await held.git.text("ls-files", "-v", "-z", "--", *paths)).split("\0")):
        tag, path = entry.split(" ", 1)
        if tag.islower() or tag == "S":
            raise FixFailed(
                f"{path} is marked so that git does not look at it in {held.folder}; take the mark away: "
                f"git update-index --no-skip-worktree --no-assume-unchanged {path}"
            )


def _refuse_taken(held: Repository, change: Change) -> None:
    place = held.folder / change.path
    if any(parent.is_symlink() for parent in _parents(held, place)) or place.is_symlink():
        raise FixFailed(f"{change.path} is a symbolic link, or behind one, in {held.folder}")
    if change.status == "A" and os.path.lexists(place):
        raise FixFailed(f"{change.path} is already there in {held.folder}")


def _parents(held: Repository, place: Path) -> list[Path]:
    return [parent for parent in place.parents if held.folder in parent.parents]


async def _prepare(held: Repository, ref: str, old: str, new: str, made: Sequence[Change]) -> None:
    """The new index, the journal, git's lock: in this order each can be told for what it is."""
    index, prepared = held.git_dir / "index", held.git_dir / _INDEX
    try:
        seen = _identity(index)
        shutil.copyfile(index, prepared)
    except FileNotFoundError as error:
        raise FixFailed(f"{index} is missing: nothing is checked out in {held.folder}") from error
    lines = [
        f"0 {'0' * len(old)}\t{change.path}\0"
        if change.status == "D"
        else f"{change.new_mode} {change.new_blob}\t{change.path}\0"
        for change in made
    ]
    await held.git.on(GIT_INDEX_FILE=str(prepared)).output(
        *("update-index", "--add", "--remove", "-z", "--index-info"), stdin="".join(lines).encode()
    )
    state = prepared.stat()
    missing = {parent for change in made for parent in _parents(held, held.folder / change.path)}
    folders = sorted((str(place) for place in missing if not place.exists()), key=len, reverse=True)
    journal = _Journal(ref, old, new, (state.st_dev, state.st_ino), tuple(folders))
    _replace(held.git_dir / JOURNAL, json.dumps(asdict(journal)).encode())
    try:
        os.link(prepared, held.git_dir / "index.lock")
    except FileExistsError as error:
        raise FixFailed(
            f"git is at work in {held.folder}: {held.git_dir / 'index.lock'} is there; "
            "when no git runs, it is a leftover to be removed by hand"
        ) from error
    if _identity(index) != seen:
        raise Moved


def _identity(path: Path) -> tuple[int, int, int, int]:
    state = path.stat()
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


async def _write(held: Repository, path: str, wanted: str, present: str) -> bool:
    """Brings a file from one blob to another in one step; zeros: no file. False where it is neither.

    What was there keeps a second name: an editor that has it open may write to it yet.
    """
    place, aside = held.folder / path, _aside(held, path)
    beside = place.with_name(f"{_TEMPORARY}{place.name}")
    if _or_none(wanted):
        content = await held.git.output("cat-file", "--filters", f"--path={path}", wanted)
        place.parent.mkdir(parents=True, exist_ok=True)
        _fill(beside, content, place.stat().st_mode & 0o777 if place.is_file() else None)
    try:
        if not _or_none(present):
            os.link(beside, place)
            return True
        os.link(place, aside, follow_symlinks=False)
        if await _content(held, path, aside) != present or not _same(place, aside):
            aside.unlink()
            return False
        if _or_none(wanted):
            beside.replace(place)
        else:
            place.unlink()
    except (FileExistsError, FileNotFoundError):
        # Made or removed by somebody just now.
        return False
    finally:
        beside.unlink(missing_ok=True)
    return True


def _aside(held: Repository, path: str) -> Path:
    place = held.folder / path
    return place.with_name(f"{_ASIDE}{place.name}")


def _same(one: Path, other: Path) -> bool:
    first, second = one.lstat(), other.lstat()
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)


def _kind(place: Path) -> int:
    """The mode of what is there, links not followed; 0: nothing is."""
    try:
        return place.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _or_none(blob: str) -> str:
    """Empty for git's zeros, which stand for no file."""
    return blob.strip("0") and blob


async def _content(held: Repository, path: str, place: Path) -> str:
    """The blob that a file would be in the repository; empty: there is none; `?`: it is no regular file."""
    kind = _kind(place)
    if not stat.S_ISREG(kind):
        return "?" if kind else ""
    return await held.git.text("hash-object", f"--path={path}", "--", str(place))


def _replace(place: Path, content: bytes) -> None:
    """Writes a file beside its place and moves it there."""
    beside = place.with_name(f"{_TEMPORARY}{place.name}")
    _fill(beside, content, None)
    beside.replace(place)


def _fill(beside: Path, content: bytes, mode: int | None) -> None:
    with open(beside, "wb") as file:
        file.write(content)
        file.flush()
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


async def _recover(held: Repository) -> None:
    """Finishes a move whose branch has moved, undoes one whose branch has not."""
    place, prepared, lock = (held.git_dir / name for name in (JOURNAL, _INDEX, "index.lock"))
    (held.git_dir / f"{_TEMPORARY}{JOURNAL}").unlink(missing_ok=True)
    if not place.exists():
        prepared.unlink(missing_ok=True)
        return
    fields = json.loads(place.read_bytes())
    journal = _Journal(**{**fields, "lock": tuple(fields["lock"]), "folders": tuple(fields["folders"])})
    ours = lock.exists() and (lock.stat().st_dev, lock.stat().st_ino) == journal.lock
    at = await held.head()
    known = await held.branch() == journal.ref and at in (journal.old, journal.new)
    made = await changes(held.git, journal.old, journal.new)
    for folder in {(held.folder / change.path).parent for change in made}:
        for leftover in folder.glob(f"{_TEMPORARY}*"):
            leftover.unlink(missing_ok=True)
    for change in made:
        await _give_back(held, change)
    if known:
        await _settle(held, made, at, journal)
    if ours and known and at == journal.new:
        lock.replace(held.git_dir / "index")
    elif ours:
        lock.unlink()
    if known and at == journal.old:
        for name in journal.folders:
            with suppress(OSError):
                # Not ours any more where something else is in it.
                os.rmdir(name)
    place.unlink()
    prepared.unlink(missing_ok=True)


async def _settle(held: Repository, made: Sequence[Change], at: str, journal: _Journal) -> None:
    """Brings files that still have the content of the other commit to that of the branch's."""
    for change in made:
        wanted, other = change.new_blob, change.old_blob
        if at == journal.old:
            wanted, other = other, wanted
        place = held.folder / change.path
        if wanted != other and await _content(held, change.path, place) == _or_none(other):
            await _write(held, change.path, wanted, other)
            await _give_back(held, change)
        if at == journal.new and change.status == "D" and not _kind(place):
            with suppress(OSError):
                # As git does: folders that are empty then go, up to the first that is not.
                for parent in _parents(held, place):
                    parent.rmdir()


async def _give_back(held: Repository, change: Change) -> None:
    """Puts a file that was replaced back where somebody wrote to it since, and else ends its second name."""
    place, aside = held.folder / change.path, _aside(held, change.path)
    known = ("", _or_none(change.old_blob), _or_none(change.new_blob))
    content = await _content(held, change.path, aside)
    if not content:
        return
    if content in known or (_kind(place) and _same(place, aside)):
        aside.unlink()
    elif await _content(held, change.path, place) in known:
        aside.replace(place)
    # Else both are somebody's, and both stay.
