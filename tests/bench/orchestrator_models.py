"""What each contender of the orchestrator's benchmark is told of the models at the fake upstream."""

import json
from collections.abc import Mapping
from typing import Any

ANSWER = "The rain has learned your name by heart, and taps it on the window, letter by letter, until dawn."
MASTER_KEY = "sk-of-the-benchmark"
"""The litellm proxy's."""
LITELLM_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_LOCAL_AUTOROUTER_PRESETS": "True",
    "LITELLM_LOCAL_POLICY_TEMPLATES": "True",
}
"""Nothing is fetched from the network."""

FAILING = ("dead", "hanging", "storming")
"""Connections are refused; nothing is ever answered; every answer is 429."""
HANG_TIMEOUT_S = 2.0
"""How long anyone waits for a model."""
COOLDOWN_S = 30.0
RETRY_AFTER_S = 5
"""What each 429 says."""

# With prices, so that every call goes through the budgets.
_MODEL = """
[models.{name}]
litellm_model = "openai/{name}"
api_base = "{api_base}"
plan = "large"
direct = {direct}
concurrency = 64
connect_timeout_s = {timeout_s}
timeout_s = {timeout_s}
cooldown_s = {cooldown_s}
input_usd_per_mtok = 0.15
output_usd_per_mtok = 0.6
"""


def behaviours() -> list[str]:
    """As the fake upstream's arguments. Who asks a failing model is in its name, to be counted apart."""
    told = [f"good=say:{ANSWER}"]
    for whose in ("service", "router"):
        told += [f"hanging-{whose}=hang", f"storming-{whose}=429:{RETRY_AFTER_S}"]
    return [argument for behaviour in told for argument in ("--usual", behaviour)]


def models_file(api_base: str, dead_base: str, *, direct: bool) -> str:
    """models.toml: roles `good` and, with a first model that fails, `dead`, `hanging` and `storming`."""
    text = _model("good", api_base, direct=direct, timeout_s=30.0) + '\n[roles.good]\nmodels = ["good"]\n'
    for failing in FAILING:
        name = f"{failing}-service"
        base = dead_base if failing == "dead" else api_base
        text += _model(name, base, direct=direct, timeout_s=HANG_TIMEOUT_S)
        text += f'\n[roles.{failing}]\nmodels = ["{name}", "good"]\n'
    return text


def _model(name: str, api_base: str, *, direct: bool, timeout_s: float) -> str:
    return _MODEL.format(
        name=name, api_base=api_base, direct=str(direct).lower(), timeout_s=timeout_s, cooldown_s=COOLDOWN_S
    )


def proxy_file(api_base: str) -> str:
    """The litellm proxy's configuration; JSON is YAML."""
    parameters = {"model": "openai/good", "api_base": api_base, "api_key": "none"}
    return json.dumps(
        {
            "model_list": [{"model_name": "good", "litellm_params": parameters}],
            "general_settings": {"master_key": MASTER_KEY},
        }
    )


def router_models(api_base: str, dead_base: str, first: str) -> list[Mapping[str, Any]]:
    """The Router's model list: `first`, which is `good` or one that fails, and `good`."""
    good = {"model": "openai/good", "api_base": api_base, "api_key": "none"}
    models: list[Mapping[str, Any]] = [{"model_name": "good", "litellm_params": good}]
    if first != "good":
        base = dead_base if first == "dead" else api_base
        bad = {
            "model": f"openai/{first}-router",
            "api_base": base,
            "api_key": "none",
            "timeout": HANG_TIMEOUT_S,
        }
        models.insert(0, {"model_name": first, "litellm_params": bad})
    return models
