"""What the release service can be told."""

from pathlib import Path

from pydantic import Field, field_validator

from services.chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    """Settings of the release service."""

    port: int = Field(50054, ge=0, le=65535, validation_alias="AIARTIST_RELEASE_PORT")
    """gRPC port; 0: any free one."""
    metrics_port: int = Field(9104, ge=0, le=65535, validation_alias="AIARTIST_RELEASE_METRICS_PORT")
    """Prometheus port; 0: any free one."""
    artist_db_addr: str = "127.0.0.1:50052"
    """Where artist_db is."""
    artifact_url: str = ""
    """Where bytes are kept: `file:///path`, `s3://bucket/prefix`, `gs://...` or `az://...`.

    Empty: the folder `<data_dir>/artifacts`.
    """
    release_catalog_dir: Path | None = None
    """The folder to publish to. Unset: `<data_dir>/releases`."""
    release_workers: int = Field(2, ge=1, le=64)
    """Processes for audio and pictures, at most. The first starts with the service, others when needed."""

    @field_validator("artifact_url")
    @classmethod
    def _has_a_scheme(cls, value: str) -> str:
        if value and "://" not in value:
            raise ValueError(f"{value!r} is not a URL; for a folder write file:///absolute/path")
        return value

    @property
    def artifact_store_url(self) -> str:
        """The artifact store's URL, the default filled in."""
        return self.artifact_url or (self.data_dir / "artifacts").resolve().as_uri()

    @property
    def catalog_dir(self) -> Path:
        """The folder to publish to, absolute."""
        return (self.release_catalog_dir or self.data_dir / "releases").resolve()

    @property
    def scratch_dir(self) -> Path:
        """Where work in progress lies, absolute. Emptied of what killed processes left."""
        return (self.data_dir / "scratch" / "release").resolve()
