"""InventArtist from request to filled vacancy."""

import asyncio
import hashlib
from collections.abc import Sequence

from aiartist.common.v1.persona_pb2 import Persona
from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from services.chassis.errors import FieldViolation, InvalidInput, RemoteError
from services.chassis.genres import GENRES
from services.chassis.idempotency import MAX_REQUEST_ID
from services.chassis.ids import digest_of
from services.chassis.logs import get_logger
from services.orchestrator.domain import DOWN, REFUSED, Answer, Ask, Message
from services.orchestrator.errors import ModelsExhausted, NoModelSetUp
from services.orchestrator.gateway.flights import Flights
from services.orchestrator.gateway.gateway import Gateway, question_digest
from services.orchestrator.label import Label, PersonaRefused
from services.orchestrator.prompts import Prompt, render
from services.orchestrator.scouting.profile import NAME_SCHEMA, persona_of, schema, verdict_of
from services.orchestrator.scouting.world import World, problems_of
from services.orchestrator.song.dice import Dice
from services.orchestrator.song.scenes import pictures_for

ROLE = "scout"
TRIES = 3
"""Answers with a persona; each after the first is told what is wrong with the one before."""
MAX_TOKENS = 8_000
"""Reasoning models think out of the same purse."""
NAME_MAX_TOKENS = 2_000
PICTURES = 5
NO_MODEL_AGAIN_S = 86_400
"""Somebody has to set a key."""
IN_VAIN_AGAIN_S = 21_600
"""Models answered, and nothing of it could be taken: the same questions are answered alike for a while."""
EXHAUSTED_AGAIN_S = 1_800
BUDGET_AGAIN_S = 3_600

_log = get_logger("scout")


