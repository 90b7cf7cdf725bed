"""A git repository with the code of a small service."""

import hashlib
import subprocess
from collections.abc import Mapping
from pathlib import Path

WORKER = '''"""Does the jobs."""

LIMIT = 3


class Worker:
    """Takes jobs."""

    def __init__(self, jobs):
        self.jobs = jobs

    async def drive(self, name):
        job = self.jobs[name]
        return job.run(LIMIT)


def price_of(order):
    return order["price"] * order["count"]
'''
FILES = {
    "services/__init__.py": "",
    "services/scheduler/__init__.py": "",
    "services/scheduler/worker.py": WORKER,
}


def git(repository: Path, *arguments: str) -> str:
    """What git prints; its own settings and the user's stay out."""
    done = subprocess.run(
        ["git", "-c", "user.name=Ana", "-c", "user.email=ana@example.com", *arguments],
        cwd=repository,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(repository)},
        capture_output=True,
        check=True,
        timeout=30,
    )
    return done.stdout.decode()


def commit(repository: Path, files: Mapping[str, str | bytes], subject: str = "A change") -> str:
    """Writes files and commits them; the commit's id."""
    for path, content in files.items():
        file = repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    git(repository, "add", "--force", "--", *files)
    git(repository, "commit", "--quiet", "--allow-empty", "-m", subject)
    return git(repository, "rev-parse", "HEAD").strip()


def make_repository(folder: Path, files: Mapping[str, str | bytes] = FILES) -> Path:
    """A repository with one commit of these files."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, files, "The beginning")
    return folder


def fingerprint_of(folder: Path) -> str:
    """SHA-256 over every file below a folder, .git too: what it was before, byte for byte."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        digest.update(str(file.relative_to(folder)).encode())
        if file.is_file() and not file.is_symlink():
            digest.update(file.read_bytes())
    return digest.hexdigest()
