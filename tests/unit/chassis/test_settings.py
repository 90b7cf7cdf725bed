"""Settings: read once, frozen, every mistake by its variable's name, no secret shown."""

import re
from pathlib import Path

import pytest
from pydantic import Field, SecretStr, ValidationError

from services.chassis import logs
from services.chassis.errors import SetupError
from services.chassis.settings import ChassisSettings, TokenOwner, is_loopback, parse_tokens

TOKENS = "vera:viewer:viewer-token-0001,olga:operator:operator-token-01"


class EchoSettings(ChassisSettings):
    """As a service adds its own."""

    port: int = Field(50099, ge=0, le=65535, validation_alias="AIARTIST_ECHO_PORT")
    echo_words: tuple[str, ...] = ()


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> EchoSettings:
    for name, value in variables.items():
        monkeypatch.setenv(f"AIARTIST_{name}", value)
    return EchoSettings.load()


def test_without_any_variable_the_defaults_hold() -> None:
    settings = EchoSettings.load()
    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", 50099, Path("data"))
    assert settings.tokens is None


def test_variables_win_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, ECHO_PORT="0", DB_POOL_SIZE="3", DATABASE_URL="postgresql://u:p@h/d")
    assert (settings.port, settings.db_pool_size, settings.dsn()) == (0, 3, "postgresql://u:p@h/d")


def test_what_is_given_wins_over_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIARTIST_ECHO_PORT", "1")
    assert EchoSettings.load(port=2).port == 2


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, ECHO_PORT="", TOKENS="", TLS_CERT="", DATABASE_URL="")
    assert (settings.port, settings.tokens, settings.tls_cert, settings.database_url) == (
        50099,
        None,
        None,
        None,
    )


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        EchoSettings().host = "127.0.0.2"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ECHO_PORT", "65536"),
        ("ECHO_PORT", "http"),
        ("DB_POOL_SIZE", "0"),
        ("LOG_LEVEL", "chatty"),
        ("LOG_FORMAT", "xml"),
        ("DRAIN_DELAY_S", "-1"),
        ("STOP_GRACE_S", "soon"),
        ("MAX_CONCURRENT_RPCS", "0"),
        ("SHIP_ERRORS", "perhaps"),
        ("TOKENS", "vera"),
        ("TOKENS", "vera:viewer"),
        ("TOKENS", "vera:queen:viewer-token-0001"),
        ("TOKENS", "vera:viewer:short"),
        ("TOKENS", f"{TOKENS},otto:operator:operator-token-01"),
    ],
)
def test_a_wrong_value_is_told_by_its_variables_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    with pytest.raises(SetupError, match=f"AIARTIST_{variable}: "):
        load(monkeypatch, **{variable: value})


def test_every_wrong_variable_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError) as refused:
        load(monkeypatch, ECHO_PORT="x", LOG_LEVEL="y", DB_POOL_SIZE="z")
    told = set(re.findall(r"AIARTIST_\w+", str(refused.value)))
    assert told == {"AIARTIST_ECHO_PORT", "AIARTIST_LOG_LEVEL", "AIARTIST_DB_POOL_SIZE"}
    assert "\n" not in str(refused.value)


def test_a_list_that_is_no_json_is_a_setup_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match="echo_words"):
        load(monkeypatch, ECHO_WORDS="not json")


def test_a_wrong_secret_is_not_repeated_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError) as refused:
        load(monkeypatch, TOKENS="vera:viewer:hunter2")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "example.test", "unix:/tmp/x"])
