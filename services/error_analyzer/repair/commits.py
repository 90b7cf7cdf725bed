"""Makes commits from git's plumbing, without any working tree, and finds those that were made."""

import re

from services.error_analyzer.domain import Fix, FixFailed
from services.error_analyzer.repair.candidate import grow
from services.error_analyzer.repair.git import AUTHOR_EMAIL, AUTHOR_NAME, GitError, Repository
from services.error_analyzer.repair.workspace import Workspace

BRANCHES = "refs/heads/autofix/"
FINGERPRINT = re.compile(r"[0-9a-f]{8,64}")
_TRAILER = re.compile(r"^(Autofix|Autofix-Of|Reverts): ([0-9a-f]{8,64})$", re.MULTILINE)
_LONGEST_MESSAGE = 20_000
_MOST_COMMITS = "2000"


async def make(repository: Repository, tree: str, parent: str, message: str) -> str:
    """A commit by this service, dated as its parent: the same content and message give the same commit."""
    date = await repository.commit_date(parent)
    git = repository.git.on(
        GIT_AUTHOR_NAME=AUTHOR_NAME,
        GIT_AUTHOR_EMAIL=AUTHOR_EMAIL,
        GIT_AUTHOR_DATE=date,
        GIT_COMMITTER_NAME=AUTHOR_NAME,
        GIT_COMMITTER_EMAIL=AUTHOR_EMAIL,
        GIT_COMMITTER_DATE=date,
    )
    return await git.text("commit-tree", tree, "-p", parent, "-F", "-", stdin=message.encode())


def worded(message: str, **trailers: str) -> str:
    """A message with trailers: `Autofix_Of="..."` is the line `Autofix-Of: ...`. Its own lose theirs."""
    plain = _TRAILER.sub(r"\1 \2", message.replace("\0", "").replace("\r", "")).strip()[:_LONGEST_MESSAGE]
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in trailers.items()]
    return f"{plain or 'A fix'}\n\n" + "\n".join(lines) + "\n"


def trailers(message: str) -> dict[str, str]:
    """The trailers of one of our messages, by name; they are in its last paragraph."""
    return dict(_TRAILER.findall(message.strip().rpartition("\n\n")[2]))


async def commit_fix(repository: Repository, workspace: Workspace, fix: Fix, message: str) -> str:
    """Writes a fix into the repository's object store as a commit on its base. No ref names it yet."""
    git = repository.git.on(GIT_INDEX_FILE=str(workspace.place("index")))
    trees = await grow(git, fix)
    return await make(repository, trees.both, fix.base_commit, message)


async def point_branch(repository: Repository, fingerprint: str, commit: str) -> None:
    """Has `autofix/<fingerprint>` name a commit. FixFailed where it names one that is not this service's."""
    name = BRANCHES + fingerprint
    code, printed = await repository.git.call(
        "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", ok=(0, 1)
    )
    old = printed.decode().strip() if code == 0 else ""
    if old == commit:
        return
    short = name.removeprefix("refs/heads/")
    if old and not await repository.is_ours(old):
        raise FixFailed(f"the branch {short} holds commits of somebody else; rename or delete it")
    listed = await repository.git.text("worktree", "list", "--porcelain")
    if f"branch {name}" in listed.splitlines():
        raise FixFailed(f"the branch {short} is checked out, so it can't be replaced")
    try:
        await repository.git.output(
            "update-ref", "-m", "autofix: kept", name, commit, old or "0" * len(commit)
        )
    except GitError as error:
        raise FixFailed(f"the branch {short} can't be written: {error}") from error


async def ours_since(repository: Repository, start: str, head: str) -> list[tuple[str, dict[str, str]]]:
    """This service's commits after `start` up to `head`, newest first, with their trailers."""
    printed = await repository.git.text(
        *("log", "-z", "--format=%H%n%ae%n%B", f"--max-count={_MOST_COMMITS}"),
        *(f"--author=<{AUTHOR_EMAIL}>", "--fixed-strings", f"{start}..{head}"),
    )
    found = []
    for entry in filter(None, printed.split("\0")):
        commit, mail, message = entry.split("\n", 2)
        if mail == AUTHOR_EMAIL:
            found.append((commit, trailers(message)))
    return found
