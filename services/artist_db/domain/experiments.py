"""What makes an experiment valid, and whom and what it concerns."""

import math
import re
from collections.abc import Collection, Sequence
from enum import StrEnum

from aiartist.artist_db.v1.experiment_pb2 import Arm, Experiment
from aiartist.common.v1.persona_pb2 import Persona
from services.artist_db.domain.checks import Checks, shown
from services.artist_db.domain.persona import check_persona, completed
from services.chassis.cover_styles import COVER_STYLES
from services.chassis.persona_fields import FIELDS, top_level, value_of, with_value

DEFAULT_FLOOR = 0.02
MAX_FLOOR = 0.2
DEFAULT_MIN_OUTCOMES = 5
MAX_MIN_OUTCOMES = 10_000
MIN_ARMS, MAX_ARMS = 2, 6
MAX_NAME = 80
MAX_ARM_NAME = 40
MAX_VALUE = 2_000
MAX_REASON = 500
MAX_ARTISTS = 1_000

_ARM_NAME = re.compile(rf"[a-z0-9_-]{{1,{MAX_ARM_NAME}}}")
_NEVER = ("name", "preserve_core_identity")
_NOBODY = completed(Persona(name="Nobody", genre="pop", style="plain", themes=["night"]))
"""Whatever artist an experiment is for: a value that breaks a rule here breaks it for all."""


class Kind(StrEnum):
    """As in `ArmKind`, without its prefix, in its order."""

    PROMPT = "PROMPT"
    MODEL = "MODEL"
    PROVIDER = "PROVIDER"
    PERSONA_FIELD = "PERSONA_FIELD"
    COVER_STYLE = "COVER_STYLE"


class Metric(StrEnum):
    """As in `OutcomeMetric`, without its prefix."""

    APPROVAL = "APPROVAL"
    REVIEW = "REVIEW"
    SCORE = "SCORE"


class State(StrEnum):
    """As in `ExperimentState`, without its prefix."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    PROMOTED = "PROMOTED"


def check_experiment(checks: Checks, given: Experiment, kind: Kind | None, metric: Metric | None) -> None:
    """Notes every rule of experiment.proto that a new experiment breaks, fields as `experiment.name`.

    The name of a model or of a provider can't be looked at here: who has their lists is another service. A
    run that can't follow its arm says so, and does not count. `kind` and `metric` are None where unknown.
    """
    path = "experiment"
    checks.phrase(f"{path}.name", given.name, most=MAX_NAME, required=True)
    if given.name.strip() and given.name != given.name.strip():
        checks.add(f"{path}.name", f"must not begin or end with white space, is {shown(given.name)}")
    if kind is None:
        checks.add(f"{path}.kind", f"must be one of {', '.join(f'ARM_KIND_{kind}' for kind in Kind)}")
    if metric is None:
        checks.add(
            f"{path}.metric", f"must be one of {', '.join(f'OUTCOME_METRIC_{metric}' for metric in Metric)}"
        )
    _check_field(checks, f"{path}.field", given.field, kind)
    _check_arms(checks, f"{path}.arms", given.arms, kind, given.field)
    checks.count(f"{path}.artist_ids", given.artist_ids, most=MAX_ARTISTS)
    for index, artist_id in enumerate(given.artist_ids):
        checks.id(f"{path}.artist_ids[{index}]", artist_id)
        if artist_id in given.artist_ids[:index]:
            checks.add(f"{path}.artist_ids[{index}]", f"is there twice: {shown(artist_id)}")
    if not (math.isfinite(given.floor) and 0 <= given.floor <= MAX_FLOOR):
        checks.add(f"{path}.floor", f"must be 0 to {MAX_FLOOR:g}, is {given.floor:g}")
    if given.min_outcomes:
        checks.number(f"{path}.min_outcomes", given.min_outcomes, least=2, most=MAX_MIN_OUTCOMES)


def overlap(field: str, other: str) -> bool:
    """Whether two persona fields, or two empty ones, are one or one is a part of the other."""
    return field == other or field.startswith(f"{other}.") or other.startswith(f"{field}.")


def protected(persona: Persona, field: str) -> bool:
    """Whether nothing but its owner may change this field of the artist."""
    kept = persona.preserve_core_identity
    return top_level(field) in (*kept, *_NEVER) or field in kept


def changed(persona: Persona, field: str, value: str) -> Persona | None:
    """The persona with an arm's value; None where it is protected, or would break a rule with the rest."""
    if protected(persona, field):
        return None
    try:
        whole = completed(with_value(persona, field, value))
    except ValueError:
        return None
    checks = Checks()
    check_persona(checks, "persona", whole)
    return None if checks.found else whole


