"""models.toml."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from services.chassis.errors import SetupError
from services.orchestrator.catalog import read_catalog
from services.orchestrator.settings import Settings

ROLES = ("songwriter", "reflector", "analyst", "engineer")
PROVIDERS = ("openai", "anthropic", "gemini", "mistral", "deepseek", "xai")


def settings(tmp_path: Path, text: str | None = None, **more: object) -> Settings:
    keys = {f"{name}_api_key": None for name in PROVIDERS}
    given: dict[str, object] = {**keys, "other_api_keys": {}, **more}
    if text is not None:
        file = tmp_path / "models.toml"
        file.write_text(text)
        given["orchestrator_models_file"] = file
    return Settings(**given)  # type: ignore[arg-type]


def test_without_keys_every_role_has_the_local_model_alone(tmp_path: Path) -> None:
    catalog = read_catalog(settings(tmp_path))
    for role in ROLES:
        assert [model.name for model in catalog.ranked(catalog.roles[role])] == ["local"]
    assert catalog.models["openai"].unavailable_reason == "OPENAI_API_KEY is not set"


def test_the_local_model_is_last_in_every_list_and_where_the_settings_say(tmp_path: Path) -> None:
    catalog = read_catalog(settings(tmp_path, model_url="http://127.0.0.1:7/v1"))
    assert all(catalog.roles[role].models[-1] == "local" for role in ROLES)
    assert catalog.models["local"].api_base == "http://127.0.0.1:7/v1"


def test_a_key_brings_its_models_in(tmp_path: Path) -> None:
    catalog = read_catalog(settings(tmp_path, mistral_api_key=SecretStr("m" * 20)))
    assert [model.name for model in catalog.ranked(catalog.roles["songwriter"])] == ["mistral", "local"]


def test_keys_do_not_show(tmp_path: Path) -> None:
    told = settings(tmp_path, openai_api_key=SecretStr("sk-very-secret-1"))
    assert "very-secret" not in repr(told)
    assert "very-secret" not in repr(read_catalog(told))


def test_a_models_file_may_name_a_variable_of_its_own(tmp_path: Path) -> None:
    text = """
    [models.mine]
    litellm_model = "openai/mine"
    api_base = "http://127.0.0.1:9/v1"
    api_key_env = "MINE_API_KEY"
    plan = "large"
    [roles.songwriter]
    models = ["mine"]
    """
    without = read_catalog(settings(tmp_path, text))
    assert without.models["mine"].unavailable_reason == "MINE_API_KEY is not set"
    having = read_catalog(settings(tmp_path, text, other_api_keys={"MINE_API_KEY": SecretStr("k" * 12)}))
    assert having.models["mine"].available


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[models", "is not TOML"),
        ('[models.a]\nplan = "large"\n[roles.r]\nmodels = ["a"]', "models.a.litellm_model"),
        (
            '[models.a]\nlitellm_model = "gpt"\nplan = "large"\n[roles.r]\nmodels = ["a"]',
            "models.a.litellm_model",
        ),
        ('[models.a]\nlitellm_model = "openai/a"\nplan = "huge"\n[roles.r]\nmodels = ["a"]', "models.a.plan"),
        (
            '[models.a]\nlitellm_model = "openai/a"\nplan = "large"\nhurry = 3\n[roles.r]\nmodels = ["a"]',
            "models.a.hurry",
        ),
        (
            '[models.a]\nlitellm_model = "openai/a"\nplan = "large"\n[roles.r]\nmodels = ["b"]',
            "there is no model 'b'",
        ),
        (
            '[models.a]\nlitellm_model = "openai/a"\nplan = "large"\ndirect = true'
            '\n[roles.r]\nmodels = ["a"]',
            "api_base",
        ),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SetupError, match=r"models\.toml") as failed:
        read_catalog(settings(tmp_path, text))
    assert told in str(failed.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="AIARTIST_ORCHESTRATOR_MODELS_FILE"):
        read_catalog(settings(tmp_path, orchestrator_models_file=tmp_path / "none.toml"))
