"""Verifying packages with videos: they are decoded, and are those that the film's gate let through."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from services.release.package import layout, verify
from services.release.package.ddex import files_of, new_release_message
from services.release.package.documents import Metadata, Provenance
from services.release.package.verify import verify_package
from tests.support import media

LANDSCAPE = "video/neon-in-the-rain-landscape.mp4"
PORTRAIT = "video/neon-in-the-rain-portrait.mp4"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One package for all tests that put back what they change."""
    return media.package(tmp_path_factory.mktemp("whole"), filmed=True)


@pytest.fixture
def own(whole: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(whole, tmp_path / "package"))


def reseal(package: Path) -> None:
    """Writes message and manifest so that they fit the files: only the contents can give a forger away."""
    meta = Metadata.model_validate_json((package / "metadata.json").read_bytes())
    provenance = Provenance.model_validate_json((package / "provenance.json").read_bytes())
    (package / meta.message).write_bytes(new_release_message(meta, provenance, files_of(package, meta)))
    media.reseal(package, meta.media_types())


def edit(package: Path, path: str, change: Callable[[dict], None]) -> None:
    document = json.loads((package / path).read_bytes())
    change(document)
    (package / path).write_bytes(layout.canonical_json(document))
    reseal(package)


def test_a_package_with_videos_has_no_problems(whole: Path) -> None:
    assert verify_package(whole) == []
    told = json.loads((whole / "metadata.json").read_bytes())
    assert [video["path"] for video in told["videos"]] == [LANDSCAPE, PORTRAIT]
    assert told["ai_disclosure"]["video"] == {"made_by": "algorithm", "tools": ["aiartist video"]}
    assert told["credits"] == [
        {"source": "pexels", "author": "A. B.", "page_url": "https://www.pexels.com/video/857251/"}
    ]
    film = json.loads((whole / "provenance.json").read_bytes())["film"]
    assert {check["outcome"] for video in film["videos"] for check in video["checks"]} == {"pass"}


@pytest.mark.parametrize("path", [LANDSCAPE, PORTRAIT])
def test_any_flipped_byte_of_a_video_is_found(whole: Path, path: str) -> None:
    original = (whole / path).read_bytes()
    places = [0, 4, 40, len(original) - 1, *range(1, len(original), 1 + len(original) // 5)]
    try:
        for place in places:
            changed = bytearray(original)
            changed[place] ^= 0x80
            (whole / path).write_bytes(changed)
            assert path in {problem.path for problem in verify_package(whole)}, place
    finally:
        (whole / path).write_bytes(original)


def test_one_video_in_place_of_the_other_is_found_behind_a_fitting_manifest(own: Path) -> None:
    (own / PORTRAIT).write_bytes((own / LANDSCAPE).read_bytes())
    reseal(own)
    messages = [problem.message for problem in verify_package(own) if problem.path == PORTRAIT]
    assert any("provenance.film" in message for message in messages)
    assert any("width_px" in message for message in messages)


def test_a_video_that_is_cut_is_found_though_its_hash_fits(own: Path) -> None:
    data = (own / LANDSCAPE).read_bytes()
    (own / LANDSCAPE).write_bytes(data[: len(data) // 2])
    reseal(own)
    assert len([problem for problem in verify_package(own) if problem.path == LANDSCAPE]) >= 2


def test_a_missing_video_and_one_too_many_are_found(own: Path) -> None:
    (own / PORTRAIT).rename(own / "video/other.mp4")
    assert {PORTRAIT, "video/other.mp4"} <= {problem.path for problem in verify_package(own)}


def test_a_film_without_its_videos_is_found_behind_a_fitting_manifest(own: Path) -> None:
    (own / PORTRAIT).unlink()
    edit(own, "metadata.json", lambda document: document["videos"].pop())
    assert any(p.path == "metadata.json" and "videos" in p.message for p in verify_package(own))


@pytest.mark.parametrize(
    ("path", "change", "word"),
    [
        ("metadata.json", lambda d: d.update(credits=[]), "credits"),
        (
            "metadata.json",
            lambda d: d["ai_disclosure"]["video"].update(made_by="none"),
            "ai_disclosure.video",
        ),
        ("metadata.json", lambda d: d["videos"].reverse(), "videos"),
        ("provenance.json", lambda d: d["film"]["videos"][0]["checks"][0].update(outcome="fail"), "failed"),
        ("provenance.json", lambda d: d["film"]["clips"].clear(), "credits"),
    ],
)
def test_documents_that_contradict_the_film_are_found(
    own: Path, path: str, change: Callable[[dict], None], word: str
) -> None:
    edit(own, path, change)
    assert any(word in problem.message for problem in verify_package(own))


def test_a_video_may_not_be_too_big(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(verify._MOST_BYTES, layout.MP4, 1_000_000)
    assert {p.path for p in verify_package(own) if "at most 1000000" in p.message} == {LANDSCAPE, PORTRAIT}


def test_without_ffmpeg_videos_are_not_called_whole(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.release.video.ffmpeg.binary", lambda: "/nowhere/ffmpeg")
    found = {problem.path: problem.message for problem in verify_package(own)}
    assert found.keys() == {LANDSCAPE, PORTRAIT}
    assert all("can't be examined" in message for message in found.values())


def test_building_again_gives_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    again = media.package(tmp_path, filmed=True)
    for path in ("metadata.json", "provenance.json", "manifest.json"):
        assert (again / path).read_bytes() == (whole / path).read_bytes()
