"""Where fixes are checked, proven, kept, applied and reverted. Several may work on one repository."""

import ast
import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from services.error_analyzer.domain import (
    Fix,
    FixFailed,
    InvalidFix,
    Proof,
    RepairUnavailable,
    Suggestion,
)
from services.error_analyzer.repair import commits, diffs, landing
from services.error_analyzer.repair.candidate import Trees, changes, grow
from services.error_analyzer.repair.git import SETTING, Git, GitError, Repository
from services.error_analyzer.repair.proof import Prover
from services.error_analyzer.repair.rules import judge_form
from services.error_analyzer.repair.sandbox.runner import probe, readable_folders
from services.error_analyzer.repair.workspace import Workspace
from services.error_analyzer.settings import Settings

_LOOKS_AT_A_MOVING_BRANCH = 3
_P = ParamSpec("_P")
_T = TypeVar("_T")


def _repeatable(
    work: Callable[Concatenate["Workshop", _P], Coroutine[Any, Any, _T]],
) -> Callable[Concatenate["Workshop", _P], Coroutine[Any, Any, _T]]:
    """What git or the machine refuses on the way is no fault of a fix: RepairUnavailable."""

    @wraps(work)
    async def repeatable(self: "Workshop", /, *args: _P.args, **more: _P.kwargs) -> _T:
        try:
            return await work(self, *args, **more)
        except (GitError, OSError) as error:
            raise RepairUnavailable(f"it could not be done now: {error}") from error

    return repeatable


