"""Fetching songs: whatever is cut, wrong, too much or elsewhere."""

import asyncio
import base64
import errno
import gzip
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.release.providers.download import Limits, download, kind_of
from services.release.providers.provider import ProviderError
from tests.support.fake_music import FakeMusic, ServedFile, song_file

LIMITS = Limits(total_s=20, stalled_s=2, backoff_s=0.001, most_bytes=2_000_000)
SONG = song_file("MP3", seconds=0.5)


class Server(FakeMusic):
    """Files alone."""

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/{name}", self._file)]

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return await self.send(request, request.match_info["name"])


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as running:
        yield running


def quiet(step: str, done: int, total: int) -> None:
    pass


async def fetch(server: Server, file: ServedFile, into: Path, **changed: Any) -> tuple[str, bytes, str]:
    """The hash that is told, the bytes that came, and their kind."""
    server.files["song"] = file
    limits = changed.pop("limits", LIMITS)
    home = changed.pop("home", server.url)
    got = await download(f"{server.url}/song", into, quiet, home=home, limits=limits, **changed)
    assert got.size_bytes == into.stat().st_size
    return got.sha256, into.read_bytes(), got.kind


async def refused(server: Server, file: ServedFile, folder: Path, **changed: Any) -> ProviderError:
    """Why the download fails; nothing of it stays."""
    with pytest.raises(ProviderError) as caught:
        await fetch(server, file, folder / "part", **changed)
    assert list(folder.iterdir()) == []
    return caught.value


@pytest.mark.parametrize(("kind", "name"), [("MP3", "mp3"), ("FLAC", "flac"), ("WAV", "wav"), ("OGG", "ogg")])
async def test_a_song_arrives_as_it_is_and_is_known_by_its_bytes(
    server: Server, tmp_path: Path, kind: str, name: str
) -> None:
    content = song_file(kind, seconds=0.5)
    told = await fetch(server, ServedFile(content, content_type="text/plain"), tmp_path / "part")
    assert told == (hashlib.sha256(content).hexdigest(), content, name)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(0, len(SONG)), max_size=6),
    validator=st.sampled_from(["etag", "date", "none"]),
    ranges=st.booleans(),
    chunked=st.booleans(),
)
async def test_cut_at_any_bytes_it_ends_in_the_same_file_or_none(
    server: Server, tmp_path: Path, cuts: list[int], validator: str, ranges: bool, chunked: bool
) -> None:
    file = ServedFile(
        SONG,
        etag='"v1"' if validator == "etag" else "",
        last_modified="Sat, 01 Feb 2025 10:00:00 GMT" if validator == "date" else "",
        ranges=ranges,
        chunked=chunked,
        cuts=cuts,
    )
    patient = Limits(total_s=20, stalled_s=2, backoff_s=0.0001, fruitless=10)
    told = await fetch(server, file, tmp_path / "part", limits=patient)
    assert told == (hashlib.sha256(SONG).hexdigest(), SONG, "mp3")


async def test_what_has_come_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    content = song_file("WAV", seconds=24)
    file = ServedFile(content, cuts=[1_500_000, 1_500_000])
    told = await fetch(server, file, tmp_path / "part", limits=Limits())
    assert told[1] == content
    first, *more = file.asked
    assert "Range" not in first
    # What lay in buffers when the connection broke is lost, and no more.
    begun = [int(headers["Range"].removeprefix("bytes=").removesuffix("-")) for headers in more]
    assert 800_000 < begun[0] <= 1_500_000
    assert 800_000 < begun[1] - begun[0] <= 1_500_000
    assert {headers["If-Range"] for headers in more} == {'"v1"'}
    assert {headers["Accept-Encoding"] for headers in file.asked} == {"identity"}


async def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(
    server: Server, tmp_path: Path
) -> None:
    file = ServedFile(SONG, cuts=[1_000])
    other = song_file("FLAC", seconds=0.3)

    class Changing(ServedFile):
        async def send(self, request: web.Request) -> web.StreamResponse:
            if file.asked:
                self.content, self.etag = other, '"v2"'
                return await ServedFile.send(self, request)
            return await file.send(request)

    told = await fetch(server, Changing(SONG), tmp_path / "part")
    assert told == (hashlib.sha256(other).hexdigest(), other, "flac")


