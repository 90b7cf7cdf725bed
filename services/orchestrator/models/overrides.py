"""Values of the models file from the environment, by the name of their place in it.

    AIARTIST_MODELS__OPENAI__TIMEOUT_S=30            models.openai.timeout_s
    AIARTIST_MODELS__LOCAL__PARAMS__TEMPERATURE=0.5  models.local.params.temperature
    AIARTIST_ROLES__SONGWRITER__MODELS=local,openai  roles.songwriter.models
    AIARTIST_DEFAULTS__COOLDOWN_S=10                 defaults.cooldown_s

A name's capitals and other signs do not matter: `MY_SERVER` is `my-server`. A name that is not in
the file is a new model or role.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from services.chassis.errors import SetupError

PREFIXES = ("AIARTIST_MODELS__", "AIARTIST_ROLES__", "AIARTIST_DEFAULTS__")
_LISTS = frozenset({"models", "sizes"})
"""Keys whose values may be written with commas between."""


def overridden(content: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """The file's content with the variables' values in it; SetupError names a variable that fits nowhere."""
    changed = deepcopy(dict(content))
    for variable, text in sorted(variables.items()):
        steps = variable.removeprefix("AIARTIST_").split("__")
        depth = 2 if steps[0] == "DEFAULTS" else 3
        if len(steps) < depth or not all(steps):
            raise SetupError(f"{variable}: must look like {PREFIXES[0]}OPENAI__TIMEOUT_S")
        place = changed
        for step in steps[:-1]:
            inner = place.setdefault(_name_in(place, step), {})
            if not isinstance(inner, dict):
                raise SetupError(f"{variable}: there is nothing below {step.lower()} in the models file")
            place = inner
        key = _name_in(place, steps[-1])
        place[key] = _value(text, is_list=key in _LISTS)
    return changed


def variable_of(place: Iterable[int | str], variables: Iterable[str]) -> str:
    """The variable that a place of the file took its value from; empty: none did."""
    name = "AIARTIST_" + "__".join(_as_variable(str(step)) for step in place)
    return next((known for known in variables if known.upper() == name), "")


def _as_variable(name: str) -> str:
    return re.sub(r"\W", "_", name).upper()


def _name_in(names: Iterable[str], step: str) -> str:
    """The one of the names that a variable's step means; a new one where it means none."""
    for name in names:
        if _as_variable(name) == step.upper():
            return name
    return step.lower()


def _value(text: str, *, is_list: bool) -> Any:
    """As TOML where it is that, else the text itself."""
    if is_list and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