def test_an_open_door_without_tokens_is_refused(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with pytest.raises(SetupError, match=r"AIARTIST_HOST.* set AIARTIST_TOKENS"):
        load(monkeypatch, HOST=host)


def test_with_tokens_any_address_may_be_listened_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, HOST="0.0.0.0", TOKENS=TOKENS).host == "0.0.0.0"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("localhost.example.test", False),
        ("", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize("alone", ["TLS_CERT", "TLS_KEY"])
def test_a_certificate_and_its_key_come_together(monkeypatch: pytest.MonkeyPatch, alone: str) -> None:
    with pytest.raises(SetupError, match="AIARTIST_TLS_CERT and AIARTIST_TLS_KEY"):
        load(monkeypatch, **{alone: "file.pem"})


def test_a_service_without_a_database_says_which_variable_to_set() -> None:
    with pytest.raises(SetupError, match="AIARTIST_DATABASE_URL is not set"):
        EchoSettings().dsn()


def test_tokens_name_their_owners() -> None:
    assert parse_tokens(SecretStr(f" {TOKENS.replace(',', ' , ')} ")) == {
        "viewer-token-0001": TokenOwner("vera", "viewer"),
        "operator-token-01": TokenOwner("olga", "operator"),
    }


def test_no_tokens_are_nobodys() -> None:
    assert parse_tokens(None) == {}


def test_no_way_to_print_settings_shows_a_secret() -> None:
    settings = EchoSettings(
        database_url=SecretStr("postgresql://user:hunter2hunter2@host/name"),
        token=SecretStr("own-token-of-the-service"),
        tokens=SecretStr(TOKENS),
    )
    public = logs.public_settings(settings)
    shown = f"{settings!r} {settings} {public}"
    for secret in ("hunter2", "own-token", "viewer-token", "operator-token"):
        assert secret not in shown
    assert public["host"] == "127.0.0.1"
    assert public["tokens"]


def test_what_stands_in_no_variable_is_read_from_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "aiartist_tokens").write_text(TOKENS + "\n")
    (tmp_path / "aiartist_log_level").write_text("debug\n")
    (tmp_path / "aiartist_echo_port").write_text("50123")
    (tmp_path / "aiartist_token").write_text("\n")
    settings = load(monkeypatch, SECRETS_DIR=str(tmp_path), LOG_LEVEL="warning")
    assert settings.tokens is not None
    assert settings.tokens.get_secret_value() == TOKENS
    assert (settings.port, settings.log_level, settings.token) == (50123, "warning", None)


def test_a_folder_of_secrets_that_is_not_there_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match=r"AIARTIST_SECRETS_DIR: .*/none is no folder"):
        load(monkeypatch, SECRETS_DIR=str(tmp_path / "none"))


def test_a_secret_that_is_there_but_cannot_be_read_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Without the tokens that somebody wanted, the service would run open.
    folder = tmp_path / "secrets"
    folder.mkdir()
    (tmp_path / "outside").write_text(TOKENS)
    secret = folder / "aiartist_tokens"
    secret.mkdir()
    refused("is no file", folder, monkeypatch)
    secret.rmdir()
    secret.symlink_to(tmp_path / "nowhere")
    refused("cannot read .*nowhere", folder, monkeypatch)
    secret.unlink()
    secret.symlink_to(tmp_path / "outside")
    refused("aiartist_tokens leads out of the folder", folder, monkeypatch)
    secret.unlink()
    secret.write_bytes(b"\xff\xfe")
    refused("the file of tokens is not in UTF-8", folder, monkeypatch)


def refused(why: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match=f"AIARTIST_SECRETS_DIR: .*{why}"):
        load(monkeypatch, SECRETS_DIR=str(folder))


def test_secrets_may_be_links_as_kubernetes_makes_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "aiartist_tokens").write_text(TOKENS + "\r\n")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "aiartist_tokens").symlink_to("..data/aiartist_tokens")
    tokens = load(monkeypatch, SECRETS_DIR=str(tmp_path)).tokens
    assert tokens is not None
    assert tokens.get_secret_value() == TOKENS


def test_a_wrong_value_in_a_file_is_told_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "aiartist_tokens").write_text("nonsense")
    with pytest.raises(SetupError, match="AIARTIST_TOKENS: entry 1 must be name:role:token"):
        load(monkeypatch, SECRETS_DIR=str(tmp_path))