class Scout:
    """Has the scout role invent artists.

    A name that reads like a person's given name and family name is not refused for that: no list of such
    names is right for all languages, and most names of artists would be on it. Instead models are told to
    avoid it, names near to anybody's in the charts that are kept are refused, and another question asks
    whether the name is somebody's. Who wants more lets no candidate begin without a person's yes.
    """

    def __init__(self, gateway: Gateway, label: Label) -> None:
        self._gateway = gateway
        self._label = label
        self._flights: Flights[pb.InventArtistResponse, None] = Flights()

    async def invent(self, request: pb.InventArtistRequest) -> pb.InventArtistResponse:
        """The artist who fills the vacancy, or why there is none; artist_db knows of both.

        A repeat asks no model again that has answered. Raises InvalidInput, RequestIdReused, RemoteError (no
        such vacancy), DependencyUnavailable.
        """
        _check(request)
        return await self._flights.join(
            request.request_id, digest_of(request), lambda _: self._invented(request)
        )

    async def close(self) -> None:
        """Ends what is under way; what was answered is kept and will not be asked again."""
        await self._flights.close()

    async def _invented(self, request: pb.InventArtistRequest) -> pb.InventArtistResponse:
        try:
            artist_id, problems = await self._searched(request)
        except NoModelSetUp:
            told = f"no model is set up for the role {ROLE!r}"
            return await self._gave_up(request, told, NO_MODEL_AGAIN_S, no_try=True)
        except ModelsExhausted as error:
            return await self._gave_up(request, error.message, EXHAUSTED_AGAIN_S, no_try=_away(error))
        except RemoteError as error:
            if error.remote_reason != "ERROR_REASON_BUDGET_SPENT":
                raise
            return await self._gave_up(request, error.message, BUDGET_AGAIN_S, no_try=True)
        if artist_id:
            return pb.InventArtistResponse(artist_id=artist_id)
        told = f"{TRIES} inventions could not be taken; of the last: {'; '.join(problems)}"
        return await self._gave_up(request, told, IN_VAIN_AGAIN_S, no_try=False)

    async def _searched(self, request: pb.InventArtistRequest) -> tuple[str, Sequence[str]]:
        """The new artist's id, or what is wrong with the last invention."""
        role = self._gateway.catalog.roles.get(ROLE)
        if role is None or not self._gateway.catalog.ranked(role):
            raise NoModelSetUp(ROLE)
        world = World.of(await self._label.artists(), await self._label.charts(), await self._label.scores())
        prompt = _prompt(request, world)
        messages, hash, problems = prompt.messages, prompt.hash, [""]
        for number in range(1, TRIES + 1):
            answer = await self._ask_for_persona(request, number, messages, hash, world)
            persona = persona_of(answer.text)
            # Known: it was taken on before the caller heard of it.
            problems = [] if world.has(persona) else await self._problems(request, persona, world)
            if not problems:
                try:
                    return await self._label.fill_vacancy(request.vacancy_id, persona), ()
                except PersonaRefused as error:
                    problems = error.problems
            _log.info("an invention can't be taken", vacancy_id=request.vacancy_id, problems=problems)
            repair = render("scout_repair", problems=problems)
            messages = (*prompt.messages, Message("assistant", answer.text), *repair.messages)
            hash = repair.hash
        return "", problems

    async def _problems(self, request: pb.InventArtistRequest, persona: Persona, world: World) -> list[str]:
        """What is wrong with a persona; models are asked about its name last, as that is paid."""
        # Tens of thousands of names may be in the charts.
        found = await asyncio.to_thread(problems_of, persona, world)
        return found or await self._name_problems(request, persona.name)

    async def _ask_for_persona(
        self,
        request: pb.InventArtistRequest,
        number: int,
        messages: tuple[Message, ...],
        hash: str,
        world: World,
    ) -> Answer:
        return await self._gateway.ask(
            Ask(
                request_id=f"{request.request_id}/artist/{number}",
                role=ROLE,
                messages=messages,
                digest=question_digest(messages),
                json_schema=schema(world.languages),
                max_tokens=MAX_TOKENS,
                prompt_hash=hash,
                # The label changes between a try and its repeat; the answer that was paid is still good.
                strict=False,
            )
        )

    async def _name_problems(self, request: pb.InventArtistRequest, name: str) -> list[str]:
        """Whether a model takes the name for somebody's. It is shown nothing but the name."""
        prompt = render("scout_name", name=name)
        answer = await self._gateway.ask(
            Ask(
                request_id=f"{request.request_id}/name/{hashlib.sha256(name.encode()).hexdigest()[:16]}",
                role=ROLE,
                messages=prompt.messages,
                digest=question_digest(prompt.messages),
                json_schema=NAME_SCHEMA,
                max_tokens=NAME_MAX_TOKENS,
                temperature=0.0,
                prompt_hash=prompt.hash,
                strict=False,
            )
        )
        verdict, who = verdict_of(answer.text)
        if verdict == "no":
            return []
        known = f": {who}" if who else ""
        belongs = "belongs" if verdict == "yes" else "may belong"
        return [f"the name {name!r} {belongs} to somebody real{known}; take one that is nobody's"]

    async def _gave_up(
        self, request: pb.InventArtistRequest, failure: str, again_s: int, *, no_try: bool
    ) -> pb.InventArtistResponse:
        _log.warning("no artist was invented", vacancy_id=request.vacancy_id, reason=failure)
        artist_id = await self._label.leave_vacancy(request.vacancy_id, failure, again_s, no_try=no_try)
        return pb.InventArtistResponse(artist_id=artist_id, failure="" if artist_id else failure)


def _away(error: ModelsExhausted) -> bool:
    """Whether no model answered at all; one that answers badly is paid for it, and has tried."""
    return all(attempt.skipped or attempt.outcome in DOWN | REFUSED for attempt in error.attempts)


def _prompt(request: pb.InventArtistRequest, world: World) -> Prompt:
    return render(
        "scout",
        roster=world.roster,
        names=world.other_names,
        scores=world.scores,
        genres=GENRES,
        languages=world.languages,
        pictures=pictures_for("", Dice.of(request.request_id), PICTURES),
    )


def _check(request: pb.InventArtistRequest) -> None:
    found = [
        FieldViolation(name, "is required: 1 to 200 characters")
        for name in ("request_id", "vacancy_id")
        if not 1 <= len(getattr(request, name).strip()) <= MAX_REQUEST_ID
    ]
    if found:
        raise InvalidInput(found)
