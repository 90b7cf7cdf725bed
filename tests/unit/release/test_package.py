"""Building a package: the same inputs give the same bytes, and they are what they say."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from aiartist.common.v1 import brief_pb2
from services.chassis.ids import derived_id
from services.release.content import content_digest
from services.release.package import layout
from services.release.package.build import build_package
from services.release.package.flac import read_tags, stream_info, write_tagged
from services.release.package.lyrics import lyrics_text
from tests.support import media, tiny_studio


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_package_has_exactly_the_layout_s_files(tmp_path: Path) -> None:
    assert sorted(files(media.package(tmp_path))) == [
        "artwork/cover.jpg",
        "audio/neon-in-the-rain.flac",
        f"ddex/{derived_id('rel', 'Neon in the Rain')}.xml",
        "lyrics/neon-in-the-rain.txt",
        "manifest.json",
        "metadata.json",
        "provenance.json",
    ]


def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    parts = media.ingredients(tmp_path / "master.flac")
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        build_package(folder, tmp_path / "master.flac", parts)
    assert files(first) == files(second)


def test_the_packaged_audio_is_the_reviewed_master_with_tags(tmp_path: Path) -> None:
    package = media.package(tmp_path)
    song = package / "audio" / "neon-in-the-rain.flac"
    packaged, _ = soundfile.read(song, dtype="int32")
    reviewed, _ = soundfile.read(tmp_path / "master.flac", dtype="int32")
    assert np.array_equal(packaged, reviewed)
    assert dict(read_tags(song))["TITLE"] == "Neon in the Rain"
    with soundfile.SoundFile(song) as file:
        assert (file.title, file.artist, file.genre) == ("Neon in the Rain", "Nova Vale", "synthwave")


def test_the_manifest_s_digest_is_what_sha256sum_would_give(tmp_path: Path) -> None:
    package = media.package(tmp_path)
    manifest = json.loads((package / "manifest.json").read_bytes())
    assert [entry["path"] for entry in manifest["files"]] == sorted(e["path"] for e in manifest["files"])
    lines = "".join(
        f"{hashlib.sha256((package / entry['path']).read_bytes()).hexdigest()}  {entry['path']}\n"
        for entry in manifest["files"]
    )
    assert manifest["digest"] == f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def test_nothing_in_a_package_tells_of_the_machine(tmp_path: Path) -> None:
    everything = b"".join(files(media.package(tmp_path)).values())
    assert str(tmp_path).encode() not in everything
    assert str(Path.cwd()).encode() not in everything


def test_who_made_what_is_told_truthfully(tmp_path: Path) -> None:
    told = json.loads((media.package(tmp_path) / "metadata.json").read_bytes())["ai_disclosure"]
    assert told["lyrics"] == {"made_by": "language_model", "tools": ["local/smollm2"]}
    assert told["vocals"] == {"made_by": "none", "tools": []}
    assert {told[part]["made_by"] for part in ("composition", "performance", "artwork")} == {"algorithm"}


def test_a_music_model_that_sings_is_disclosed(tmp_path: Path) -> None:
    parts = media.ingredients(tmp_path / "master.flac")
    parts.take.provider = "acestep"
    (tmp_path / "package").mkdir()
    build_package(tmp_path / "package", tmp_path / "master.flac", parts)
    told = json.loads((tmp_path / "package" / "metadata.json").read_bytes())["ai_disclosure"]
    assert {told[part]["made_by"] for part in ("composition", "vocals", "performance")} == {"music_model"}


def test_a_decision_is_about_master_cover_and_brief_all_three() -> None:
    master, cover = "0" * 64, "1" * 64
    brief = media.brief()
    digests = {
        content_digest(master, cover, brief),
        content_digest("2" * 64, cover, brief),
        content_digest(master, "2" * 64, brief),
        content_digest(cover, master, brief),
        content_digest(master, cover, media.brief(seed=8)),
        content_digest(master, "", brief),
    }
    assert len(digests) == 6


def test_what_older_versions_decided_about_keeps_its_digest() -> None:
    brief = media.brief()
    content = bytes.fromhex("0" * 64) + brief.SerializeToString(deterministic=True)
    assert content_digest("0" * 64, "", brief) == f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Neon in the Rain", "neon-in-the-rain"),
        ("Don't Stop", "dont-stop"),
        ("Ça va / là-bas", "ca-va-la-bas"),
        ("Белые ночи", "belye-nochi"),
        ("../../etc/passwd", "etc-passwd"),
        ("CON", "con-song"),
        ("a" * 80, "a" * 60),
    ],
)
def test_file_names_follow_from_titles(title: str, name: str) -> None:
    assert layout.slug(title) == name


@given(st.text(min_size=1, max_size=80))
@settings(deadline=None)
def test_every_title_gives_a_safe_file_name(title: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", layout.slug(title))
    assert len(layout.slug(title)) <= 65


def test_lyrics_name_their_parts_and_number_the_verses() -> None:
    assert lyrics_text(media.brief()) == (
        "Neon in the Rain\n\n[Verse 1]\nRain on the glass\nLights in a row\n\n"
        "[Chorus]\nStay, stay awake\n\n[Verse 2]\nLast train is gone\nÇa va, I know\n"
    )


def test_a_song_without_words_says_so() -> None:
    brief = brief_pb2.Brief(title="Drift", sections=[brief_pb2.Section(kind=brief_pb2.Section.KIND_INTRO)])
    assert lyrics_text(brief) == "Drift\n\n[Instrumental]\n"


TAGS = st.lists(st.tuples(st.from_regex(r"[A-Z]{1,12}", fullmatch=True), st.text(max_size=50)), max_size=8)


@given(tags=TAGS)
@settings(deadline=None, max_examples=25)
def test_tags_come_back_as_they_were_written(
    tags: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("flac")
    soundfile.write(folder / "a.flac", tiny_studio.master(1, seconds=0.5), tiny_studio.RATE, subtype="PCM_24")
    write_tagged(folder / "a.flac", folder / "b.flac", tags)
    assert read_tags(folder / "b.flac") == tags
    assert stream_info(folder / "b.flac") == stream_info(folder / "a.flac")


def test_the_stream_s_facts_are_read_from_its_head(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", tiny_studio.master(1), tiny_studio.RATE, subtype="PCM_24")
    info = stream_info(tmp_path / "a.flac")
    assert (info.sample_rate, info.channels, info.bits_per_sample, info.frames) == (44_100, 2, 24, 88_200)


@pytest.mark.parametrize("data", [b"", b"fLaC", b"RIFF" + bytes(60), b"fLaC\x84\x00\x00\x02\xff"])
def test_what_is_no_flac_is_told_apart(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.flac").write_bytes(data)
    with pytest.raises(ValueError):
        stream_info(tmp_path / "a.flac")
