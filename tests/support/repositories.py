"""Small real git repositories with a bug, its fix, and eyes for whether anything in them changed."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

from services.error_analyzer.domain import Suggestion
from services.error_analyzer.settings import Settings

FINGERPRINT = "0123456789abcdef0123456789abcdef"
PRICES = '''"""What songs cost."""


def total(prices):
    """The sum of prices in cents."""
    return sum(prices)


def average(prices):
    """The mean price in cents."""
    return total(prices) / len(prices)
'''
TEST_PATH = "tests/autofix/test_average_of_none.py"
TEST_CODE = """from services.shop.prices import average


def test_the_average_of_no_prices_is_zero():
    assert average([]) == 0
"""
DIFF = """diff --git a/services/shop/prices.py b/services/shop/prices.py
--- a/services/shop/prices.py
+++ b/services/shop/prices.py
@@ -8,3 +8,5 @@
 def average(prices):
     \"\"\"The mean price in cents.\"\"\"
+    if not prices:
+        return 0
     return total(prices) / len(prices)
"""
GOOD = Suggestion(DIFF, TEST_PATH, TEST_CODE, "An empty list has no mean.")
_PROJECT_TEST = """from services.shop.prices import average, total


def test_prices_add_up():
    assert total([1, 2]) == 3


def test_the_average_is_the_mean():
    assert average([2, 4]) == 3
"""


_CHECK = """import runpy, sys, traceback

failed = False
try:
    tests = [value for name, value in runpy.run_path(sys.argv[1]).items() if name.startswith("test")]
except BaseException:
    traceback.print_exc()
    sys.exit(2)
for test in tests:
    try:
        test()
    except Exception:
        traceback.print_exc()
        failed = True
sys.exit(failed)
"""
QUICK = {
    "auto_fix_command": "python -S check.py tests/test_prices.py",
    "auto_fix_test_command": "python -S check.py {test}",
}
"""Test commands of the project's own, ten times as fast as pytest."""
PYTEST = {
    "auto_fix_command": "python -m pytest -q --disable-plugin-autoload",
    "auto_fix_test_command": "python -m pytest -q --disable-plugin-autoload {test}",
}


class SmallRepository:
    """A project of one module with a bug and two tests that pass, committed on `main`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.write("services/shop/prices.py", PRICES)
        self.write("services/shop/__init__.py", "")
        self.write("tests/test_prices.py", _PROJECT_TEST)
        self.write("check.py", _CHECK)
        self.write("notes.txt", "kept\n")
        self.write("run.sh", "#!/bin/sh\n")
        (folder / "run.sh").chmod(0o755)
        self.first = self.commit("A shop")

    @classmethod
    def at(cls, folder: Path) -> "SmallRepository":
        """One that is there already."""
        found = cls.__new__(cls)
        found.folder = folder
        return found

    def git(self, *arguments: str) -> str:
        """What git prints; CalledProcessError where it fails."""
        person = ("-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "core.hooksPath=/dev/null")
        return subprocess.run(
            ["git", *person, *arguments],
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
            env={
                "PATH": os.defpath,
                "HOME": "/nonexistent",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_AUTHOR_DATE": "1700000000 +0000",
                "GIT_COMMITTER_DATE": "1700000000 +0000",
            },
        ).stdout.strip()

    def write(self, path: str, text: str) -> None:
        """Writes a file, with its folders."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def read(self, path: str) -> str:
        """A file of the working tree."""
        return (self.folder / path).read_text(encoding="utf-8")

    def commit(self, message: str) -> str:
        """Commits everything; its id."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def state(self) -> dict[str, str]:
        """Every file, folder and link below the repository, `.git` with all in it, too: mode and content."""
        return state_of(self.folder)

    def is_clean(self) -> bool:
        """True where files, index and HEAD are the same, and git's own folder is in order."""
        self.git("fsck", "--strict")
        return self.git("status", "--porcelain", "--untracked-files=all") == ""


def state_of(folder: Path) -> dict[str, str]:
    """What is in a folder, each path with its mode and a hash of its content."""
    found = {}
    for root, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(root, name)
            if path.is_symlink():
                content = os.readlink(path).encode()
            else:
                content = path.read_bytes() if path.is_file() else b""
            mode = oct(path.lstat().st_mode)
            found[str(path.relative_to(folder))] = f"{mode} {hashlib.sha256(content).hexdigest()}"
    return found


def settings_for(repository: Path, data_dir: Path, **more: Any) -> Settings:
    """Settings that repair this repository, to apply fixes as far as they are told to."""
    given: dict[str, Any] = {
        "auto_fix_mode": "apply",
        "auto_fix_enabled": True,
        "auto_fix_repository": repository,
        "auto_fix_timeout_s": 30,
        **QUICK,
        "data_dir": data_dir,
    }
    return Settings(**{**given, **more})
