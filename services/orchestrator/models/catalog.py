"""The models that may be asked, and the roles with their ranked lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import SecretStr

Kind = Literal["chat", "image"]
Plan = Literal["large", "small"]
JsonMode = Literal["schema", "object", "none"]


@dataclass(frozen=True, slots=True)
class Model:
    """A configured model; see config/models.toml for what each value means."""

    name: str
    litellm_model: str
    kind: Kind = "chat"
    plan: Plan | None = None
    """None: of a model that draws."""
    api_base: str = ""
    """Empty: the provider's own address."""
    api_key_env: str = ""
    api_key: SecretStr | None = field(default=None, repr=False)
    context_tokens: int | None = None
    """None: what litellm knows of the model."""
    max_output_tokens: int | None = None
    """None: what litellm knows of the model."""
    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None
    usd_per_image: float | None = None
    ceiling_usd: float = 0.25
    """What a call counts whose price nobody knows."""
    free: bool = False
    connect_timeout_s: float = 5.0
    first_token_timeout_s: float | None = None
    """None: the first token may come as late as the last."""
    timeout_s: float = 120.0
    concurrency: int = 8
    failures: int = 1
    cooldown_s: float = 30.0
    bench_s: float = 900.0
    json_mode: JsonMode | None = None
    grammar: bool = False
    direct: bool = False
    sizes: tuple[tuple[int, int], ...] = ()
    """Widths and heights that it draws, in pixels; empty: any."""
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

    def kind(self, role: Role) -> Kind:
        """What the role's models do; all of a list do the same."""
        return self.models[role.models[0]].kind
