"""Which briefs, takes, releases and model calls are fit to be kept."""

from collections.abc import Callable
from typing import Any

import pytest

from aiartist.artist_db.v1.artist_db_pb2 import ModelCall, StoredBrief, StoredRelease, StoredTake
from aiartist.common.v1.audio_pb2 import Artifact
from aiartist.common.v1.brief_pb2 import Brief, Section
from aiartist.common.v1.decision_pb2 import VERDICT_APPROVED, VERDICT_REJECTED, Decision
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.model_calls import check_model_call
from services.artist_db.domain.songs import check_brief, check_release, check_take

DIGEST = "0" * 64
FILE = Artifact(path="takes/1/master.flac", sha256=DIGEST)
BRIEF = StoredBrief(
    id="brf_" + "1" * 26,
    artist_id="art_1",
    run_id="run_1",
    persona_version=1,
    brief=Brief(title="Rain", tempo_bpm=90, sections=[Section(kind=Section.KIND_VERSE, bars=8)]),
    request_digest=DIGEST,
)
TAKE = StoredTake(
    id="tak_" + "1" * 26,
    brief_id=BRIEF.id,
    run_id="run_1",
    take_number=1,
    provider="builtin",
    audio=FILE,
    content_digest="sha256:aa",
    request_digest=DIGEST,
)
RELEASE = StoredRelease(
    id="rel_" + "1" * 26,
    artist_id="art_1",
    run_id="run_1",
    take_id=TAKE.id,
    title="Rain",
    package_digest=f"sha256:{DIGEST}",
    files=[FILE],
    decision=Decision(verdict=VERDICT_APPROVED),
    request_digest=DIGEST,
)
CALL = ModelCall(call_id="call-1", attempt=1, role="songwriter", model="local", outcome="ok", answer="la la")

FAILED_CALL = ModelCall(call_id="call-1", attempt=1, role="songwriter", model="local", outcome="timeout")


def problems(check: Callable[[Checks, Any], None], message: Any) -> list[str]:
    checks = Checks()
    check(checks, message)
    return [violation.field for violation in checks.found]


@pytest.mark.parametrize(
    ("check", "message"),
    [(check_brief, BRIEF), (check_take, TAKE), (check_release, RELEASE), (check_model_call, CALL)],
)
def test_whole_ones_are_fit(check: Callable[[Checks, Any], None], message: Any) -> None:
    assert problems(check, message) == []


@pytest.mark.parametrize(
    ("check", "message", "required"),
    [
        (
            check_brief,
            StoredBrief(),
            ["id", "artist_id", "run_id", "persona_version", "request_digest", "brief"],
        ),
        (
            check_take,
            StoredTake(),
            [
                "id",
                "brief_id",
                "run_id",
                "take_number",
                "provider",
                "content_digest",
                "request_digest",
                "audio",
            ],
        ),
        (
            check_release,
            StoredRelease(),
            [
                "id",
                "artist_id",
                "run_id",
                "take_id",
                "title",
                "package_digest",
                "request_digest",
                "files",
                "decision",
            ],
        ),
        (check_model_call, ModelCall(), ["call_id", "attempt", "role", "model", "outcome"]),
    ],
)
def test_empty_ones_name_everything_that_is_missing(
    check: Callable[[Checks, Any], None], message: Any, required: list[str]
) -> None:
    fields = [field.partition(".")[2] for field in problems(check, message)]

    assert fields == required


def changed(message: Any, **fields: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    copy.MergeFrom(type(message)(**fields))
    return copy


@pytest.mark.parametrize(
    ("check", "message", "field"),
    [
        (check_brief, changed(BRIEF, id="brief-1"), "brief.id"),
        (check_brief, changed(BRIEF, run_id="run\0"), "brief.run_id"),
        (check_brief, changed(BRIEF, persona_version=2**31), "brief.persona_version"),
        (check_brief, changed(BRIEF, request_digest="00"), "brief.request_digest"),
        (check_brief, changed(BRIEF, brief=Brief(title="T" * 81)), "brief.brief.title"),
        (check_brief, changed(BRIEF, brief=Brief(tempo_bpm=221)), "brief.brief.tempo_bpm"),
        (
            check_brief,
            changed(BRIEF, brief=Brief(sections=[Section(kind=Section.KIND_OUTRO, bars=65)])),
            "brief.brief.sections[1].bars",
        ),
        (
            check_brief,
            changed(BRIEF, brief=Brief(sections=[Section(bars=4)])),
            "brief.brief.sections[1].kind",
        ),
        (check_take, changed(TAKE, id=BRIEF.id), "take.id"),
        (check_take, changed(TAKE, audio=Artifact(sha256="zz")), "take.audio.sha256"),
        (check_take, changed(TAKE, preview=Artifact(path="p.mp3")), "take.preview.sha256"),
        (check_take, changed(TAKE, cover=Artifact(sha256=DIGEST)), "take.cover.path"),
        (check_take, changed(TAKE, thumbnail=Artifact(path="t\n", sha256=DIGEST)), "take.thumbnail.path"),
        (check_release, changed(RELEASE, id=TAKE.id), "release.id"),
        (check_release, changed(RELEASE, package_digest=DIGEST), "release.package_digest"),
        (check_release, changed(RELEASE, files=[Artifact(sha256=DIGEST)]), "release.files[1].path"),
        (
            check_release,
            changed(RELEASE, decision=Decision(verdict=VERDICT_REJECTED)),
            "release.decision.verdict",
        ),
        (check_model_call, changed(FAILED_CALL, outcome="Time out"), "call.outcome"),
        (check_model_call, changed(CALL, cost_micro_usd=10**12 + 1), "call.cost_micro_usd"),
        (check_model_call, changed(CALL, outcome="timeout"), "call.answer"),
    ],
)
def test_each_broken_rule_is_named_by_its_field(
    check: Callable[[Checks, Any], None], message: Any, field: str
) -> None:
    assert problems(check, message) == [field]


def test_a_failed_call_needs_no_answer() -> None:
    assert problems(check_model_call, FAILED_CALL) == []
