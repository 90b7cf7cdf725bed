"""models.toml, read and checked: the models, and the roles with their ranked lists."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from services.chassis.errors import SetupError
from services.chassis.logs import get_logger
from services.orchestrator.settings import Settings

Plan = Literal["large", "small"]
JsonMode = Literal["schema", "object", "none"]

_log = get_logger("models")


@dataclass(frozen=True, slots=True)
class Model:
    """A configured model."""

    name: str
    litellm_model: str
    plan: Plan
    api_base: str = ""
    """Empty: the provider's own address."""
    api_key: SecretStr | None = field(default=None, repr=False)
    timeout_s: float = 120.0
    connect_timeout_s: float = 5.0
    concurrency: int = 8
    json_mode: JsonMode | None = None
    grammar: bool = False
    direct: bool = False
    free: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)
    unavailable_reason: str = ""
    """Why it is left out; empty: it is not."""

    @property
    def available(self) -> bool:
        return not self.unavailable_reason


@dataclass(frozen=True, slots=True)
class Role:
    """As what models are asked: names in rank order, and parameters over the models' own."""

    name: str
    models: tuple[str, ...]
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every model and every role."""

    models: Mapping[str, Model]
    roles: Mapping[str, Role]

    def ranked(self, role: Role, only: Sequence[str] = ()) -> list[Model]:
        """The role's available models in rank order; of those in `only`, where it is not empty."""
        models = [self.models[name] for name in role.models if not only or name in only]
        return [model for model in models if model.available]


class _ModelEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    litellm_model: str = Field(pattern=r"^[^/\s]+/\S+$")
    api_base: str = ""
    api_key_env: str = ""
    plan: Plan
    timeout_s: float = Field(120.0, gt=0, le=3_600)
    connect_timeout_s: float = Field(5.0, gt=0, le=60)
    concurrency: int = Field(8, ge=1, le=1_000)
    json_mode: JsonMode | None = None
    grammar: bool = False
    direct: bool = False
    free: bool = False
    params: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _direct_needs_an_address(self) -> Self:
        if self.direct and not (self.api_base and self.litellm_model.startswith("openai/")):
            raise ValueError("direct needs an api_base and a litellm_model of the form openai/<model>")
        return self


class _RoleEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    models: list[str] = Field(min_length=1)
    params: dict[str, Any] = Field(default_factory=dict)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    models: dict[str, _ModelEntry] = Field(min_length=1)
    roles: dict[str, _RoleEntry] = Field(min_length=1)


def read_catalog(settings: Settings) -> Catalog:
    """Reads the settings' models file; SetupError names the file and what is wrong in it.

    A model whose key is missing stays in the catalog, marked as left out, and is logged.
    """
    path = settings.orchestrator_models_file
    content = _parse(path)
    models = {name: _model(name, entry, settings) for name, entry in content.models.items()}
    for role, listed in content.roles.items():
        for name in listed.models:
            if name not in models:
                raise SetupError(f"{path}: roles.{role}.models: there is no model {name!r}")
    for model in models.values():
        if not model.available:
            _log.info("model left out", model=model.name, why=model.unavailable_reason)
    roles = {name: Role(name, tuple(entry.models), entry.params) for name, entry in content.roles.items()}
    return Catalog(models, roles)


def _parse(path: Path) -> _File:
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SetupError(
            f"AIARTIST_ORCHESTRATOR_MODELS_FILE: cannot read {path}: {error.strerror}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{path}: is not TOML: {error}") from error
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(step) for step in problem["loc"])
        raise SetupError(f"{path}: {place}: {problem['msg']}") from error


def _model(name: str, entry: _ModelEntry, settings: Settings) -> Model:
    key = settings.api_key(entry.api_key_env) if entry.api_key_env else None
    missing = f"{entry.api_key_env} is not set" if entry.api_key_env and key is None else ""
    return Model(
        name=name,
        litellm_model=entry.litellm_model,
        plan=entry.plan,
        api_base=entry.api_base.replace("${AIARTIST_MODEL_URL}", settings.model_url).rstrip("/"),
        api_key=key,
        timeout_s=entry.timeout_s,
        connect_timeout_s=entry.connect_timeout_s,
        concurrency=entry.concurrency,
        json_mode=entry.json_mode,
        grammar=entry.grammar,
        direct=entry.direct,
        free=entry.free,
        params=entry.params,
        unavailable_reason=missing,
    )