def fits(persona: Persona, field: str, values: Collection[str]) -> bool:
    """Whether an artist can have each of the values; with only some of them there is no fair draw."""
    return all(changed(persona, field, value) is not None for value in values)


def _check_field(checks: Checks, path: str, field: str, kind: Kind | None) -> None:
    if kind is not Kind.PERSONA_FIELD:
        if field and kind is not None:
            checks.add(path, f"is only for ARM_KIND_PERSONA_FIELD, is {shown(field)}")
    elif field not in FIELDS or field in _NEVER:
        allowed = ", ".join(known for known in FIELDS if known not in _NEVER)
        checks.add(path, f"must be one of {allowed}, is {shown(field)}")


def _check_arms(checks: Checks, path: str, arms: Sequence[Arm], kind: Kind | None, field: str) -> None:
    checks.count(path, arms, least=MIN_ARMS, most=MAX_ARMS)
    names: set[str] = set()
    values: dict[str, int] = {}
    for index, arm in enumerate(arms):
        place = f"{path}[{index}]"
        expected = f"1 to {MAX_ARM_NAME} characters of a-z, 0-9, _ and -"
        checks.pattern(f"{place}.name", arm.name, _ARM_NAME, expected)
        if arm.name in names:
            checks.add(f"{place}.name", f"must be unique, {shown(arm.name)} is there twice")
        names.add(arm.name)
        found = len(checks.found)
        _check_value(checks, f"{place}.value", arm.value, kind, field)
        if len(checks.found) == found and kind is not None:
            same = values.setdefault(_meaning(arm.value, kind, field), index)
            if same != index:
                checks.add(f"{place}.value", f"must differ from the other arms', is as in arms[{same}]")


def _check_value(checks: Checks, path: str, value: str, kind: Kind | None, field: str) -> None:
    match kind:
        case None:
            return
        case Kind.PROMPT:
            checks.prose(path, value, most=MAX_VALUE)
        case Kind.MODEL | Kind.PROVIDER:
            checks.phrase(path, value, most=MAX_VALUE, required=True)
        case Kind.COVER_STYLE:
            checks.choice(path, value, COVER_STYLES)
        case Kind.PERSONA_FIELD:
            before = len(checks.found)
            checks.prose(path, value, most=MAX_VALUE, required=True)
            if len(checks.found) == before and field in FIELDS and field not in _NEVER:
                _check_persona_value(checks, path, field, value)


def _check_persona_value(checks: Checks, path: str, field: str, value: str) -> None:
    try:
        persona = with_value(_NOBODY, field, value)
    except ValueError as error:
        checks.add(path, str(error))
        return
    rules = Checks()
    check_persona(rules, "persona", completed(persona))
    for violation in rules.found:
        checks.add(path, f"{violation.field.removeprefix('persona.')} {violation.description}")


def _meaning(value: str, kind: Kind, field: str) -> str:
    """Equal for values that are one: JSON can say the same in several ways."""
    if kind is not Kind.PERSONA_FIELD or field not in FIELDS:
        return value
    return value_of(completed(with_value(_NOBODY, field, value)), field)
