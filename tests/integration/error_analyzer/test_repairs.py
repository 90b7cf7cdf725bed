"""What can be repaired where: the mode as it is set, as far as machine and repository allow."""

import errno
from pathlib import Path

import pytest

from services.error_analyzer.domain import RepairUnavailable
from services.error_analyzer.repair import workshop
from services.error_analyzer.repair.workspace import Workspace
from services.error_analyzer.repairs import repairs_of
from services.error_analyzer.settings import Settings
from tests.support.repositories import SmallRepository


def settings(folder: Path, mode: str, repository: Path | None) -> Settings:
    return Settings(
        data_dir=folder / "data",
        auto_fix_mode=mode,
        auto_fix_enabled=True,
        auto_fix_repository=repository,
    )


@pytest.mark.parametrize("mode", ["suggest", "branch", "apply"])
async def test_without_a_repository_nothing_is_repaired_and_it_says_so(tmp_path: Path, mode: str) -> None:
    async with repairs_of(settings(tmp_path, mode, None)) as repairs:
        assert (repairs.mode, repairs.effective_mode, repairs.workshop) == (mode, "off", None)
        assert "AIARTIST_AUTO_FIX_REPOSITORY" in repairs.lacks


async def test_a_folder_that_is_no_repository_is_named(tmp_path: Path) -> None:
    async with repairs_of(settings(tmp_path, "branch", tmp_path)) as repairs:
        assert (repairs.effective_mode, repairs.workshop) == ("off", None)
        assert str(tmp_path) in repairs.lacks


async def test_off_is_off_and_lacks_nothing(tmp_path: Path) -> None:
    repository = SmallRepository(tmp_path / "repo").folder
    async with repairs_of(settings(tmp_path, "off", repository)) as repairs:
        assert (repairs.effective_mode, repairs.lacks, repairs.workshop) == ("off", "", None)


async def test_where_nothing_can_be_confined_fixes_are_still_suggested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cannot(_folder: Path) -> str:
        raise RepairUnavailable("tests can't be confined here: no Landlock")

    monkeypatch.setattr(workshop, "probe", cannot)
    repository = SmallRepository(tmp_path / "repo").folder
    async with repairs_of(settings(tmp_path, "apply", repository)) as repairs:
        assert (repairs.mode, repairs.effective_mode) == ("apply", "suggest")
        assert "no Landlock" in repairs.lacks
        assert repairs.workshop is not None
        assert repairs.isolation == ""


async def test_a_full_disk_ends_repairs_and_not_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> Workspace:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Workspace, "make", full)
    repository = SmallRepository(tmp_path / "repo").folder
    async with repairs_of(settings(tmp_path, "suggest", repository)) as repairs:
        assert repairs.effective_mode == "off"
        assert "No space left" in repairs.lacks
