"""What providers are asked for, and what the settings must say of them."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from aiartist.common.v1 import brief_pb2
from services.chassis.errors import SetupError
from services.release.providers import words
from services.release.providers.acestep import AceStep
from services.release.providers.origins import is_public
from services.release.providers.provider import Order, ProviderError
from services.release.providers.suno import CALLBACK, Suno
from services.release.settings import Settings
from tests.support import media
from tests.support.fake_music import FakeAceStep, FakeSuno
from tests.support.songs import Kind, make_brief

SEED = 2**40 + 5


def order(brief: brief_pb2.Brief | None = None, note: str = "") -> Order:
    return Order(
        take_id="tak_1",
        request_id="r-1",
        request_digest="d",
        run_id=media.RUN,
        artist_id=media.ARTIST,
        brief=brief or media.brief(),
        note=note,
        seed=SEED,
    )


async def asked_acestep(wanted: Order) -> dict[str, Any]:
    async with FakeAceStep() as server:
        provider = AceStep(server.url, None)
        assert await provider.submit(wanted, "key-1") == "task-1"
        await provider.close()
        return server.calls[0].body


async def asked_suno(wanted: Order, model: str = "V5") -> dict[str, Any]:
    async with FakeSuno() as server:
        provider = Suno(server.url, SecretStr(FakeSuno.key), model, 1)
        assert await provider.submit(wanted, "key-1") == "task-1"
        await provider.close()
        (call,) = server.calls
        assert (call.key, call.authorization) == ("key-1", f"Bearer {FakeSuno.key}")
        return call.body


async def test_acestep_is_asked_for_what_the_brief_says() -> None:
    body = await asked_acestep(order(note="more drums"))
    assert body["lyrics"] == (
        "[Intro]\n\n[Verse 1]\nRain on the glass\nLights in a row\n\n"
        "[Chorus]\nStay, stay awake\n\n[Verse 2]\nLast train is gone\nÇa va, I know"
    )
    assert body["prompt"] == "synthwave, wistful, 118 bpm, A minor For this take: more drums"
    assert (body["bpm"], body["key_scale"], body["time_signature"]) == (118, "A minor", "4")
    assert (body["audio_duration"], body["vocal_language"]) == (90.0, "en")
    assert (body["use_random_seed"], body["seed"], body["batch_size"]) == (False, 5, 1)
    assert body["audio_format"] == "flac"


async def test_suno_is_asked_for_what_the_brief_says() -> None:
    body = await asked_suno(order(note="more drums"))
    assert body["customMode"] is True
    assert body["instrumental"] is False
    assert (body["model"], body["title"]) == ("V5", "Neon in the Rain")
    assert body["prompt"].startswith("[Intro]\n\n[Verse 1]\nRain on the glass")
    assert body["style"] == (
        "synthwave, wistful, 118 bpm, A minor, about 1:30 long For this take: more drums"
    )
    # Demanded, and leads nowhere.
    assert body["callBackUrl"] == CALLBACK
    assert CALLBACK.endswith(".invalid/")


async def test_a_song_without_words_is_asked_for_as_such() -> None:
    silent = make_brief(form=[(Kind.KIND_INTRO, 4, []), (Kind.KIND_INSTRUMENTAL, 16, [])])
    suno, acestep = await asked_suno(order(silent)), await asked_acestep(order(silent))
    assert suno["instrumental"] is True
    assert "prompt" not in suno
    assert acestep["lyrics"] == "[Instrumental]"
    assert "instrumental, no vocals" in acestep["prompt"]


async def test_the_limits_of_an_old_model_are_kept() -> None:
    brief = make_brief(form=[(Kind.KIND_VERSE, 8, ["word " * 15] * 60)], title="T" * 200)
    brief.style_prompt = "deep " * 400
    body = await asked_suno(order(brief, note="n" * 150), "V4")
    assert len(body["prompt"]) <= 3_000
    assert body["prompt"].endswith("word")
    assert len(body["style"]) == 200
    assert body["style"].endswith(f"For this take: {'n' * 150}")
    assert len(body["title"]) == 80
    assert 3_000 < len((await asked_suno(order(brief)))["prompt"]) <= 5_000


def test_what_does_not_fit_ends_with_a_whole_line_and_no_tag_alone() -> None:
    brief = make_brief(form=[(Kind.KIND_VERSE, 4, ["one two"]), (Kind.KIND_CHORUS, 4, ["three four"])])
    whole = "[Verse 1]\none two\n\n[Chorus]\nthree four"
    assert words.lyrics(brief, 100) == whole
    assert words.lyrics(brief, len(whole) - 1) == "[Verse 1]\none two"


def test_no_secret_and_no_second_line_leaves_with_the_words() -> None:
    brief = media.brief()
    brief.sections[1].lines[0] = "call sk-abcdefghijklmnopqrstuvwx\nnow\x00"
    told = words.lyrics(brief, 5_000) + words.style(brief, "key: sk-abcdefghijklmnopqrstuvwx", 500)
    assert "sk-abc" not in told
    assert "\x00" not in told


def test_the_length_is_that_of_the_bars_where_none_is_wanted() -> None:
    brief = media.brief()
    assert words.wanted_s(brief) == 90.0
    brief.target_duration_ms = 0
    assert words.wanted_s(brief) == pytest.approx(28 * 4 * 60 / 118)


NAMES = st.sampled_from(
    [
        "code",
        "data",
        "error",
        "msg",
        "status",
        "task_id",
        "taskId",
        "result",
        "file",
        "seed_value",
        "response",
        "sunoData",
        "audioUrl",
        "duration",
        "errorMessage",
        "dit_model",
    ]
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 2), st.just(200), st.floats(), st.text(max_size=3),
    st.sampled_from(["task-1", "SUCCESS", "PENDING", "SENSITIVE_WORD_ERROR", "[]", '[{"file": 1}]', "{"]),
)  # fmt: skip
ANSWERS = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(inner=ANSWERS, wrapped=st.booleans())
@example(inner={"code": float("inf"), "data": [{"task_id": "task-1", "status": float("inf")}]}, wrapped=False)
@example(inner=[{"task_id": "task-1", "status": float("inf"), "result": "[]"}], wrapped=True)
async def test_whatever_a_server_answers_it_is_an_answer_or_a_named_failure(
    inner: Any, wrapped: bool
) -> None:
    answer = {"code": 200, "error": None, "msg": "", "data": inner} if wrapped else inner

    async def said(*_: Any, **__: Any) -> Any:
        return answer

    for provider in (AceStep("http://x.y", None), Suno("http://x.y", SecretStr("k"), "V5", 1)):
        api = provider._api
        api.post = api.get = said  # type: ignore[method-assign]
        with suppress(ProviderError):
            assert await provider.submit(order(), "key")
        with suppress(ProviderError):
            songs = await provider.poll("task-1", order())
            assert songs is None or all(isinstance(song.url, str) and song.url for song in songs)


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"AIARTIST_MUSIC_PROVIDERS": "builtin,udio"}, "AIARTIST_MUSIC_PROVIDERS: Input should be 'builtin'"),
        ({"AIARTIST_MUSIC_PROVIDERS": "off"}, "AIARTIST_MUSIC_PROVIDERS: name at least one of builtin"),
        ({"AIARTIST_MUSIC_PROVIDERS": "acestep,builtin"}, "names acestep: set AIARTIST_ACESTEP_URL, or take"),
        (
            {"AIARTIST_MUSIC_PROVIDERS": "suno"},
            "names suno: set AIARTIST_SUNO_URL and AIARTIST_SUNO_API_KEY, or take suno off the list",
        ),
        (
            {"AIARTIST_MUSIC_PROVIDERS": "suno", "AIARTIST_SUNO_URL": "https://api.example.com"},
            "names suno: set AIARTIST_SUNO_API_KEY, or take",
        ),
        ({"AIARTIST_ACESTEP_URL": "127.0.0.1:8001"}, "AIARTIST_ACESTEP_URL: is no URL of a server"),
        ({"AIARTIST_SUNO_URL": "https://me:secret@x.y"}, "AIARTIST_SUNO_URL: must be an address alone"),
    ],
)
def test_a_wrong_list_is_named_at_start_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str], told: str
) -> None:
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SetupError) as caught:
        Settings.load()
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_list_is_read_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIARTIST_MUSIC_PROVIDERS", " acestep, builtin ,acestep")
    monkeypatch.setenv("AIARTIST_ACESTEP_URL", "http://gpu.local:8001/")
    loaded = Settings.load()
    assert loaded.music_providers == ("acestep", "builtin")
    assert loaded.acestep_url == "http://gpu.local:8001"
    assert loaded.lacking("suno") == ["AIARTIST_SUNO_URL", "AIARTIST_SUNO_API_KEY"]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("2002:7f00:1::", False),
        ("64:ff9b::10.0.0.1", False),
    ],
)
def test_an_address_is_public_or_not_whatever_it_is_wrapped_in(address: str, public: bool) -> None:
    assert is_public(address) is public
