"""Verifying: a whole package passes, and whatever is changed is found."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from services.chassis.ids import derived_id
from services.release.cover import draw_cover
from services.release.package import layout
from services.release.package.ddex import files_of, new_release_message
from services.release.package.documents import Metadata, Provenance
from services.release.package.flac import write_tagged
from services.release.package.verify import examine, verify_package
from tests.support import media, tiny_studio

MESSAGE = f"ddex/{derived_id('rel', 'Neon in the Rain')}.xml"
FILES = (
    "artwork/cover.jpg",
    "audio/neon-in-the-rain.flac",
    MESSAGE,
    "lyrics/neon-in-the-rain.txt",
    "manifest.json",
    "metadata.json",
    "provenance.json",
)
SONG = "audio/neon-in-the-rain.flac"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One package for all tests that put back what they change."""
    return media.package(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def own(whole: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(whole, tmp_path / "package"))


def reseal(package: Path) -> None:
    """Writes message and manifest so that they fit the files: only the contents can give a forger away."""
    meta = Metadata.model_validate_json((package / "metadata.json").read_bytes())
    try:
        provenance = Provenance.model_validate_json((package / "provenance.json").read_bytes())
        message = new_release_message(meta, provenance, files_of(package, meta))
    except ValueError:
        pass
    else:
        next((package / "ddex").iterdir()).unlink()
        (package / meta.message).write_bytes(message)
    media.reseal(package, meta.media_types())


def edit(package: Path, path: str, change: Callable[[dict], None]) -> None:
    document = json.loads((package / path).read_bytes())
    change(document)
    (package / path).write_bytes(layout.canonical_json(document))
    reseal(package)


def replace_audio(package: Path, samples: np.ndarray, *, rate: int = 44_100, subtype: str = "PCM_16") -> None:
    soundfile.write(package.parent / "new.flac", samples, rate, subtype=subtype)
    (package / SONG).unlink()
    write_tagged(package.parent / "new.flac", package / SONG, [])
    reseal(package)


def test_a_whole_package_has_no_problems(whole: Path) -> None:
    report = examine(whole)
    assert report.problems == ()
    assert report.files_checked == 7
    assert report.digest == json.loads((whole / "manifest.json").read_bytes())["digest"]


@pytest.mark.parametrize("path", FILES)
@given(data=st.data())
@settings(deadline=None, max_examples=30)
def test_any_flipped_byte_is_found(whole: Path, path: str, data: st.DataObject) -> None:
    original = (whole / path).read_bytes()
    place = data.draw(st.integers(0, len(original) - 1))
    bits = data.draw(st.integers(1, 255))
    changed = bytearray(original)
    changed[place] ^= bits
    try:
        (whole / path).write_bytes(changed)
        assert verify_package(whole)
    finally:
        (whole / path).write_bytes(original)


def test_the_manifest_s_bytes_count_from_end_to_end(whole: Path) -> None:
    original = (whole / "manifest.json").read_bytes()
    unnoticed = []
    try:
        for place in range(0, len(original), 11):
            (whole / "manifest.json").write_bytes(
                original[:place] + bytes([original[place] ^ 1]) + original[place + 1 :]
            )
            if not verify_package(whole):
                unnoticed.append(place)
    finally:
        (whole / "manifest.json").write_bytes(original)
    assert unnoticed == []


@pytest.mark.parametrize("path", FILES)
@given(share=st.floats(0, 1, exclude_max=True))
@settings(deadline=None, max_examples=10)
def test_any_truncation_is_found(whole: Path, path: str, share: float) -> None:
    original = (whole / path).read_bytes()
    try:
        (whole / path).write_bytes(original[: int(len(original) * share)])
        assert verify_package(whole)
    finally:
        (whole / path).write_bytes(original)


@pytest.mark.parametrize("path", FILES)
def test_a_missing_file_is_named(own: Path, path: str) -> None:
    (own / path).unlink()
    assert any(path == problem.path and "missing" in problem.message for problem in verify_package(own))


@pytest.mark.parametrize(
    "path", ["notes.txt", "audio/second.flac", "artwork/.DS_Store", "lyrics/deep/er.txt", "manifest.json~"]
)
def test_a_file_too_many_is_named(own: Path, path: str) -> None:
    (own / path).parent.mkdir(parents=True, exist_ok=True)
    (own / path).write_bytes(b"x")
    assert path in {problem.path for problem in verify_package(own)}


@pytest.mark.parametrize("path", FILES)
def test_a_symbolic_link_is_refused_even_to_the_right_bytes(own: Path, tmp_path: Path, path: str) -> None:
    (own / path).rename(tmp_path / "elsewhere")
    (own / path).symlink_to(tmp_path / "elsewhere")
    assert any(path == p.path and "symbolic link" in p.message for p in verify_package(own))


def test_an_empty_folder_and_a_pipe_are_refused(own: Path) -> None:
    (own / "video").mkdir()
    os.mkfifo(own / "audio" / "pipe")
    assert {"video", "audio/pipe"} <= {problem.path for problem in verify_package(own)}


def test_a_manifest_that_leads_out_of_the_package_is_refused(own: Path) -> None:
    manifest = json.loads((own / "manifest.json").read_bytes())
    manifest["files"][0]["path"] = "../../secret"
    (own / "manifest.json").write_bytes(layout.canonical_json(manifest))
    assert "../../secret" in {problem.path for problem in verify_package(own)}


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b"[" * 100_000, b'{"files": [1]}', b"\xff\xfe"])
@pytest.mark.parametrize("path", ["manifest.json", "metadata.json", "provenance.json"])
def test_garbage_is_a_problem_and_not_a_crash(own: Path, path: str, data: bytes) -> None:
    (own / path).write_bytes(data)
    assert path in {problem.path for problem in verify_package(own)}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "x" * 81),
        ("tempo_bpm", 30),
        ("tempo_bpm", "118"),
        ("key", "H minor"),
        ("isrc", "nonsense"),
        ("upc", "12"),
        ("loudness_lufs", None),
        ("release_id", "rel_1"),
        ("duration_ms", -1),
        ("surprise", 1),
        ("schema_version", 3),
        ("schema_version", True),
        ("label", ""),
        ("release_date", "2026-2-2"),
        ("explicit", 1),
        ("ddex", None),
    ],
)
def test_metadata_is_checked_field_by_field(own: Path, field: str, value: object) -> None:
    document = json.loads((own / "metadata.json").read_bytes())
    document[field] = value
    (own / "metadata.json").write_bytes(layout.canonical_json(document))
    assert any(p.path == "metadata.json" and field in p.message for p in verify_package(own))


