"""Finding stock clips: whatever Pexels answers, there are clips or there are none, and never an error."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.chassis.metrics import REGISTRY
from services.release.films import FoundClip
from services.release.settings import Settings
from services.release.video.pexels import PexelsClips
from tests.support.clips import stock_clip
from tests.support.fake_pexels import KEY, Answer, Clip, FakePexels
from tests.support.film_takes import brief

ARTIST = "art_1"


class Claims:
    """artist_db's part: clips that are nobody else's."""

    def __init__(self) -> None:
        self.of_others: set[str] = set()

    async def claim(self, artist_id: str, source: str, clip_ids: Sequence[str], wanted: int) -> list[str]:
        assert (artist_id, source) == (ARTIST, "pexels")
        return [clip_id for clip_id in clip_ids if clip_id not in self.of_others][:wanted]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return stock_clip(tmp_path_factory.mktemp("stock"))


@pytest.fixture
async def pexels(content: bytes) -> AsyncIterator[FakePexels]:
    async with FakePexels.serving(content) as fake:
        fake.clips = [
            Clip(11, "man-eats-apple"),
            Clip(12, "neon-signs-in-the-rain-at-night"),
            Clip(13, "wet-street"),
        ]
        yield fake


@pytest.fixture
def claims() -> Claims:
    return Claims()


@pytest.fixture
def library(pexels: FakePexels, claims: Claims) -> PexelsClips:
    return PexelsClips(pexels.url, KEY, claims)  # type: ignore[arg-type]


async def find(library: PexelsClips, folder: Path, shots: int = 2) -> list[FoundClip]:
    return await library.find(brief(), ARTIST, [4.0] * shots, "landscape", folder, lambda *_: None)


def ids(found: list[FoundClip]) -> list[str]:
    return [clip.credit.clip_id for clip in found]


def counted(name: str, outcome: str) -> float:
    return REGISTRY.get_sample_value(f"{name}_total", {"outcome": outcome}) or 0.0


async def test_searches_go_through_the_proxy_that_leads_outside(
    pexels: FakePexels, claims: Claims, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", pexels.url)
    library = PexelsClips("http://api.pexels.invalid", KEY, claims)  # type: ignore[arg-type]
    await find(library, tmp_path)
    assert pexels.searches


async def test_the_clips_that_suit_the_brief_are_fetched_best_first(
    library: PexelsClips, pexels: FakePexels, content: bytes, tmp_path: Path
) -> None:
    found = await find(library, tmp_path)

    assert ids(found) == ["12", "13"]
    assert [clip.path.read_bytes() for clip in found] == [content, content]
    assert sorted(pexels.fetched) == [(12, 1080), (13, 1080)]
    assert {search["orientation"] for search in pexels.searches} == {"landscape"}
    assert len(pexels.searches) <= 4


async def test_only_claimed_clips_are_fetched(
    library: PexelsClips, claims: Claims, pexels: FakePexels, tmp_path: Path
) -> None:
    claims.of_others = {"12"}

    assert ids(await find(library, tmp_path)) == ["13", "11"]
    assert 12 not in {clip_id for clip_id, _ in pexels.fetched}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(500, b"oops"), "bad_answer"),
        (Answer(200, b"not json"), "bad_answer"),
        (Answer(200, b"[" * 100_000), "bad_answer"),
        (Answer(200, b'{"videos": "' + b"x" * 5_000_000 + b'"}'), "bad_answer"),
        (Answer(200, b"[]"), "bad_answer"),
        (Answer(401, b"{}"), "bad_key"),
        (Answer(429, b"{}", {"Retry-After": "3600"}), "rate_limited"),
        (Answer(429, b"{}", {"X-Ratelimit-Reset": "9999999999"}), "rate_limited"),
        (Answer(429, b"{}", {"Retry-After": "soon"}), "rate_limited"),
        (Answer(302, b"", {"Location": "http://127.0.0.1:1/"}), "bad_answer"),
    ],
)
async def test_an_odd_answer_ends_the_search_and_is_counted(
    library: PexelsClips, pexels: FakePexels, tmp_path: Path, answer: Answer, outcome: str
) -> None:
    pexels.script = [answer] * 9
    before = counted("aiartist_release_stock_calls", outcome)

    assert await find(library, tmp_path) == []
    assert counted("aiartist_release_stock_calls", outcome) == before + 1
    assert len(pexels.searches) == 1


async def test_what_was_found_before_an_odd_answer_is_used(
    library: PexelsClips, pexels: FakePexels, tmp_path: Path
) -> None:
    pexels.script = [Answer(200, b'{"videos": [null, 5, {}]}')]

    assert ids(await find(library, tmp_path)) == ["12", "13"]


async def test_a_limit_that_is_renewed_soon_is_waited_for(
    library: PexelsClips, pexels: FakePexels, tmp_path: Path
) -> None:
    pexels.script = [Answer(429, b"{}", {"Retry-After": "0"})]

    assert ids(await find(library, tmp_path)) == ["12", "13"]


@pytest.mark.parametrize(
    "spent",
    [
        Answer(200, b'{"videos": []}', {"X-Ratelimit-Remaining": "0", "Retry-After": "3600"}),
        Answer(429, b"{}", {"Retry-After": "3600"}),
    ],
)
async def test_a_spent_limit_is_not_asked_again_also_by_the_next_film(
    library: PexelsClips, pexels: FakePexels, tmp_path: Path, spent: Answer
) -> None:
    pexels.script = [spent]

    assert await find(library, tmp_path) == []
    assert await find(library, tmp_path) == []
    assert len(pexels.searches) == 1


async def test_a_library_that_is_away_gives_none(claims: Claims, tmp_path: Path) -> None:
    library = PexelsClips("http://127.0.0.1:9", KEY, claims)  # type: ignore[arg-type]

    assert await find(library, tmp_path) == []


async def test_a_page_and_a_file_that_is_cut_off_are_left_out_and_leave_nothing(
    library: PexelsClips, pexels: FakePexels, tmp_path: Path
) -> None:
    pexels.spoiled = {12: b"<!doctype html><p>sorry", 13: None}
    before = counted("aiartist_release_stock_clips", "failed")

    assert ids(await find(library, tmp_path, shots=3)) == ["11"]
    assert len(list(tmp_path.iterdir())) == 1
    assert counted("aiartist_release_stock_clips", "failed") == before + 2


async def test_a_full_disk_is_told_as_it_is(library: PexelsClips, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        await find(library, tmp_path / "missing")


@pytest.mark.parametrize("url", ["api.pexels.com", "ftp://pexels.com", "https://key@pexels.com"])
def test_an_address_that_is_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValidationError, match="pexels_url"):
        Settings(pexels_url=url)
