"""Songs from commissions: each available model in rank order, by the plan that suits it."""

from collections.abc import Sequence

from services.chassis.logs import get_logger
from services.orchestrator.domain import Attempt
from services.orchestrator.errors import ModelsExhausted
from services.orchestrator.models.catalog import Model
from services.orchestrator.song.brief import Commission, Unwritable, Written
from services.orchestrator.song.large import ROLE, Asker, Told, write_large
from services.orchestrator.song.small import write_small

_log = get_logger("composer")


class Composer:
    """Writes songs."""

    def __init__(self, asker: Asker, models: Sequence[Model]) -> None:
        self._asker = asker
        self._models = models

    async def compose(self, commission: Commission, told: Told) -> Written:
        """A song by the first model that manages one; ModelsExhausted where none does."""
        attempts: list[Attempt] = []
        # Sorting keeps their ranks; a name that is none of theirs changes nothing.
        for model in sorted(self._models, key=lambda model: model.name != commission.model):
            write = write_large if model.plan == "large" else write_small
            try:
                written = await write(self._asker, model.name, commission, told)
            except ModelsExhausted as error:
                attempts += error.attempts
            except Unwritable as error:
                _log.warning(
                    "a song could not be made of the answers", model=model.litellm_model, detail=str(error)
                )
                attempts.append(Attempt(model.litellm_model, "bad_json", 0, str(error)))
            else:
                if all(answer.model == model.litellm_model for answer in written.answers):
                    written.model = model.name
                return written
        raise self._asker.exhausted(ROLE, attempts)
