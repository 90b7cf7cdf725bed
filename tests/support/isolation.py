"""Whether this machine can confine what models write: without that, tests of repairs can't run."""

import asyncio
import tempfile
from functools import cache
from pathlib import Path

import pytest

from services.error_analyzer.domain import RepairUnavailable
from services.error_analyzer.repair.sandbox.runner import probe


@cache
def missing() -> str:
    """What the sandbox lacks here; empty: nothing."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            asyncio.run(probe(Path(folder) / "probe"))
        except RepairUnavailable as error:
            return str(error)
    return ""


NEEDS_ISOLATION = pytest.mark.skipif(bool(missing()), reason=f"nothing can be confined here: {missing()}")
