"""Settings come from the environment, and what is wrong with one is told by its name."""

import os
from pathlib import Path

import pytest

from cli import settings
from cli.settings import CliSettings, ProviderKeys, SettingsProblem


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch):
    for name in os.environ:
        if name.startswith("AIARTIST_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)


def test_the_defaults_are_where_serve_listens():
    loaded = settings.load()
    assert [loaded.address_of(name) for name in settings.SERVICES] == [
        "127.0.0.1:50051",
        "127.0.0.1:50052",
        "127.0.0.1:50053",
        "127.0.0.1:50054",
        "127.0.0.1:50055",
        "127.0.0.1:50056",
    ]


@pytest.mark.parametrize(
    "address", ["scheduler:50051", "[::1]:1", "unix:/run/x.sock", "dns:///a:1,b:2", "a.b-c:65535"]
)
def test_an_address_may_be_a_name_an_ip_or_a_socket(monkeypatch: pytest.MonkeyPatch, address: str):
    monkeypatch.setenv("AIARTIST_SCHEDULER_ADDR", address)
    assert settings.load().scheduler_addr == address


@pytest.mark.parametrize("address", ["scheduler", "http://x:1", "x:0", "x:70000", "x:y", " "])
def test_a_wrong_address_is_told_by_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch, address: str):
    monkeypatch.setenv("AIARTIST_SCHEDULER_ADDR", address)
    with pytest.raises(SettingsProblem) as error:
        settings.load()
    assert error.value.reasons == {
        "AIARTIST_SCHEDULER_ADDR": "must be host:port, for example 127.0.0.1:50051"
    }


def test_doctor_goes_on_with_defaults_and_hears_of_what_services_would_refuse(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("AIARTIST_SCHEDULER_ADDR", "nowhere")
    monkeypatch.setenv("AIARTIST_RELEASE_ADDR", "elsewhere:1")
    monkeypatch.setenv("AIARTIST_TOKENS", "vera:operator:s3cret")
    monkeypatch.setenv("AIARTIST_DB_POOL_SIZE", "many")
    loaded, wrong = settings.load_what_can_be()
    assert loaded.scheduler_addr == CliSettings.model_fields["scheduler_addr"].default
    assert loaded.release_addr == "elsewhere:1"
    assert sorted(wrong) == ["AIARTIST_DB_POOL_SIZE", "AIARTIST_SCHEDULER_ADDR", "AIARTIST_TOKENS"]
    assert "s3cret" not in repr(wrong)


def test_a_decision_is_signed_with_the_operator_or_the_login_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOGNAME", "vera")
    assert settings.load().decided_by == "cli:vera"
    monkeypatch.setenv("AIARTIST_OPERATOR", "Ops")
    assert settings.load().decided_by == "cli:Ops"


def test_providers_with_a_key_are_known_by_name_only(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-123")
    monkeypatch.setenv("GROQ_API_KEY", " ")
    keys = ProviderKeys()
    assert keys.present() == ["openai"]
    assert "sk-123" not in repr(keys)


def test_the_command_line_reads_the_files_of_secrets_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "aiartist_token").write_text("the-owner-s-token\n")
    monkeypatch.setenv("AIARTIST_SECRETS_DIR", str(tmp_path))
    token = settings.load().token
    assert token is not None
    assert token.get_secret_value() == "the-owner-s-token"


def test_a_folder_of_secrets_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("AIARTIST_SECRETS_DIR", str(tmp_path / "none"))
    for load in (settings.load, settings.load_what_can_be):
        with pytest.raises(SettingsProblem) as error:
            load()
        assert list(error.value.reasons) == ["AIARTIST_SECRETS_DIR"]


def test_doctor_names_a_secret_that_only_services_read_and_cannot(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "aiartist_tokens").mkdir()
    monkeypatch.setenv("AIARTIST_SECRETS_DIR", str(tmp_path))
    with pytest.raises(SettingsProblem) as problem:
        settings.load_what_can_be()
    assert problem.value.reasons == {"AIARTIST_SECRETS_DIR": f"{tmp_path}/aiartist_tokens is no file"}
