"""What requests must look like; every violation at once."""

import unicodedata
from collections.abc import Mapping

from aiartist.common.v1.decision_pb2 import SilenceAnswer, Verdict
from aiartist.notifier.v1.notifier_pb2 import (
    CloseApprovalRequest,
    NotifyRequest,
    RequestApprovalRequest,
    ResendApprovalRequest,
    Severity,
    Topic,
)
from services.chassis.errors import FieldViolation, InvalidInput
from services.notifier.domain import MAX_BODY, MAX_TITLE

MAX_ID = 200
MAX_REASON = 1_000
_REQUIRED = ("request_id", "run_id", "artist_id", "brief_id", "take_id", "content_digest")


def check_approval(request: RequestApprovalRequest) -> None:
    """InvalidInput where a required field is missing or no channel could show one."""
    wrong = _ids({name: getattr(request, name) for name in _REQUIRED}, required=True)
    for name in ("artist_name", "title"):
        if (text := getattr(request, name)) and (problem := _one_line(text)):
            wrong.append(FieldViolation(name, problem))
    if request.on_silence not in SilenceAnswer.values():
        wrong.append(
            FieldViolation("on_silence", f"must be one of the enum's values, is {request.on_silence}")
        )
    if request.HasField("expires_at"):
        try:
            request.expires_at.ToDatetime()
        except (ValueError, OverflowError):
            wrong.append(FieldViolation("expires_at", "must be a time from year 1 to 9999"))
    if wrong:
        raise InvalidInput(wrong)


def check_close(request: CloseApprovalRequest) -> None:
    """InvalidInput where it does not say of which run, or neither what was decided nor why it is over."""
    wrong = _ids({"request_id": request.request_id, "run_id": request.run_id}, required=True)
    wrong += _ids({"content_digest": request.content_digest}, required=False)
    if not request.HasField("decision"):
        if not request.reason.strip():
            wrong.append(FieldViolation("reason", "is required where there is no decision"))
    elif request.decision.verdict not in Verdict.values() or not request.decision.verdict:
        wrong.append(FieldViolation("decision.verdict", "is required: one of the enum's values"))
    if len(request.reason) > MAX_REASON:
        wrong.append(
            FieldViolation("reason", f"must have at most {MAX_REASON} characters, has {len(request.reason)}")
        )
    if wrong:
        raise InvalidInput(wrong)


def check_resend(request: ResendApprovalRequest) -> None:
    """InvalidInput where it does not say of which run."""
    if wrong := _ids({"request_id": request.request_id, "run_id": request.run_id}, required=True):
        raise InvalidInput(wrong)


def check_notice(request: NotifyRequest) -> None:
    """InvalidInput where the title is missing, or something is too long or not printable."""
    wrong = _ids({"request_id": request.request_id}, required=True)
    wrong += _ids({"run_id": request.run_id, "artist_id": request.artist_id}, required=False)
    if request.severity not in Severity.values():
        wrong.append(FieldViolation("severity", f"must be one of the enum's values, is {request.severity}"))
    if request.topic not in Topic.values():
        wrong.append(FieldViolation("topic", f"must be one of the enum's values, is {request.topic}"))
    about = {"error_fingerprint": request.error_fingerprint, "subject_id": request.subject_id}
    wrong += _ids(about, required=False)
    if not request.title.strip():
        wrong.append(FieldViolation("title", f"is required: one line, 1 to {MAX_TITLE} characters"))
    elif problem := _one_line(request.title):
        wrong.append(FieldViolation("title", problem))
    if len(request.body) > MAX_BODY:
        wrong.append(
            FieldViolation("body", f"must have at most {MAX_BODY} characters, has {len(request.body)}")
        )
    elif any(_is_control(c) and c not in "\n\t" for c in request.body):
        wrong.append(FieldViolation("body", "must have no control characters but line breaks and tabs"))
    if wrong:
        raise InvalidInput(wrong)


def _ids(values: Mapping[str, str], *, required: bool) -> list[FieldViolation]:
    wrong = []
    for name, value in values.items():
        if not value:
            if required:
                wrong.append(FieldViolation(name, f"is required: 1 to {MAX_ID} characters"))
        elif problem := _one_line(value):
            wrong.append(FieldViolation(name, problem))
    return wrong


def _one_line(text: str) -> str:
    """What is wrong with a text that must be one line of at most 200 characters; empty: nothing."""
    if len(text) > MAX_TITLE:
        return f"must have at most {MAX_TITLE} characters, has {len(text)}"
    if any(_is_control(c) for c in text):
        return "must be one line without control characters"
    return ""


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Zl", "Zp")
