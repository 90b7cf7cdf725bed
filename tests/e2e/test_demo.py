"""What a newcomer does first: `aiartist demo`, twice, with no keys and the real local model."""

import asyncio
import hashlib
import json
import sys
from pathlib import Path

import pytest

from tests.support.processes import REPO, clean_environment


@pytest.mark.local_model
@pytest.mark.timeout(400)
async def test_two_demos_make_two_different_releases_that_verify(tmp_path: Path) -> None:
    first = await _demo(tmp_path)
    second = await _demo(tmp_path)

    for release in (first, second):
        status, told = await _run("-m", "services.release.package.verify", str(release))
        assert status == 0, told
    titles = [json.loads((release / "metadata.json").read_text())["title"] for release in (first, second)]
    assert titles[0] != titles[1]
    audio = [_sha256(next(release.glob("audio/*.flac"))) for release in (first, second)]
    assert audio[0] != audio[1]
    covers = [_sha256(release / "artwork" / "cover.jpg") for release in (first, second)]
    assert covers[0] != covers[1]


async def test_an_artists_file_with_mistakes_ends_the_demo_with_their_lines(tmp_path: Path) -> None:
    artist = tmp_path / "artist.yaml"
    artist.write_text("nmae: Somebody\ngenre: [pop]\n")
    status, told = await _aiartist(tmp_path, "demo", "--artist", str(artist))
    assert status == 2
    assert "nmae" in told
    assert "did you mean name?" in told
    assert "genre" in told
    assert "Traceback" not in told


async def test_an_artists_file_that_the_label_refuses_ends_the_demo_with_its_lines(tmp_path: Path) -> None:
    artist = tmp_path / "artist.yaml"
    artist.write_text("name: Somebody\ngenre: polka\nstyle: Merry.\nthemes: [beer]\ntempo:\n  min_bpm: 900\n")
    status, told = await _aiartist(tmp_path, "demo", "--artist", str(artist))
    assert status == 2, told
    assert f"{artist}:2: genre" in told
    assert f"{artist}:6: tempo.min_bpm" in told
    assert "Traceback" not in told


async def _demo(folder: Path) -> Path:
    """Runs the demo; the published folder."""
    artist = REPO / "examples" / "artists" / "nova-vale.yaml"
    status, told = await _aiartist(folder, "demo", "--artist", str(artist))
    assert status == 0, told
    last = told.strip().splitlines()[-1]
    assert last.startswith("released: "), told
    return Path(last.removeprefix("released: "))


async def _aiartist(folder: Path, *arguments: str) -> tuple[int, str]:
    return await _run("-m", "cli", *arguments, AIARTIST_DATA_DIR=str(folder / "data"))


async def _run(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit status and output, as a script would get them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=REPO, env=clean_environment(**environment),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
