"""Requests as questions; every field that is wrong is named at once."""

from typing import Any

from google.protobuf.json_format import MessageToDict

from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from services.chassis.errors import FieldViolation, InvalidInput
from services.chassis.idempotency import MAX_REQUEST_ID
from services.chassis.ids import digest_of
from services.orchestrator.domain import Ask, Drawing, Message
from services.orchestrator.gateway.gateway import question_digest
from services.orchestrator.gateway.outgoing import Material, with_materials
from services.orchestrator.gateway.structured import check_schema

MAX_TOKENS = 32_768
DEFAULT_MAX_TOKENS = 1_024
MAX_MATERIALS = 50
MAX_LABEL = 80
MAX_DRAWING_PROMPT = 4_000
MAX_HASH = 100
SIDES = range(256, 4_096 + 1)
DEFAULT_SIDE = 1_024
ROLES = ("system", "user", "assistant")


def ask_of(request: pb.GenerateRequest) -> Ask:
    """A question in words; InvalidInput where it can't be asked."""
    schema = MessageToDict(request.json_schema) if request.HasField("json_schema") else None
    _refuse(_id_problems(request) + _message_problems(request) + _limit_problems(request, schema))
    materials = [Material(material.label, material.text) for material in request.materials]
    messages = tuple(Message(message.role, message.content) for message in request.messages)
    return Ask(
        request_id=request.request_id,
        role=request.role,
        messages=with_materials(messages, materials),
        digest=digest_of(request),
        json_schema=schema,
        max_tokens=request.max_tokens or DEFAULT_MAX_TOKENS,
        temperature=request.temperature if request.HasField("temperature") else None,
        prompt_hash=request.prompt_hash or question_digest(messages),
        artist_id=request.artist_id,
        run_id=request.run_id,
    )


def drawing_of(request: pb.GenerateImageRequest) -> Drawing:
    """An order for a picture; InvalidInput where it can't be given."""
    found = _id_problems(request)
    if not 1 <= len(request.prompt.strip()) <= MAX_DRAWING_PROMPT:
        found.append(FieldViolation("prompt", "is required: 1 to 4,000 characters"))
    for name in ("width", "height"):
        side = getattr(request, name)
        if side and side not in SIDES:
            found.append(FieldViolation(name, f"must be 256 to 4,096 pixels, is {side:,}"))
    _refuse(found)
    return Drawing(
        request_id=request.request_id,
        role=request.role,
        digest=digest_of(request),
        prompt=request.prompt,
        width=request.width or DEFAULT_SIDE,
        height=request.height or DEFAULT_SIDE,
        prompt_hash=question_digest((Message("user", request.prompt),)),
        artist_id=request.artist_id,
        run_id=request.run_id,
    )


def _refuse(found: list[FieldViolation]) -> None:
    if found:
        raise InvalidInput(found)


def _id_problems(request: pb.GenerateRequest | pb.GenerateImageRequest) -> list[FieldViolation]:
    found = []
    if not 1 <= len(request.request_id.strip()) <= MAX_REQUEST_ID:
        found.append(FieldViolation("request_id", "is required: 1 to 200 characters"))
    for name in ("artist_id", "run_id"):
        found += _phrase_problems(name, getattr(request, name), MAX_REQUEST_ID)
    if not request.role:
        found.append(FieldViolation("role", "is required: one of the configured roles, see ListModels"))
    return found


def _phrase_problems(name: str, text: str, most: int) -> list[FieldViolation]:
    """What would keep a call from being recorded after it was paid."""
    if len(text) > most or not all(map(str.isprintable, text)):
        return [FieldViolation(name, f"must be one line of at most {most} printable characters")]
    return []


def _message_problems(request: pb.GenerateRequest) -> list[FieldViolation]:
    found = []
    if not request.messages:
        found.append(FieldViolation("messages", "is required: at least one message"))
    for index, message in enumerate(request.messages):
        if message.role not in ROLES:
            told = f"must be one of {', '.join(ROLES)}, is {message.role[:40]!r}"
            found.append(FieldViolation(f"messages[{index}].role", told))
        if not message.content.strip():
            found.append(FieldViolation(f"messages[{index}].content", "is required"))
    if len(request.materials) > MAX_MATERIALS:
        told = f"must be at most {MAX_MATERIALS}, are {len(request.materials)}"
        found.append(FieldViolation("materials", told))
    for index, material in enumerate(request.materials):
        if not 1 <= len(material.label.strip()) <= MAX_LABEL or "\n" in material.label:
            told = f"is required: one line, 1 to {MAX_LABEL} characters"
            found.append(FieldViolation(f"materials[{index}].label", told))
    return found


def _limit_problems(request: pb.GenerateRequest, schema: dict[str, Any] | None) -> list[FieldViolation]:
    found = []
    if request.max_tokens > MAX_TOKENS:
        found.append(FieldViolation("max_tokens", f"must be 1 to 32,768, is {request.max_tokens:,}"))
    if request.HasField("temperature") and not 0 <= request.temperature <= 2:
        found.append(FieldViolation("temperature", f"must be 0 to 2, is {request.temperature:g}"))
    found += _phrase_problems("prompt_hash", request.prompt_hash, MAX_HASH)
    if schema is not None and (problem := check_schema(schema)):
        found.append(FieldViolation("json_schema", f"is no JSON schema: {problem[:200]}"))
    return found