@pytest.mark.parametrize(
    "codes",
    [{"isrc": "QZABC2600001"}, {"upc": "012345678905"}, {"isrc": "DEA012600002", "upc": "4006381333931"}],
)
def test_allocated_codes_are_welcome(tmp_path: Path, codes: dict[str, str]) -> None:
    package = media.package(tmp_path, **codes)
    assert verify_package(package) == []
    told = json.loads((package / "metadata.json").read_bytes())
    assert {name: told[name] for name in codes} == codes
    name = codes.get("upc", derived_id("rel", "Neon in the Rain"))
    assert [path.name for path in (package / "ddex").iterdir()] == [f"{name}.xml"]


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ({"isrc": "QZABC2600000"}, "ISO 3901"),
        ({"upc": "012345678904"}, "check digit"),
        ({"upc": "4006381333932"}, "check digit"),
    ],
)
def test_codes_that_no_one_gives_out_are_found(own: Path, code: dict[str, str], word: str) -> None:
    edit(own, "metadata.json", lambda document: document.update(code))
    assert any(p.path == "metadata.json" and word in p.message for p in verify_package(own))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d.update(explicit=True), "explicit"),
        (lambda d: d.update(release_date="2026-02-03"), "release_date"),
        (lambda d: d["ai_disclosure"]["lyrics"].update(made_by="none", tools=[]), "ai_disclosure.lyrics"),
        (lambda d: d["ai_disclosure"]["artwork"].update(made_by="image_model"), "ai_disclosure.artwork"),
        (lambda d: d["credits"].append({"source": "pexels", "author": "", "page_url": ""}), "credits"),
    ],
)
def test_metadata_that_does_not_follow_from_provenance_is_found(
    own: Path, change: Callable[[dict], None], word: str
) -> None:
    edit(own, "metadata.json", change)
    assert any(p.path == "metadata.json" and word in p.message for p in verify_package(own))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("NotExplicit", "Explicit"),
        lambda text: text.replace("Worldwide", "DE"),
        lambda text: text + " ",
        lambda text: text.replace("  <PartyList>", "<PartyList>"),
        lambda text: "<?xml version='1.0'?><x/>",
    ],
)
def test_another_message_is_found_behind_a_fitting_manifest(own: Path, change: Callable[[str], str]) -> None:
    (own / MESSAGE).write_text(change((own / MESSAGE).read_text()))
    meta = Metadata.model_validate_json((own / "metadata.json").read_bytes())
    media.reseal(own, meta.media_types())
    assert MESSAGE in {problem.path for problem in verify_package(own)}