class Workshop:
    """`isolation`: what confines tests here, for people; empty: nothing, and nothing is proven."""

    def __init__(
        self, settings: Settings, repository: Repository, workspace: Workspace, isolation: str, why_not: str
    ) -> None:
        self.isolation = isolation
        self._why_not = why_not
        self._settings, self._repository, self._workspace = settings, repository, workspace
        self._prover = Prover(settings, repository, workspace)
        self._proven: dict[Fix, Proof] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator["Workshop"]:
        """RepairUnavailable says what is missing. Puts in order what a killed one left.

        Where tests can't be confined, the modes that run any are unavailable; the others work.
        """
        workspace = await asyncio.to_thread(Workspace.make)
        try:
            repository = await Repository.open(settings.auto_fix_repository, workspace.home)
            _refuse_overlap(settings, repository, workspace)
            await repository.head()
            isolation = why_not = ""
            try:
                isolation = await probe(workspace.place("probe"))
            except RepairUnavailable as error:
                if settings.auto_fix_mode in ("branch", "apply"):
                    raise
                why_not = str(error)
            async with landing.locked(repository):
                # Holding it has put in order what was left.
                workshop = cls(settings, repository, workspace, isolation, why_not)
            yield workshop
        finally:
            await asyncio.shield(workspace.close())

    @property
    def folder(self) -> Path:
        """Where it keeps its files, outside of the repository; gone when it is closed."""
        return self._workspace.folder

    @_repeatable
    async def ready(self) -> None:
        """RepairUnavailable where no fix could be proven now: tests can't run, or fail without any."""
        if self._why_not:
            raise RepairUnavailable(self._why_not)
        await self._prover.ready(await self._repository.head())

    @_repeatable
    async def check(self, suggestion: Suggestion) -> Fix:
        """The fix, for the repository's HEAD. InvalidFix says which rule it breaks. Nothing of it is run."""
        return await self._checked(suggestion, await self._repository.head())

    async def _checked(self, suggestion: Suggestion, base: str) -> Fix:
        files = judge_form(suggestion, self._settings)
        fix = Fix(
            diff=diffs.write(files),
            test_path=suggestion.test_path,
            test_code=suggestion.test_code,
            files=tuple(file.path for file in files),
            base_commit=base,
        )
        await self._trees(fix)
        return fix

    async def _trees(self, fix: Fix) -> Trees:
        """In the workshop's own object store; judges the fix once more."""
        return await grow(self._workspace.scratch(self._repository), fix)

    @_repeatable
    async def prove(self, fix: Fix) -> Proof:
        """Runs tests in the sandbox. FixFailed, with what they printed; RepairUnavailable: none can run."""
        if self._why_not:
            raise RepairUnavailable(self._why_not)
        if fix not in self._proven:
            try:
                judge_form(Suggestion(fix.diff, fix.test_path, fix.test_code, ""), self._settings)
                trees = await self._trees(fix)
            except InvalidFix as error:
                raise FixFailed(f"it breaks a rule: {error}") from error
            self._proven = {fix: await self._prover.prove(fix, trees)}
        return self._proven[fix]

    @_repeatable
    async def keep(self, fingerprint: str, fix: Fix, *, message: str) -> str:
        """The commit that `autofix/<fingerprint>` now names. Same fix and message: the same commit.

        One that this workshop has not proven is proven first. FixFailed where the branch is somebody else's.
        """
        if not commits.FINGERPRINT.fullmatch(fingerprint):
            raise ValueError(f"no fingerprint: {fingerprint[:100]!r}")
        await self.prove(fix)
        worded = commits.worded(message, Autofix=fingerprint)
        return await _uninterrupted(self._keep(fingerprint, fix, worded))

    async def _keep(self, fingerprint: str, fix: Fix, message: str) -> str:
        async with landing.locked(self._repository) as held:
            commit = await commits.commit_fix(held, self._workspace, fix, message)
            await commits.point_branch(held, fingerprint, commit)
            return commit

    @_repeatable
    async def apply(self, fingerprint: str, commit: str) -> str:
        """The commit by which a kept fix is in the checked-out branch now: itself, or the same on newer code.

        On newer code it is proven again. FixFailed where it does not fit, or somebody's work is in the way.
        """
        base, message = await self._one_of_ours(commit)
        if commits.trailers(message).get("Autofix") != fingerprint:
            raise FixFailed(f"{commit[:12]} is no fix of {fingerprint}")
        for _ in range(_LOOKS_AT_A_MOVING_BRANCH):
            ref, head = await self._branch()
            if applied := await self._applied(commit, base, head):
                return applied
            await self._refuse_replaced(fingerprint, commit)
            fix = await self._fix_of(commit, base, head)
            if head != base:
                await self.prove(fix)
            try:
                return await _uninterrupted(self._land_fix(fingerprint, commit, fix, ref, message))
            except landing.Moved:
                continue
        raise FixFailed("the branch moved each time that the fix was to be applied: try again")

    async def _land_fix(self, fingerprint: str, commit: str, fix: Fix, ref: str, message: str) -> str:
        async with landing.locked(self._repository) as held:
            target = commit
            if (await held.parents(commit))[0] != fix.base_commit:
                body = commits.worded(message, Autofix=fingerprint, Autofix_Of=commit)
                target = await commits.commit_fix(held, self._workspace, fix, body)
            await landing.move(held, ref, fix.base_commit, target, reason=f"autofix: applied {fingerprint}")
            return target

    @_repeatable
    async def revert(self, commit: str, *, message: str) -> str:
        """The commit that takes an applied fix out again. FixFailed where later changes build on it.

        Where nothing of it is left, taken out by hand or overwritten, that is HEAD as it is.
        """
        _, applied_message = await self._one_of_ours(commit)
        fingerprint = commits.trailers(applied_message).get("Autofix", "")
        worded = commits.worded(message, Autofix=fingerprint, Reverts=commit)
        for _ in range(_LOOKS_AT_A_MOVING_BRANCH):
            ref, head = await self._branch()
            if not await self._repository.git.succeeds("merge-base", "--is-ancestor", commit, head):
                raise FixFailed(f"{commit[:12]} is not in the checked-out branch")
            for made, marks in await commits.ours_since(self._repository, commit, head):
                if marks.get("Reverts") == commit:
                    return made
            # Tried apart first: where it does not go, the repository gets no object of it.
            scratch = self._workspace.scratch(self._repository)
            if await self._without(scratch, commit, head) == await scratch.text(
                "rev-parse", f"{head}^{{tree}}"
            ):
                return head
            try:
                return await _uninterrupted(self._land_revert(commit, head, ref, worded))
            except landing.Moved:
                continue
        raise FixFailed("the branch moved each time that the fix was to be reverted: try again")

    async def _land_revert(self, commit: str, head: str, ref: str, message: str) -> str:
        async with landing.locked(self._repository) as held:
            git = held.git.on(GIT_INDEX_FILE=str(self._workspace.place("index")))
            target = await commits.make(held, await self._without(git, commit, head), head, message)
            await landing.move(held, ref, head, target, reason=f"autofix: reverted {commit[:12]}")
            return target

    async def _without(self, git: Git, commit: str, head: str) -> str:
        """The tree of `head` without what a commit changed; files that are as they were before it stay."""
        there = {change.path for change in await changes(git, f"{commit}^", head)}
        left = [change.path for change in await changes(git, commit, f"{commit}^") if change.path in there]
        await git.output("read-tree", head)
        try:
            if left:
                undo = await git.output(
                    *("diff-tree", "-p", "--binary", "--full-index", "--no-renames"),
                    *(commit, f"{commit}^", "--", *left),
                )
                await git.output("apply", "--cached", "--3way", "-", stdin=undo)
            tree = await git.text("write-tree")
        except GitError as error:
            raise FixFailed(f"later changes build on {commit[:12]}; revert it by hand: {error}") from error
        for change in await changes(git, head, tree):
            if change.status != "D" and change.path.endswith(".py"):
                try:
                    ast.parse(await git.output("cat-file", "blob", change.new_blob))
                except (SyntaxError, ValueError) as error:
                    raise FixFailed(f"without {commit[:12]}, {change.path} is no Python any more") from error
        return tree

    async def _branch(self) -> tuple[str, str]:
        ref = await self._repository.branch()
        if ref is None:
            raise FixFailed(
                f"{SETTING}: no branch is checked out in {self._repository.folder} (detached HEAD)"
            )
        return ref, await self._repository.head()

    async def _one_of_ours(self, commit: str) -> tuple[str, str]:
        """The parent and the message of a commit that a workshop made."""
        try:
            ours = await self._repository.is_ours(f"{commit}^{{commit}}")
            parents = await self._repository.parents(commit)
        except GitError as error:
            raise FixFailed(f"the repository has no commit {commit[:64]!r}") from error
        if not ours or len(parents) != 1:
            raise FixFailed(f"{commit[:12]} was not made by this service")
        return parents[0], await self._repository.message(commit)

    async def _applied(self, commit: str, base: str, head: str) -> str | None:
        made = await commits.ours_since(self._repository, base, head)
        reverted = {marks["Reverts"] for _, marks in made if "Reverts" in marks}
        for applied, marks in made:
            if "Reverts" not in marks and (applied == commit or marks.get("Autofix-Of") == commit):
                if applied in reverted:
                    raise FixFailed(f"{commit[:12]} was applied and reverted; a new fix is needed")
                return applied
        return None

    async def _refuse_replaced(self, fingerprint: str, commit: str) -> None:
        name = f"{commits.BRANCHES}{fingerprint}"
        code, tip = await self._repository.git.call("rev-parse", "--verify", "--quiet", name, ok=(0, 1))
        if code != 0 or tip.decode().strip() != commit:
            raise FixFailed(
                f"the branch autofix/{fingerprint} no longer holds {commit[:12]}: it was given up"
            )

    async def _fix_of(self, commit: str, base: str, head: str) -> Fix:
        """The fix that a commit holds, for `head`; judged by the rules as they are set now."""
        # With an index of its own, or git takes files of the working tree for those of a commit.
        git = self._workspace.scratch(self._repository)
        made = await changes(git, base, commit)
        tests = [change for change in made if change.status == "A"]
        changed = [change.path for change in made if change.status != "A"]
        if len(tests) != 1 or not changed:
            raise FixFailed(f"{commit[:12]} is no fix as this service makes them")
        diff = await git.text(
            *("diff-tree", "-p", "--no-renames", "--full-index", "--src-prefix=a/", "--dst-prefix=b/"),
            *(base, commit, "--", *changed),
        )
        code = (await git.output("cat-file", "blob", tests[0].new_blob)).decode("utf-8", "replace")
        try:
            return await self._checked(Suggestion(diff, tests[0].path, code, ""), head)
        except InvalidFix as error:
            raise FixFailed(
                f"the fix does not fit the code and the rules as they are now: {error}"
            ) from error


def _refuse_overlap(settings: Settings, repository: Repository, workspace: Workspace) -> None:
    """What tests may read can't hold what they must not."""
    for secret in (repository.folder, repository.common_dir, settings.data_dir.resolve()):
        for folder in readable_folders():
            if secret.is_relative_to(folder.resolve()):
                raise RepairUnavailable(
                    f"{SETTING}: {secret} is within {folder}, which tests can read: move it"
                )
    if workspace.folder.is_relative_to(repository.folder) and not repository.bare:
        raise RepairUnavailable(f"TMPDIR: {workspace.folder} is within the repository; name another folder")


async def _uninterrupted(work: Coroutine[Any, Any, str]) -> str:
    """Its result; a cancellation waits for its end, for half of it would have to be put in order again."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
