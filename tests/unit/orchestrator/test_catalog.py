"""config/models.toml, and the environment over it."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from services.chassis.errors import SetupError
from services.orchestrator.models.catalog import Catalog
from services.orchestrator.models.models_file import read_catalog
from services.orchestrator.settings import Settings

WRITERS = ("songwriter",)
JUDGES = ("reflector", "scout", "analyst", "engineer")
PROVIDERS = ("openai", "anthropic", "gemini", "mistral", "deepseek", "xai")


def settings(tmp_path: Path, text: str | None = None, **more: object) -> Settings:
    keys = {f"{name}_api_key": None for name in PROVIDERS}
    given: dict[str, object] = {**keys, "other_api_keys": {}, "model_overrides": {}, **more}
    if text is not None:
        file = tmp_path / "models.toml"
        file.write_text(text)
        given["orchestrator_models_file"] = file
    return Settings(**given)  # type: ignore[arg-type]


def test_without_keys_every_role_that_writes_has_the_local_model_alone(tmp_path: Path) -> None:
    catalog = read_catalog(settings(tmp_path))
    for role in WRITERS:
        assert [model.name for model in catalog.ranked(catalog.roles[role])] == ["local"]
    assert catalog.models["openai"].unavailable_reason == "OPENAI_API_KEY is not set"


def test_what_answers_are_acted_on_is_asked_of_large_models_only(tmp_path: Path) -> None:
    without, having = read_catalog(settings(tmp_path)), settings(tmp_path, openai_api_key=SecretStr("k" * 20))
    for role in JUDGES:
        assert without.ranked(without.roles[role]) == []
        catalog = read_catalog(having)
        assert [model.name for model in catalog.ranked(catalog.roles[role])] == ["openai"]


def test_the_local_model_is_the_last_that_writes_and_where_the_settings_say(tmp_path: Path) -> None:
    catalog = read_catalog(settings(tmp_path, model_url="http://127.0.0.1:7/v1"))
    assert all(catalog.roles[role].models[-1] == "local" for role in WRITERS)
    assert catalog.models["local"].api_base == "http://127.0.0.1:7/v1"


def test_the_local_model_s_key_is_shown_to_it_alone(tmp_path: Path) -> None:
    key = SecretStr("a-key-of-our-own-1")
    catalog = read_catalog(settings(tmp_path, model_api_key=key))
    shown = {name for name, model in catalog.models.items() if model.api_key == key}
    assert shown == {"local"}


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


TWO = """
[defaults]
cooldown_s = 7
[models.my-server]
litellm_model = "openai/a"
api_base = "http://127.0.0.1:9/v1"
plan = "large"
[models.other]
litellm_model = "anthropic/b"
plan = "large"
cooldown_s = 3
[roles.songwriter]
models = ["my-server", "other"]
[roles.songwriter.params]
temperature = 0.5
"""


def overridden(tmp_path: Path, **variables: str) -> Catalog:
    named = {f"AIARTIST_{name}": value for name, value in variables.items()}
    return read_catalog(settings(tmp_path, TWO, model_overrides=named))


def test_defaults_count_for_models_that_say_nothing_else(tmp_path: Path) -> None:
    models = overridden(tmp_path).models
    assert [models[name].cooldown_s for name in ("my-server", "other")] == [7, 3]


def test_a_compatible_server_is_asked_directly_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    models = overridden(tmp_path).models
    assert (models["my-server"].direct, models["other"].direct) == (True, False)
    assert not overridden(tmp_path, MODELS__MY_SERVER__DIRECT="false").models["my-server"].direct


def test_every_value_can_come_from_the_environment(tmp_path: Path) -> None:
    catalog = overridden(
        tmp_path,
        MODELS__MY_SERVER__TIMEOUT_S="30",
        MODELS__MY_SERVER__API_BASE="http://127.0.0.1:10/v1",
        MODELS__MY_SERVER__FREE="true",
        MODELS__OTHER__PARAMS__TOP_P="0.9",
        ROLES__SONGWRITER__MODELS="other, my-server",
        ROLES__SONGWRITER__PARAMS__TEMPERATURE="0.1",
        DEFAULTS__COOLDOWN_S="11",
    )
    mine = catalog.models["my-server"]
    assert (mine.timeout_s, mine.api_base, mine.free, mine.cooldown_s) == (
        30,
        "http://127.0.0.1:10/v1",
        True,
        11,
    )
    assert catalog.models["other"].params == {"top_p": 0.9}
    assert catalog.roles["songwriter"].models == ("other", "my-server")
    assert catalog.roles["songwriter"].params == {"temperature": 0.1}


def test_the_environment_can_add_a_model_and_a_role(tmp_path: Path) -> None:
    catalog = overridden(
        tmp_path,
        MODELS__MINE__LITELLM_MODEL="openai/mine",
        MODELS__MINE__API_BASE="http://127.0.0.1:11/v1",
        MODELS__MINE__PLAN="small",
        ROLES__ANALYST__MODELS="mine",
    )
    assert catalog.roles["analyst"].models == ("mine",)
    assert catalog.models["mine"].plan == "small"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("MODELS__OTHER", "x", "AIARTIST_MODELS__OTHER"),
        ("MODELS__OTHER__TIMEOUT_S", "soon", "models.other.timeout_s"),
        ("MODELS__OTHR__TIMEOUT_S", "3", "models.othr"),
        ("MODELS__OTHER__FIRST_TOKEN_TIMEOUT_S__X", "3", "there is nothing below first_token_timeout_s"),
        ("DEFAULTS__HURRY", "3", "hurry"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, name: str, value: str, told: str) -> None:
    with pytest.raises(SetupError) as failed:
        overridden(tmp_path, MODELS__OTHER__FIRST_TOKEN_TIMEOUT_S="3", **{name: value})
    assert told in str(failed.value)


def test_a_role_is_of_one_kind(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"roles\.songwriter"):
        overridden(tmp_path, MODELS__OTHER__KIND="image")


def test_a_size_must_be_a_width_and_a_height(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"'wide' must look like 1024x1536"):
        overridden(tmp_path, MODELS__OTHER__SIZES="1024x1024,wide")
    catalog = overridden(tmp_path, MODELS__OTHER__SIZES="1024x1024,1536x1024")
    assert catalog.models["other"].sizes == ((1024, 1024), (1536, 1024))


def test_a_key_that_a_models_file_names_may_stand_in_a_file_of_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_api_key").write_text("from-a-file-1\n")
    (tmp_path / "other_api_key").write_text("from-a-file-2")
    monkeypatch.setenv("AIARTIST_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("OTHER_API_KEY", "from-a-variable")
    told = Settings.load()
    keys = [told.api_key(name) for name in ("MINE_API_KEY", "OTHER_API_KEY", "NOBODYS_API_KEY")]
    assert [key and key.get_secret_value() for key in keys] == ["from-a-file-1", "from-a-variable", None]
    (tmp_path / "mine_api_key").write_bytes(b"\xff")
    with pytest.raises(SetupError, match="AIARTIST_SECRETS_DIR: a file _api_key is not in UTF-8"):
        Settings.load()
