"""The service in a git repository of its own, and the logs that it writes there."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tests.support.seeded_bugs.bug import SERVICE, Bug

PATHS = ("mixtape/**/*.py",)
"""What a fix may change, as `auto_fix_paths`."""
_NOT_NEEDED = ("anyio", "asyncio", "hypothesispytest", "timeout", "xdist", "xdist.looponfail")
COMMAND = " ".join(
    ["python -m pytest -q -p no:cacheprovider", *(f"-p no:{plugin}" for plugin in _NOT_NEEDED)]
)
"""As `auto_fix_command`: without this project's plugins, which take most of the time of a short run."""
TEST_COMMAND = f"{COMMAND} {{test}}"
"""As `auto_fix_test_command`."""
_COMMITS = (
    (
        "Begin the office: catalogue, lists and money",
        ("*.toml", "*.txt", "mixtape/[!lmst]*", "tests/test_[cm]*"),
    ),
    ("Work off jobs: mail, times and limits", ("mixtape/*", "tests/*")),
    ("Say how the worker is run", ("README.md",)),
)
"""Messages, and what each of them adds; the oldest first."""


def make_repository(folder: Path) -> Path:
    """A repository with the service in it, on branch `main`; the same commits wherever it is made."""
    repository = folder / "repository"
    repository.mkdir()
    git(repository, "init", "-q", "--initial-branch=main")
    for name, value in (("user.name", "Ana"), ("user.email", "ana@example.org"), ("commit.gpgsign", "false")):
        git(repository, "config", name, value)
    for number, (message, patterns) in enumerate(_COMMITS):
        for file in _files(patterns):
            target = repository / file.relative_to(SERVICE)
            target = target.with_name(".gitignore") if target.name == "ignored.txt" else target
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, target)
        git(repository, "add", "--all")
        git(repository, "commit", "-q", "-m", message, at=f"2026-01-0{number + 1}T12:00:00+00:00")
    return repository


def _files(patterns: Sequence[str]) -> list[Path]:
    found = {file for pattern in patterns for file in SERVICE.glob(pattern)}
    return sorted(file for file in found if file.is_file() and "__pycache__" not in file.parts)


def git(repository: Path, *arguments: str, at: str = "2026-01-01T12:00:00+00:00") -> str:
    """What git prints; no settings but the repository's own count."""
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": at,
        "GIT_COMMITTER_DATE": at,
    }
    ran = subprocess.run(
        ["git", *arguments], cwd=repository, env=environment, capture_output=True, text=True, timeout=60
    )
    if ran.returncode:
        raise RuntimeError(f"git {' '.join(arguments)}: {ran.stderr}")
    return ran.stdout


def log_of(repository: Path, bugs: Sequence[Bug], kind: Literal["plain", "json"]) -> str:
    """What the service's worker logs when it does the jobs of these bugs, one after the other, for real."""
    jobs = [{"name": job.name, "arguments": job.arguments} for bug in bugs for job in bug.jobs]
    ran = subprocess.run(
        [sys.executable, "-B", "-m", "mixtape.worker", "--log", kind],
        cwd=repository,
        env={"PATH": os.environ["PATH"]},
        input="".join(json.dumps(job) + "\n" for job in jobs),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return ran.stderr