@pytest.mark.parametrize(
    ("one", "other"),
    [(one, other) for place, one in enumerate(FILES) for other in FILES[place + 1 :]],
)
def test_swapped_files_are_found(own: Path, tmp_path: Path, one: str, other: str) -> None:
    (own / one).rename(tmp_path / "kept")
    (own / other).rename(own / one)
    (tmp_path / "kept").rename(own / other)
    assert verify_package(own)


@pytest.mark.parametrize("path", FILES)
def test_a_renamed_file_is_found(own: Path, path: str) -> None:
    renamed = (own / path).with_stem("other")
    (own / path).rename(renamed)
    assert {path, renamed.relative_to(own).as_posix()} <= {problem.path for problem in verify_package(own)}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d.update(run_id="run_other"), "run_id"),
        (lambda d: d.update(release_id=d["release_id"][:-1] + "z"), "release_id"),
        (lambda d: d["brief"]["content"].update(title="Other"), "title"),
        (lambda d: d["brief"]["content"].update(unknown=1), "brief.content"),
        (lambda d: d["brief"]["content"]["sections"][1]["lines"].append("new line"), "content_digest"),
        (lambda d: d["decision"].update(content_digest="sha256:" + "0" * 64), "decision.content_digest"),
        (lambda d: d["decision"].update(verdict="rejected"), "decision.verdict"),
        (lambda d: d["review"].update(passed=False), "review.passed"),
        (lambda d: d.update(total_cost_micro_usd=99), "total_cost_micro_usd"),
        (lambda d: d["take"].pop("seed"), "take.seed"),
    ],
)
def test_documents_that_contradict_are_found_behind_a_fitting_manifest(
    own: Path, change: Callable[[dict], None], word: str
) -> None:
    edit(own, "provenance.json", change)
    assert any(p.path == "provenance.json" and word in p.message for p in verify_package(own))


@pytest.mark.parametrize(
    ("samples", "options", "word"),
    [
        (tiny_studio.master(1, lufs=-20.0), {}, "LUFS"),
        (tiny_studio.master(1, seconds=2.2), {}, "lasts"),
        (tiny_studio.master(1)[:, :1], {}, "channels"),
        (tiny_studio.master(1), {"rate": 48_000}, "48000 Hz"),
        (tiny_studio.master(2), {}, "reviewed take"),
        (tiny_studio.master(1), {"subtype": "PCM_S8"}, "8 bits"),
        (np.clip(tiny_studio.master(1) * 20, -1, 1), {}, "true peak"),
        (np.zeros((88_200, 2)), {}, "LUFS"),
        (np.zeros((100, 2)), {}, "LUFS"),
    ],
)
def test_other_audio_is_found_behind_a_fitting_manifest(
    own: Path, samples: np.ndarray, options: dict, word: str
) -> None:
    replace_audio(own, samples, **options)
    assert any(p.path == SONG and word in p.message for p in verify_package(own))


