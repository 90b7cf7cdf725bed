"""Reflect from request to kept change: asked at most once a run, and only where an answer could count."""

from aiartist.artist_db.v1.life_pb2 import PersonaChange, ProposeChangeRequest
from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from services.chassis.errors import FieldViolation, InvalidInput, RemoteError
from services.chassis.idempotency import MAX_REQUEST_ID
from services.chassis.logs import get_logger
from services.orchestrator.domain import ABOUT_CONTENT, REFUSED, Answer, Ask
from services.orchestrator.errors import ModelsExhausted, NoModelSetUp
from services.orchestrator.gateway.gateway import Gateway
from services.orchestrator.reflection.facts import facts_of
from services.orchestrator.reflection.past import Past
from services.orchestrator.reflection.question import ROLE, question
from services.orchestrator.reflection.reading import Reading, read

_log = get_logger("reflection")


class NobodyToAsk(Exception):
    """No model will answer, now or later; the text says why, for people."""


class Reflector:
    """Has the reflector role look back on runs."""

    def __init__(self, gateway: Gateway, past: Past) -> None:
        self._gateway = gateway
        self._past = past

    async def reflect(self, request: pb.ReflectRequest) -> pb.ReflectResponse:
        """What comes of a reflection, kept; of a run that has one, that one.

        Raises InvalidInput, RemoteError (no such run; artist_db is away), and ModelsExhausted where a model
        may answer later.
        """
        check_request(request)
        known = await self._past.reflection(request.run_id, request.artist_id)
        if known.HasField("change"):
            return pb.ReflectResponse(change=known.change)
        artist = await self._past.artist(request.artist_id)
        reading, model = Reading(known.obstacle), ""
        if not known.obstacle:
            facts = facts_of(
                request.run_id,
                await self._past.outcomes(artist.id),
                await self._past.briefs(artist.id),
                await self._past.changes(artist.id),
            )
            try:
                answer = await self._asked(question(request.run_id, artist, known.fields, facts))
                reading = read(answer.text, {field.field: field.value for field in known.fields}, facts)
                model = answer.model
            except NobodyToAsk as reason:
                reading = Reading(str(reason))
        change = await self._past.keep(
            ProposeChangeRequest(
                run_id=request.run_id,
                artist_id=artist.id,
                persona_version=artist.persona_version,
                change=reading.change,
                reason=reading.why,
                evidence=reading.evidence,
                model=model[:MAX_REQUEST_ID],
            )
        )
        _log.info(
            "reflected", state=PersonaChange.State.Name(change.state), outcome=change.outcome, model=model
        )
        return pb.ReflectResponse(change=change)

    async def _asked(self, ask: Ask) -> Answer:
        """The answer; NobodyToAsk where there is none to wait for."""
        if ROLE not in self._gateway.catalog.roles:
            raise NobodyToAsk(f"the models file has no role {ROLE}")
        try:
            return await self._gateway.ask(ask)
        except NoModelSetUp as error:
            raise NobodyToAsk(f"no model of the role {ROLE} has its key") from error
        except ModelsExhausted as error:
            called = [attempt.outcome for attempt in error.attempts if not attempt.skipped]
            if called and len(called) == len(error.attempts) and set(called) <= ABOUT_CONTENT | REFUSED:
                # They are up and were paid: asking again would be paid again.
                raise NobodyToAsk(f"no model of the role {ROLE} gave a usable answer") from error
            raise
        except RemoteError as error:
            if error.remote_reason != "ERROR_REASON_BUDGET_SPENT":
                raise
            raise NobodyToAsk("the budget for models is spent") from error


def check_request(request: pb.ReflectRequest) -> None:
    """InvalidInput with every field that is wrong."""
    found = [
        FieldViolation(name, "is required: 1 to 200 characters")
        for name in ("request_id", "run_id", "artist_id")
        if not 1 <= len(getattr(request, name).strip()) <= MAX_REQUEST_ID
    ]
    if found:
        raise InvalidInput(found)
