"""Tokens and passwords that nobody has to think up: once made, they stay."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from cli.new_secrets import fill_env, token_of, write_files
from services.chassis.settings import ChassisSettings, parse_tokens
from tests.support.processes import REPO

SCRIPT = REPO / "cli" / "new_secrets.py"


def values_of(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    # As `make secrets` runs it: before anything is installed.
    command = [sys.executable, "-I", str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def env(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_bytes((REPO / ".env.example").read_bytes())
    return path


def test_what_env_lacks_is_filled_in_and_what_it_has_stays(env: Path) -> None:
    text = env.read_text().replace("POSTGRES_PASSWORD=", "POSTGRES_PASSWORD=mine") + "OPENAI_API_KEY=sk\n"
    env.write_text(text)
    assert fill_env(env) == [
        "AIARTIST_TOKENS",
        "AIARTIST_MODEL_API_KEY",
        "AIARTIST_GRAFANA_PASSWORD",
        "GRAFANA_ADMIN_PASSWORD",
    ]
    values = values_of(env)
    assert values["POSTGRES_PASSWORD"] == "mine"
    assert values["OPENAI_API_KEY"] == "sk"
    owners = parse_tokens(SecretStr(values["AIARTIST_TOKENS"]))
    assert sorted(owner.role for owner in owners.values()) == ["operator", "service", "viewer"]
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    # Comments and their order are somebody's notes.
    assert [line for line in env.read_text().splitlines() if line.startswith("#")] == [
        line for line in text.splitlines() if line.startswith("#")
    ]


def test_the_second_time_nothing_changes(env: Path) -> None:
    fill_env(env)
    before = env.read_text()
    assert fill_env(env) == []
    assert env.read_text() == before


def test_a_file_that_lacks_the_lines_gets_them(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("# mine\nPOSTGRES_PASSWORD = 'kept'")
    assert "POSTGRES_PASSWORD" not in fill_env(env)
    assert env.read_text().startswith("# mine\nPOSTGRES_PASSWORD = 'kept'\nAIARTIST_TOKENS=platform:service:")


def test_a_note_is_no_value_and_an_exported_one_is(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("POSTGRES_PASSWORD= # later\nexport GRAFANA_ADMIN_PASSWORD=mine # for Vera\n")
    made = fill_env(env)
    assert "POSTGRES_PASSWORD" in made
    assert "GRAFANA_ADMIN_PASSWORD" not in made
    assert env.read_text().count("GRAFANA_ADMIN_PASSWORD") == 1


def test_each_reader_gets_what_it_needs_and_no_more(tmp_path: Path) -> None:
    write_files(tmp_path, {})
    found = {folder.name: {file.name for file in folder.iterdir()} for folder in tmp_path.iterdir()}
    service = {"aiartist_tokens", "aiartist_token", "aiartist_model_api_key"}
    assert found["with_database"] == service | {"aiartist_database_url"}
    assert found["without_database"] == service
    assert found["postgres"] == {"password"}
    assert found["grafana"] == {"postgres_password", "admin_password"}
    tokens = (tmp_path / "cli" / "aiartist_tokens").read_text()
    assert (tmp_path / "cli" / "aiartist_token").read_text() == token_of(tokens, "operator")
    assert (tmp_path / "with_database" / "aiartist_token").read_text() == token_of(tokens, "service")


def test_files_made_before_stay_and_what_is_given_wins(tmp_path: Path) -> None:
    write_files(tmp_path, {})
    tokens = (tmp_path / "cli" / "aiartist_tokens").read_text()
    write_files(tmp_path, {"GRAFANA_ADMIN_PASSWORD": "mine", "AIARTIST_TOKENS": ""})
    assert (tmp_path / "grafana" / "admin_password").read_text() == "mine"
    assert (tmp_path / "cli" / "aiartist_tokens").read_text() == tokens


def test_the_database_s_password_is_not_changed_behind_its_back(tmp_path: Path) -> None:
    write_files(tmp_path, {})
    before = (tmp_path / "postgres" / "password").read_text()
    with pytest.raises(
        ValueError, match="POSTGRES_PASSWORD is not the one that the database was set up with"
    ):
        write_files(tmp_path, {"POSTGRES_PASSWORD": "p@ss/word"})
    assert (tmp_path / "postgres" / "password").read_text() == before
    write_files(tmp_path, {"POSTGRES_PASSWORD": "p@ss/word", "POSTGRES_PASSWORD_CHANGED": "yes"})
    assert (tmp_path / "postgres" / "password").read_text() == "p@ss/word"
    url = (tmp_path / "with_database" / "aiartist_database_url").read_text()
    assert url == "postgresql://aiartist:p%40ss%2Fword@postgres:5432/aiartist"


def test_a_service_can_start_with_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, {})
    monkeypatch.setenv("AIARTIST_SECRETS_DIR", str(tmp_path / "with_database"))
    monkeypatch.setenv("AIARTIST_HOST", "0.0.0.0")
    settings = ChassisSettings.load()
    assert settings.token is not None
    assert parse_tokens(settings.tokens)[settings.token.get_secret_value()].role == "service"
    assert settings.dsn().startswith("postgresql://aiartist:")


def test_what_a_start_that_was_killed_left_is_in_nobody_s_way(tmp_path: Path) -> None:
    # In a container the next start has the same number.
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / f".aiartist_tokens.{os.getpid()}").write_text("plat")
    write_files(tmp_path, {})
    assert token_of((tmp_path / "cli" / "aiartist_tokens").read_text(), "operator")
    assert not list((tmp_path / "cli").glob(".*"))


def test_tokens_without_an_operator_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="AIARTIST_TOKENS has no entry name:operator:token"):
        write_files(tmp_path, {"AIARTIST_TOKENS": "a:service:0123456789abcdef"})


def test_it_runs_before_anything_is_installed(env: Path) -> None:
    first = run("env", str(env))
    assert first.returncode == 0, first.stderr
    assert "made AIARTIST_TOKENS" in first.stdout
    secret = values_of(env)["POSTGRES_PASSWORD"]
    assert secret not in first.stdout + first.stderr
    assert "nothing changed" in run("env", str(env)).stdout
    shown = run("token", str(env))
    assert shown.stdout.strip() == token_of(values_of(env)["AIARTIST_TOKENS"], "operator")


def test_a_missing_file_and_a_wrong_command_are_told(tmp_path: Path) -> None:
    missing = run("env", str(tmp_path / "none"))
    assert missing.returncode == 1
    assert missing.stderr == f"{tmp_path / 'none'}: No such file or directory\n"
    wrong = run("nonsense")
    assert wrong.returncode == 2
    assert "new_secrets.py env .env" in wrong.stderr


def test_a_folder_that_can_t_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run("files", str(tmp_path / "file"))
    assert done.returncode == 1
    assert str(tmp_path / "file") in done.stderr
    assert "Traceback" not in done.stderr
