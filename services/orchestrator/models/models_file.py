"""config/models.toml and what the environment says over it, read and checked."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from services.chassis.errors import SetupError
from services.chassis.logs import get_logger
from services.orchestrator.models.catalog import Catalog, JsonMode, Kind, Model, Plan, Role
from services.orchestrator.models.overrides import overridden, variable_of
from services.orchestrator.settings import Settings

_log = get_logger("models")


_LOCAL = "${AIARTIST_MODEL_URL}"
"""Stands in the file for the address of the local model."""

_OURS = frozenset(
    (
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "model",
        "n",
        "prompt",
        "response_format",
        "size",
        "stream",
    )
)
"""Parameters that each call sets by itself, and that its price depends on."""


def _refuse_ours(params: dict[str, Any]) -> dict[str, Any]:
    if taken := sorted(_OURS & set(params)):
        raise ValueError(f"{', '.join(taken)}: set by each call itself")
    return params


Params = Annotated[dict[str, Any], AfterValidator(_refuse_ours)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Defaults(_Entry):
    """What a model may say for itself, and `[defaults]` for all that do not."""

    connect_timeout_s: float = Field(5.0, gt=0, le=60)
    first_token_timeout_s: float | None = Field(None, gt=0, le=3_600)
    timeout_s: float = Field(120.0, gt=0, le=3_600)
    concurrency: int = Field(8, ge=1, le=1_000)
    failures: int = Field(1, ge=1, le=100)
    cooldown_s: float = Field(30.0, gt=0, le=86_400)
    bench_s: float = Field(900.0, gt=0, le=86_400)
    ceiling_usd: float = Field(0.25, gt=0, le=1_000)


class _ModelEntry(_Defaults):
    litellm_model: str = Field(pattern=r"^[^/\s]+/\S+$")
    kind: Kind = "chat"
    api_base: str = ""
    api_key_env: str = ""
    plan: Plan | None = None
    context_tokens: int | None = Field(None, ge=1)
    max_output_tokens: int | None = Field(None, ge=1)
    input_usd_per_mtok: float | None = Field(None, ge=0, le=10_000)
    output_usd_per_mtok: float | None = Field(None, ge=0, le=10_000)
    usd_per_image: float | None = Field(None, ge=0, le=1_000)
    free: bool = False
    json_mode: JsonMode | None = None
    grammar: bool = False
    direct: bool | None = None
    sizes: list[str] = Field(default_factory=list)
    params: Params = Field(default_factory=dict)

    @field_validator("sizes")
    @classmethod
    def _sizes_parse(cls, sizes: list[str]) -> list[str]:
        for size in sizes:
            _size(size)
        return sizes

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        compatible = bool(self.api_base) and self.litellm_model.startswith("openai/")
        if self.direct and not compatible:
            raise ValueError("direct needs an api_base and a litellm_model of the form openai/<model>")
        if self.kind == "chat" and self.plan is None:
            raise ValueError('plan is required: "large" or "small"')
        if (self.input_usd_per_mtok is None) != (self.output_usd_per_mtok is None):
            raise ValueError("input_usd_per_mtok and output_usd_per_mtok go together")
        return self


class _RoleEntry(_Entry):
    models: list[str] = Field(min_length=1)
    params: Params = Field(default_factory=dict)


class _File(_Entry):
    defaults: _Defaults = _Defaults()
    models: dict[str, _ModelEntry] = Field(min_length=1)
    roles: dict[str, _RoleEntry] = Field(min_length=1)


def read_catalog(settings: Settings) -> Catalog:
    """Reads the settings' models file; SetupError names the file or the variable and what is wrong in it.

    A model whose key is missing stays in the catalog, marked as left out, and is logged.
    """
    path = settings.orchestrator_models_file
    variables = settings.model_overrides
    content = _checked(_with_defaults(overridden(_read(path), variables)), path, variables)
    models = {name: _model(name, entry, settings) for name, entry in content.models.items()}
    roles = {name: Role(name, tuple(entry.models), entry.params) for name, entry in content.roles.items()}
    for role in roles.values():
        _check_role(role, models, path)
    for model in models.values():
        if not model.available:
            _log.info("model left out", model=model.name, why=model.unavailable_reason)
    return Catalog(models, roles)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(
            f"AIARTIST_ORCHESTRATOR_MODELS_FILE: cannot read {path}: {error.strerror}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{path}: is not TOML: {error}") from error


def _with_defaults(content: Mapping[str, Any]) -> dict[str, Any]:
    """Each model with what `[defaults]` says where it is silent; a wrong shape is left to the check."""
    defaults, models = content.get("defaults", {}), content.get("models", {})
    if not (isinstance(defaults, Mapping) and isinstance(models, Mapping)):
        return dict(content)
    filled = {
        name: {**defaults, **entry} if isinstance(entry, Mapping) else entry for name, entry in models.items()
    }
    return {**content, "models": filled}


def _checked(content: Mapping[str, Any], path: Path, variables: Mapping[str, str]) -> _File:
    try:
        return _File.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(step) for step in problem["loc"])
        source = variable_of(problem["loc"], variables) or str(path)
        raise SetupError(f"{source}: {place}: {problem['msg'].removeprefix('Value error, ')}") from error


def _check_role(role: Role, models: Mapping[str, Model], path: Path) -> None:
    for name in role.models:
        if name not in models:
            raise SetupError(f"{path}: roles.{role.name}.models: there is no model {name!r}")
    if len({models[name].kind for name in role.models}) > 1:
        raise SetupError(f"{path}: roles.{role.name}.models: models that write and models that draw")


def _model(name: str, entry: _ModelEntry, settings: Settings) -> Model:
    key = settings.api_key(entry.api_key_env) if entry.api_key_env else None
    if key is None and entry.api_base.startswith(_LOCAL):
        key = settings.model_api_key
    missing = f"{entry.api_key_env} is not set" if entry.api_key_env and key is None else ""
    told = entry.model_dump(exclude={"sizes", "direct", "api_base"})
    compatible = bool(entry.api_base) and entry.litellm_model.startswith("openai/")
    return Model(
        name=name,
        **told,
        api_base=entry.api_base.replace(_LOCAL, settings.model_url).rstrip("/"),
        api_key=key,
        direct=compatible if entry.direct is None else entry.direct,
        sizes=tuple(map(_size, entry.sizes)),
        unavailable_reason=missing,
    )


def _size(text: str) -> tuple[int, int]:
    """`1024x1536` as width and height; ValueError where it is not that."""
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ValueError(f"{text!r} must look like 1024x1536")
    return int(width), int(height)