async def test_a_weak_tag_is_no_ground_to_resume_on(server: Server, tmp_path: Path) -> None:
    file = ServedFile(SONG, etag='W/"v1"', cuts=[1_000])
    assert (await fetch(server, file, tmp_path / "part"))[1] == SONG
    assert [headers.get("Range") for headers in file.asked] == [None, None]


async def test_a_server_that_always_breaks_off_is_given_up(server: Server, tmp_path: Path) -> None:
    error = await refused(server, ServedFile(SONG, ranges=False, cuts=[500] * 99), tmp_path)
    assert error.outcome == "cut_off"
    assert "broke off" in error.detail


@pytest.mark.parametrize(
    ("file", "outcome", "detail"),
    [
        (ServedFile(b""), "empty_song", "is empty"),
        (ServedFile(b"<!DOCTYPE html><title>Gone</title>" * 9), "bad_audio", "a web page"),
        (ServedFile(b'{"error": "not found", "code": 7}'), "bad_audio", "no FLAC, WAV, Ogg or MP3"),
        (ServedFile(b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00" * 9), "bad_audio", "no FLAC"),
        (ServedFile(b"ID3"[:2]), "bad_audio", "no FLAC"),
        (ServedFile(SONG, announced=len(SONG) + 5_000), "cut_off", "broke off"),
        (ServedFile(SONG, digest=bytes(32)), "cut_off", "hash"),
        (ServedFile(SONG, status=404), "forgotten", "HTTP 404"),
        (ServedFile(SONG, status=410), "forgotten", "HTTP 410"),
        (ServedFile(SONG, status=500), "cut_off", "HTTP 500"),
        (ServedFile(SONG, announced=2_000_001), "too_large", "2,000,000 bytes"),
        (ServedFile(SONG + bytes(2_000_000), chunked=True), "too_large", "2,000,000 bytes"),
        (
            ServedFile(gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"}),
            "bad_audio",
            "compressed",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_no_whole_song_is_refused_and_nothing_stays(
    server: Server, tmp_path: Path, file: ServedFile, outcome: str, detail: str
) -> None:
    error = await refused(server, file, tmp_path)
    assert error.outcome == outcome
    assert detail in error.detail


async def test_a_hash_that_the_server_tells_is_held_against_the_bytes(server: Server, tmp_path: Path) -> None:
    file = ServedFile(SONG, cuts=[700]).with_right_digest()
    assert (await fetch(server, file, tmp_path / "part"))[1] == SONG


async def test_the_hash_counts_also_where_nothing_was_missing_after_a_cut(tmp_path: Path) -> None:
    done = asyncio.Event()
    wrong = base64.b64encode(bytes(32)).decode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        if b"Range: " in asked:
            writer.write(f"HTTP/1.1 416 No\r\nContent-Range: bytes */{len(SONG)}\r\n\r\n".encode())
        else:
            writer.write(
                f'HTTP/1.1 200 OK\r\nETag: "v1"\r\nRepr-Digest: sha-256=:{wrong}:\r\n'.encode()
                + f"Transfer-Encoding: chunked\r\n\r\n{len(SONG):x}\r\n".encode()
                + SONG
                + b"\r\n"
            )
            # All of the song, and no word that it was all.
            await done.wait()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        home = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        limits = Limits(stalled_s=0.2, tries=2)
        with pytest.raises(ProviderError, match="hash"):
            await download(f"{home}/song", tmp_path / "part", lambda *_: None, home=home, limits=limits)
        done.set()
    assert not (tmp_path / "part").exists()


async def test_a_server_that_stalls_is_asked_again_where_it_stopped(server: Server, tmp_path: Path) -> None:
    file = ServedFile(SONG, stall=asyncio.Event())
    fetching = asyncio.create_task(
        fetch(server, file, tmp_path / "part", limits=Limits(stalled_s=0.2, backoff_s=0.001))
    )
    await file.stalled.wait()
    while len(file.asked) < 2:
        await asyncio.sleep(0.01)
    file.stall.set()  # type: ignore[union-attr]
    assert (await fetching)[1] == SONG
    assert file.asked[1]["Range"] == f"bytes={len(SONG) // 2}-"


async def test_the_whole_has_its_time_however_often_it_is_resumed(server: Server, tmp_path: Path) -> None:
    file = ServedFile(SONG, stall=asyncio.Event())
    error = await refused(server, file, tmp_path, limits=Limits(total_s=0.3))
    assert error.outcome == "timeout"


async def test_redirects_are_followed_so_far(server: Server, tmp_path: Path) -> None:
    server.files["a"] = ServedFile(b"", redirect="/b")
    server.files["b"] = ServedFile(SONG)
    assert (await fetch(server, ServedFile(b"", redirect="/a"), tmp_path / "part"))[1] == SONG
    (tmp_path / "part").unlink()
    error = await refused(server, ServedFile(b"", redirect="/song"), tmp_path)
    assert (error.outcome, error.detail) == ("forbidden_address", "over 5 redirects")


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "ftp://example.com/song.mp3",
        "http://10.0.0.7/song",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]:9/song",
        "http://[::ffff:10.0.0.7]/song",
        "http://[64:ff9b::a00:7]/song",
        "http://localhost:9/song",
        "http://0177.0.0.1:9/song",
        "http://2130706433:9/song",
        "http://127.1:9/song",
        "http://0x7f000001:9/song",
        "http://127.0.0.1.:9/song",
        "http://localhost.:9/song",
        "http://１２７.0.0.1:9/song",
        "http://user@127.0.0.1:9/song",
        "http:///song",
        "http://127.0.0.1:99999/song",
    ],
)
async def test_no_address_leads_into_the_house(server: Server, tmp_path: Path, address: str) -> None:
    error = await refused(server, ServedFile(b"", redirect=address), tmp_path)
    assert error.outcome == "forbidden_address"


async def test_another_port_of_the_provider_s_own_machine_is_another_server(
    server: Server, tmp_path: Path
) -> None:
    async with Server() as other:
        other.files["song"] = ServedFile(SONG)
        error = await refused(server, ServedFile(b"", redirect=f"{other.url}/song"), tmp_path)
        assert error.outcome == "forbidden_address"
        assert other.files["song"].asked == []


async def test_a_key_is_shown_to_the_provider_alone(server: Server, tmp_path: Path) -> None:
    secret = {"Authorization": "Bearer secret"}
    file = ServedFile(SONG)
    await fetch(server, file, tmp_path / "part", headers=secret)
    assert file.asked[0]["Authorization"] == "Bearer secret"
    elsewhere = ServedFile(SONG)
    with pytest.raises(ProviderError):
        await fetch(server, elsewhere, tmp_path / "part", headers=secret, home="http://127.0.0.1:9")
    assert elsewhere.asked == []


async def test_a_full_disk_is_told_as_the_disk_tells_it_and_leaves_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(self: object, piece: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("services.release.providers.download._Part.append", full)
    with pytest.raises(OSError, match="No space left"):
        await fetch(server, ServedFile(SONG), tmp_path / "part")
    assert list(tmp_path.iterdir()) == []


async def test_a_cancelled_download_leaves_nothing(server: Server, tmp_path: Path) -> None:
    file = ServedFile(SONG, stall=asyncio.Event())
    fetching = asyncio.create_task(fetch(server, file, tmp_path / "part"))
    await file.stalled.wait()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert list(tmp_path.iterdir()) == []


def test_aac_and_noise_are_no_mp3() -> None:
    assert kind_of(b"\xff\xf1\x50\x80" + bytes(12)) == ""
    assert kind_of(b"\xff\xff\xff\xff" + bytes(12)) == ""
    assert kind_of(b"\xff\xfb\x90\x64" + bytes(12)) == "mp3"
