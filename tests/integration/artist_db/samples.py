"""Valid messages to begin with, and what to do with refusals."""

import hashlib
from collections.abc import Awaitable
from typing import Any

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1.audio_pb2 import Artifact, Review, ReviewCheck
from aiartist.common.v1.brief_pb2 import Brief, ModelUse, Section
from aiartist.common.v1.decision_pb2 import VERDICT_APPROVED, Decision
from aiartist.common.v1.persona_pb2 import Persona, TempoRange, VisualIdentity, Voice
from services.chassis.errors import RemoteError, remote_error
from services.chassis.ids import derived_id

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "ERROR_REASON_INVALID_INPUT")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "ERROR_REASON_NOT_FOUND")
EXISTS = (grpc.StatusCode.ALREADY_EXISTS, "ERROR_REASON_ALREADY_EXISTS")
REUSED = (grpc.StatusCode.ALREADY_EXISTS, "ERROR_REASON_REQUEST_ID_REUSED")
WRONG_STATE = (grpc.StatusCode.FAILED_PRECONDITION, "ERROR_REASON_WRONG_STATE")
ETAG = (grpc.StatusCode.ABORTED, "ERROR_REASON_ETAG_MISMATCH")
BUDGET_SPENT = (grpc.StatusCode.FAILED_PRECONDITION, "ERROR_REASON_BUDGET_SPENT")
PAGE_TOKEN = (grpc.StatusCode.INVALID_ARGUMENT, "ERROR_REASON_PAGE_TOKEN")


async def refused(call: Awaitable[Any], expected: tuple[grpc.StatusCode, str]) -> RemoteError:
    """The refusal that a call must end in, with this status and reason."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = remote_error(caught.value)
    assert (error.remote_code, error.remote_reason) == expected, error.message
    return error


def violations(error: RemoteError) -> dict[str, str]:
    """Field -> what was expected, of a refusal."""
    return {violation.field: violation.description for violation in error.violations}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def persona(name: str = "Nova Vale", **changes: Any) -> Persona:
    fields: dict[str, Any] = {
        "name": name,
        "genre": "synthwave",
        "style": "Night drives,\nneon rain.",
        "voice": Voice(timbre="female alto, close", delivery="confiding", point_of_view="second person"),
        "themes": ["neon", "leaving"],
        "moods": ["wistful"],
        "keys": ["A minor", "F# major"],
        "tempo": TempoRange(min_bpm=84, max_bpm=112),
        "language": "en",
        "visual": VisualIdentity(palette=["#101020", "#ff2080"], motif="a wet road"),
        "target_duration_ms": 96_000,
    }
    return Persona(**{**fields, **changes})


async def artist(stub: ArtistDbServiceStub, name: str = "Nova Vale", **fields: Any) -> pb.Artist:
    """An artist that was just taken on."""
    request = pb.CreateArtistRequest(persona=persona(name), **fields)
    return (await stub.CreateArtist(request)).artist


def brief(artist_id: str, name: str = "1", **changes: Any) -> pb.StoredBrief:
    fields: dict[str, Any] = {
        "id": derived_id("brf", name),
        "artist_id": artist_id,
        "run_id": f"run_{name}",
        "persona_version": 1,
        "brief": Brief(
            title=f"Neon Rain {name}",
            genre="synthwave",
            tempo_bpm=96,
            key="A minor",
            sections=[
                Section(kind=Section.KIND_INTRO, bars=4),
                Section(kind=Section.KIND_VERSE, bars=8, lines=["I left the light on", "for nobody"]),
            ],
            seed=2**64 - 1,
        ),
        "model_uses": [ModelUse(role="songwriter", model="local", calls=3, cost_micro_usd=12)],
        "request_digest": sha256(f"brief {name}"),
    }
    return pb.StoredBrief(**{**fields, **changes})


def take(brief_id: str, name: str = "1", **changes: Any) -> pb.StoredTake:
    fields: dict[str, Any] = {
        "id": derived_id("tak", name),
        "brief_id": brief_id,
        "run_id": f"run_{name}",
        "take_number": 1,
        "provider": "builtin",
        "audio": Artifact(
            path=f"takes/{name}/master.flac", media_type="audio/flac", size_bytes=9, sha256=sha256(name)
        ),
        "preview": Artifact(path=f"takes/{name}/preview.mp3", media_type="audio/mpeg", sha256=sha256("p")),
        "cover": Artifact(path=f"takes/{name}/cover.jpg", media_type="image/jpeg", sha256=sha256("c")),
        "thumbnail": Artifact(path=f"takes/{name}/thumb.jpg", media_type="image/jpeg", sha256=sha256("t")),
        "content_digest": f"sha256:{sha256(name)}",
        "review": Review(
            passed=True,
            checks=[ReviewCheck(name="silence_s", outcome=ReviewCheck.OUTCOME_PASS, maximum=2.0)],
            loudness_lufs=-14.1,
        ),
        "seed": 2**64 - 1,
        "request_digest": sha256(f"take {name}"),
        "fingerprint": b"\x00\xff\x01",
    }
    return pb.StoredTake(**{**fields, **changes})


def release(artist_id: str, take_id: str, name: str = "1", **changes: Any) -> pb.StoredRelease:
    fields: dict[str, Any] = {
        "id": derived_id("rel", name),
        "artist_id": artist_id,
        "run_id": f"run_{name}",
        "take_id": take_id,
        "title": f"Neon Rain {name}",
        "package_digest": f"sha256:{sha256(name)}",
        "files": [Artifact(path="manifest.json", media_type="application/json", sha256=sha256(name))],
        "decision": Decision(verdict=VERDICT_APPROVED, decided_by="cli:vera", content_digest="sha256:aa"),
        "request_digest": sha256(f"release {name}"),
    }
    return pb.StoredRelease(**{**fields, **changes})


def model_call(call_id: str = "call-1", **changes: Any) -> pb.ModelCall:
    fields: dict[str, Any] = {
        "call_id": call_id,
        "attempt": 1,
        "role": "songwriter",
        "model": "openai/gpt-5",
        "artist_id": "art_1",
        "run_id": "run_1",
        "outcome": "ok",
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "cost_micro_usd": 1_500,
        "latency_ms": 900,
        "prompt_hash": sha256("prompt"),
        "request_digest": sha256("request"),
        "answer": "Neon rain",
    }
    return pb.ModelCall(**{**fields, **changes})


def hold(call_id: str = "call-1", **changes: Any) -> pb.HoldSpendRequest:
    fields: dict[str, Any] = {
        "call_id": call_id,
        "attempt": 1,
        "amount_micro_usd": 2_000,
        "artist_id": "art_1",
        "run_id": "run_1",
        "holder": "orchestrator-a",
        "lease_ms": 60_000,
    }
    return pb.HoldSpendRequest(**{**fields, **changes})


def film(take_id: str, name: str = "1", **changes: Any) -> pb.StoredFilm:
    fields: dict[str, Any] = {
        "id": derived_id("flm", name),
        "take_id": take_id,
        "run_id": f"run_{name}",
        "videos": [
            pb.Video(
                format=format,
                file=Artifact(
                    path=f"films/{name}/{format}.mp4", media_type="video/mp4", sha256=sha256(format)
                ),
                checks=[ReviewCheck(name="black_s", outcome=ReviewCheck.OUTCOME_PASS, maximum=0.5)],
            )
            for format in ("landscape", "portrait")
        ],
        "clips": [pb.StockClip(source="pexels", clip_id="7", page_url="https://example.com/7", author="Ada")],
        "request_digest": sha256(f"film {name}"),
    }
    return pb.StoredFilm(**{**fields, **changes})
