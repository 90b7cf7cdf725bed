"""A run's arms: what they change of a song's commission, and which of them the song followed."""

from collections.abc import Iterable
from dataclasses import dataclass

from aiartist.common.v1 import experiment_pb2
from aiartist.common.v1.experiment_pb2 import AssignedArm
from aiartist.common.v1.persona_pb2 import Persona
from services.chassis.logs import get_logger
from services.chassis.persona_fields import with_value

_log = get_logger("arms")


@dataclass(frozen=True, slots=True)
class Arms:
    """What a song is written under."""

    given: tuple[AssignedArm, ...]
    persona: Persona
    """The artist's, with the values of the persona fields' arms."""
    direction: str = ""
    """What the label wants of the song, in words; empty: nothing."""
    model: str = ""
    """The model that is asked first, by its name in the models file; empty: as they are ranked."""
    applied: frozenset[int] = frozenset()
    """Which of the given ones, by place, changed the persona or said that it stays."""

    def followed(self, model: str) -> list[AssignedArm]:
        """The given arms, each with whether the song follows it that this model wrote.

        Of music and covers nothing is known yet: the take says it.
        """
        told = []
        for place, arm in enumerate(self.given):
            kept = AssignedArm()
            kept.CopyFrom(arm)
            # Both plans put a direction into their prompts.
            is_directed = arm.kind == experiment_pb2.ARM_KIND_PROMPT
            is_by_model = arm.kind == experiment_pb2.ARM_KIND_MODEL and arm.value == model
            kept.followed = is_directed or is_by_model or place in self.applied
            told.append(kept)
        return told


def arms_of(given: Iterable[AssignedArm], persona: Persona) -> Arms:
    """The arms of an artist's run. One whose value does not fit its field changes nothing, and is logged."""
    given = tuple(given)
    direction = model = ""
    applied = set()
    for place, arm in enumerate(given):
        if arm.kind == experiment_pb2.ARM_KIND_PROMPT:
            direction = arm.value.strip()
        elif arm.kind == experiment_pb2.ARM_KIND_MODEL:
            model = arm.value
        elif arm.kind == experiment_pb2.ARM_KIND_PERSONA_FIELD:
            try:
                persona = with_value(persona, arm.field, arm.value)
            except ValueError as error:
                _log.warning(
                    "an arm can't be followed",
                    experiment_id=arm.experiment_id,
                    arm=arm.arm,
                    detail=str(error),
                )
            else:
                applied.add(place)
    return Arms(given, persona, direction, model, frozenset(applied))
