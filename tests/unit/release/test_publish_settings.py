"""What the settings of the targets may be, and what a wrong one is told."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
import pytest

from services.chassis.errors import SetupError
from services.release.artifacts import open_store
from services.release.settings import Settings, forget_empty_cloud_variables
from services.release.targets.configured import open_targets

SFTP = {"release_sftp_url": "sftp://label@ftp.example.com/in", "release_sftp_password": "secret"}


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(f"AIARTIST_{name}", value)
    return Settings.load()


def test_the_folder_is_where_releases_go_unless_told_otherwise() -> None:
    assert Settings().release_targets == ("folder",)


def test_targets_are_a_list_in_their_order_without_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        RELEASE_TARGETS="s3, folder,s3",
        RELEASE_S3_URL="s3://bucket/music",
    )
    assert settings.release_targets == ("s3", "folder")


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"RELEASE_TARGETS": "moon"}, "AIARTIST_RELEASE_TARGETS"),
        ({"RELEASE_TARGETS": "off"}, "name at least one"),
        ({"RELEASE_TARGETS": "s3"}, "AIARTIST_RELEASE_S3_URL"),
        ({"RELEASE_TARGETS": "sftp"}, "AIARTIST_RELEASE_SFTP_URL and AIARTIST_RELEASE_SFTP_PASSWORD or"),
        (
            {"RELEASE_TARGETS": "sftp", "RELEASE_SFTP_URL": "sftp://a@b/c"},
            "AIARTIST_RELEASE_SFTP_KEY, or take sftp off",
        ),
        ({"RELEASE_S3_URL": "/a/folder"}, "write file:///absolute/path"),
        ({"RELEASE_SFTP_URL": "ftp://user@host/x"}, "sftp://user@host:22/folder"),
        ({"RELEASE_SFTP_URL": "sftp://host/x"}, "sftp://user@host:22/folder"),
        ({"RELEASE_SFTP_URL": "sftp://user:secret@host/x"}, "AIARTIST_RELEASE_SFTP_PASSWORD"),
        ({"RELEASE_SFTP_URL": "sftp://user@host/x?y=1"}, "address alone"),
        ({"RELEASE_SFTP_URL": "sftp://user@host:99999/x"}, "port must be 1 to 65535"),
        ({"RELEASE_SFTP_URL": "sftp://user@host/in/%2e%2e/etc"}, "without . and .."),
        ({"RELEASES_PER_WEEK": "-1"}, "AIARTIST_RELEASES_PER_WEEK"),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    with pytest.raises(SetupError) as caught:
        load(monkeypatch, **variables)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_password_is_in_no_text_of_the_settings() -> None:
    settings = Settings(release_targets=("sftp",), **SFTP)  # type: ignore[arg-type]
    assert "secret" not in f"{settings} {settings!r} {settings.model_dump_json()}"


def test_targets_are_opened_in_their_order(tmp_path: Path) -> None:
    chosen: dict[str, Any] = {
        "release_targets": ("sftp", "s3", "folder"),
        "release_s3_url": (tmp_path / "bucket").as_uri(),
        "release_catalog_dir": tmp_path / "catalog",
        **SFTP,
    }
    pool: Any = None
    assert [target.name for target in open_targets(Settings(**chosen), pool)] == ["sftp", "s3", "folder"]


def test_known_hosts_are_those_of_the_user_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().sftp_known_hosts == tmp_path / ".ssh" / "known_hosts"
    assert Settings(release_sftp_known_hosts=tmp_path / "own").sftp_known_hosts == tmp_path / "own"


def test_a_cloud_s_variable_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    # As docker-compose.yml passes them on where .env says nothing of them.
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": "", "AWS_ALLOW_HTTP": "",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    forget_empty_cloud_variables()

    address = obstore.sign(open_store("s3://label/songs", "URL"), "GET", "a.flac", timedelta(minutes=1))
    assert urlsplit(address).hostname == "s3.eu-central-1.amazonaws.com"
    assert "key" in urlsplit(address).query