def test_audio_that_is_cut_inside_is_found_behind_a_fitting_manifest(own: Path) -> None:
    data = (own / SONG).read_bytes()
    (own / SONG).write_bytes(data[: len(data) // 2])
    reseal(own)
    assert SONG in {problem.path for problem in verify_package(own)}


@pytest.mark.parametrize(
    ("image", "word"),
    [
        (Image.new("RGB", (2999, 3000)), "2999"),
        (Image.new("L", (3000, 3000)), "RGB"),
        (Image.new("CMYK", (3000, 3000)), "RGB"),
    ],
)
def test_another_cover_is_found_behind_a_fitting_manifest(own: Path, image: Image.Image, word: str) -> None:
    buffer = BytesIO()
    image.save(buffer, "JPEG")
    (own / "artwork/cover.jpg").write_bytes(buffer.getvalue())
    reseal(own)
    assert any(p.path == "artwork/cover.jpg" and word in p.message for p in verify_package(own))


def test_a_cover_that_nobody_saw_is_found_behind_a_fitting_manifest(own: Path) -> None:
    other = draw_cover(media.persona("Somebody Else"), media.brief()).jpeg
    (own / "artwork/cover.jpg").write_bytes(other)
    reseal(own)
    assert [(p.path, "decided about" in p.message) for p in verify_package(own)] == [
        ("artwork/cover.jpg", True)
    ]


def test_a_decision_about_another_cover_is_found_though_cover_and_hash_fit(own: Path) -> None:
    other = draw_cover(media.persona("Somebody Else"), media.brief()).jpeg
    (own / "artwork/cover.jpg").write_bytes(other)
    sha256 = hashlib.sha256(other).hexdigest()
    edit(own, "provenance.json", lambda document: document["cover"].update(sha256=sha256))
    problems = verify_package(own)
    assert [p.path for p in problems] == ["provenance.json"] * 2
    assert {p.message.partition(":")[0] for p in problems} == {
        "take.content_digest",
        "decision.content_digest",
    }
    assert all("this master, cover and brief" in p.message for p in problems)


@pytest.mark.parametrize(
    "change", [lambda cover: cover.pop("sha256"), lambda cover: cover.update(sha256=None)]
)
def test_a_cover_that_is_cut_loose_from_its_decision_is_found(
    own: Path, change: Callable[[dict], None]
) -> None:
    edit(own, "provenance.json", lambda document: change(document["cover"]))
    assert any("decision.content_digest" in p.message for p in verify_package(own))


@pytest.mark.parametrize("change", [lambda cover: cover.pop("sha256"), lambda cover: None])
def test_a_package_of_an_older_version_s_take_verifies(
    tmp_path: Path, change: Callable[[dict], None]
) -> None:
    package = media.package(tmp_path, shown=False)
    edit(package, "provenance.json", lambda document: change(document["cover"]))
    assert verify_package(package) == []


@pytest.mark.parametrize("shown", [True, False])
def test_a_package_of_version_1_verifies(tmp_path: Path, shown: bool) -> None:
    package = media.older_package(tmp_path, shown=shown)
    assert examine(package).files_checked == 6
    assert json.loads((package / "manifest.json").read_bytes())["schema_version"] == 1


@pytest.mark.parametrize("path", [path for path in FILES if path != MESSAGE])
def test_a_change_in_a_package_of_version_1_is_found(tmp_path: Path, path: str) -> None:
    package = media.older_package(tmp_path)
    original = (package / path).read_bytes()
    for place in range(0, len(original), 1 + len(original) // 7):
        (package / path).write_bytes(original[:place] + bytes([original[place] ^ 1]) + original[place + 1 :])
        assert verify_package(package), place


def test_a_package_is_of_one_version(own: Path) -> None:
    manifest = json.loads((own / "manifest.json").read_bytes()) | {"schema_version": 1}
    (own / "manifest.json").write_bytes(layout.canonical_json(manifest))
    assert {problem.path for problem in verify_package(own)} == {"manifest.json"}


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}, "EXIF"),
        ({"comment": b"see https://example.com"}, "comment"),
    ],
)
def test_a_cover_that_carries_more_than_its_picture_is_found(own: Path, options: dict, word: str) -> None:
    path = own / "artwork/cover.jpg"
    Image.new("RGB", (3000, 3000)).save(path, "JPEG", **options)
    reseal(own)
    assert any(p.path == "artwork/cover.jpg" and word in p.message for p in verify_package(own))


def test_a_png_by_the_name_of_a_jpeg_is_found(own: Path) -> None:
    Image.new("RGB", (3000, 3000)).save(own / "artwork/cover.jpg", "PNG")
    reseal(own)
    assert any("image/jpeg" in p.message for p in verify_package(own) if p.path == "artwork/cover.jpg")


@pytest.mark.parametrize(("data", "word"), [(b"\xff\xfe", "UTF-8"), (b"other words\n", "brief")])
def test_other_lyrics_are_found_behind_a_fitting_manifest(own: Path, data: bytes, word: str) -> None:
    path = "lyrics/neon-in-the-rain.txt"
    (own / path).write_bytes(data)
    reseal(own)
    assert any(p.path == path and word in p.message for p in verify_package(own))


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    def start(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-c",
            "import sys; sys.path[:] = sys.argv.pop(1).split('\\n');"
            "import runpy; runpy.run_module('services.release.package.verify', run_name='__main__')",
            "\n".join(sys.path),
            *arguments,
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    return start


def test_the_command_says_nothing_of_a_whole_package(whole: Path, run: Callable) -> None:
    done = run(str(whole))
    assert (done.returncode, done.stdout) == (0, "")


def test_the_command_prints_problems_one_a_line(own: Path, run: Callable) -> None:
    (own / "metadata.json").unlink()
    (own / "notes.txt").touch()
    done = run(str(own))
    assert done.returncode == 1
    assert {"metadata.json: is missing", "notes.txt: does not belong to a package"} <= set(
        done.stdout.splitlines()
    )


@pytest.mark.parametrize("arguments", [[], ["/nowhere/at/all"], ["a", "b"]])
def test_the_command_explains_itself_when_given_no_package(run: Callable, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage" in done.stderr
