"""ComposeSong from request to kept brief: looked up, written, kept; each at most once."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from aiartist.artist_db.v1 import artist_db_pb2
from aiartist.common.v1 import brief_pb2
from aiartist.common.v1.progress_pb2 import Progress
from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from services.chassis.errors import FieldViolation, InvalidInput, RequestIdReused
from services.chassis.idempotency import MAX_REQUEST_ID
from services.chassis.ids import derived_id, digest_of
from services.orchestrator.domain import Answer
from services.orchestrator.gateway.flights import Flights, Tell
from services.orchestrator.label import Label, TitleTaken, singer_of
from services.orchestrator.song.arms import arms_of
from services.orchestrator.song.brief import Commission, Singer, Song
from services.orchestrator.song.composer import Composer
from services.orchestrator.song.dice import Dice
from services.orchestrator.song.form import Kind
from services.orchestrator.song.large import ROLE
from services.orchestrator.song.text import bare_title
from services.orchestrator.song.titles import another_title
from services.orchestrator.trends.digest import NOTHING
from services.orchestrator.trends.trends import Trends

MAX_NOTE = 1_000
KEEP_TRIES = 3

_KINDS = {
    Kind.INTRO: brief_pb2.Section.KIND_INTRO,
    Kind.VERSE: brief_pb2.Section.KIND_VERSE,
    Kind.PRE_CHORUS: brief_pb2.Section.KIND_PRE_CHORUS,
    Kind.CHORUS: brief_pb2.Section.KIND_CHORUS,
    Kind.BRIDGE: brief_pb2.Section.KIND_BRIDGE,
    Kind.INSTRUMENTAL: brief_pb2.Section.KIND_INSTRUMENTAL,
    Kind.OUTRO: brief_pb2.Section.KIND_OUTRO,
}


@dataclass(slots=True)
class Studio:
    """The songs under way."""

    composer: Composer
    label: Label
    trends: Trends
    _flights: Flights[pb.ComposedSong, Progress] = field(default_factory=Flights)

    async def compose(self, request: pb.ComposeSongRequest) -> AsyncGenerator[pb.ComposeSongResponse, None]:
        """Progress, and the song last. A repeat gives the song that was kept.

        Raises InvalidInput, RequestIdReused, RemoteError (no such artist), ModelsExhausted.
        """
        check_request(request)
        updates = self._flights.follow(
            request.request_id, digest_of(request), lambda tell: self._composed(request, tell)
        )
        async with aclosing(updates):
            async for update in updates:
                if isinstance(update, Progress):
                    yield pb.ComposeSongResponse(progress=update)
                else:
                    yield pb.ComposeSongResponse(song=update)

    async def close(self) -> None:
        """Ends the songs under way; what was answered is kept and will not be asked again."""
        await self._flights.close()

    async def _composed(self, request: pb.ComposeSongRequest, tell: Tell[Progress]) -> pb.ComposedSong:
        brief_id, digest = derived_id("brf", request.request_id), digest_of(request)
        kept = await self.label.brief(brief_id)
        if kept is None:
            kept = await self._written(request, brief_id, digest, tell)
        if kept.request_digest != digest:
            raise RequestIdReused(request.request_id)
        return pb.ComposedSong(
            brief_id=kept.id,
            brief=kept.brief,
            persona_version=kept.persona_version,
            model_uses=kept.model_uses,
        )

    async def _written(
        self, request: pb.ComposeSongRequest, brief_id: str, digest: str, tell: Tell[Progress]
    ) -> artist_db_pb2.StoredBrief:
        artist = await self.label.artist(request.artist_id)
        arms = arms_of(await self.label.arms(request.run_id, request.artist_id), artist.persona)
        charts = await self.trends.digest(arms.persona) if arms.persona.trend_alignment else NOTHING
        commission = Commission(
            request_id=request.request_id,
            artist_id=request.artist_id,
            run_id=request.run_id,
            singer=singer_of(arms.persona),
            note=request.note.strip(),
            titles=tuple(await self.label.titles(request.artist_id)),
            direction=arms.direction,
            model=arms.model,
            charts=charts,
            charted=frozenset(filter(None, map(bare_title, charts.titles))),
        )

        def told(step: str, done: int, total: int) -> None:
            tell(Progress(step=step.replace("-", " "), done=done, total=total))

        written = await self.composer.compose(commission, told)
        song = written.song
        for tries_left in reversed(range(KEEP_TRIES)):
            stored = artist_db_pb2.StoredBrief(
                id=brief_id,
                artist_id=request.artist_id,
                run_id=request.run_id,
                persona_version=artist.persona_version,
                brief=brief_of(song, commission),
                model_uses=model_uses(written.answers),
                request_digest=digest,
                arms=arms.followed(written.model),
                persona=arms.persona if arms.persona != artist.persona else None,
                trends=written.charts,
            )
            try:
                return await self.label.keep(stored)
            except TitleTaken as error:
                if not tries_left:
                    raise error.remote from error
                titles = tuple(await self.label.titles(request.artist_id))
                song = replace(song, title=another_title(song.title, replace(commission, titles=titles)))
        raise AssertionError("the last try returns or raises")


def check_request(request: pb.ComposeSongRequest) -> None:
    """InvalidInput with every field that is wrong."""
    found = [
        FieldViolation(name, "is required: 1 to 200 characters")
        for name in ("request_id", "artist_id", "run_id")
        if not 1 <= len(getattr(request, name).strip()) <= MAX_REQUEST_ID
    ]
    if len(request.note) > MAX_NOTE:
        found.append(FieldViolation("note", f"must have at most 1,000 characters, has {len(request.note):,}"))
    if found:
        raise InvalidInput(found)


def brief_of(song: Song, commission: Commission) -> brief_pb2.Brief:
    """A song as the contracts know it."""
    singer: Singer = commission.singer
    return brief_pb2.Brief(
        title=song.title,
        genre=singer.genre,
        theme=song.theme,
        mood=song.mood,
        language=singer.language,
        tempo_bpm=song.tempo_bpm,
        key=song.key,
        sections=[
            brief_pb2.Section(kind=_KINDS[section.kind], bars=section.bars, lines=section.lines)
            for section in song.sections
        ],
        instruments=song.instruments,
        style_prompt=song.style_prompt,
        cover_prompt=song.cover_prompt,
        video_plan=song.video_plan,
        target_duration_ms=singer.target_ms,
        seed=Dice.of(commission.request_id).seed,
    )


def model_uses(answers: Iterable[Answer]) -> list[brief_pb2.ModelUse]:
    """The models' part in a song: one entry a model, with all of its attempts."""
    uses: dict[str, brief_pb2.ModelUse] = {}
    for answer in answers:
        for attempt in answer.attempts:
            use = uses.setdefault(attempt.model, brief_pb2.ModelUse(role=ROLE, model=attempt.model))
            use.calls += 1
            use.prompt_tokens += attempt.usage.prompt_tokens
            use.completion_tokens += attempt.usage.completion_tokens
            use.cost_micro_usd += attempt.usage.cost_micro_usd
        if answer.prompt_hash and answer.prompt_hash not in uses[answer.model].prompt_hashes:
            uses[answer.model].prompt_hashes.append(answer.prompt_hash)
    return list(uses.values())
