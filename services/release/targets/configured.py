"""The label's targets, as its settings name them."""

from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from services.release.pool import WorkerPool
from services.release.settings import Settings
from services.release.targets.bucket import BucketTarget
from services.release.targets.folder import FolderTarget
from services.release.targets.pages.catalogue import CataloguePages
from services.release.targets.target import Target


def open_targets(settings: Settings, pool: WorkerPool) -> Sequence[Target]:
    """In their order. SetupError where one of them can't be set up; none is asked whether it is there."""
    return [_open(name, settings, pool) for name in settings.release_targets]


def _open(name: str, settings: Settings, pool: WorkerPool) -> Target:
    match name:
        case "s3":
            return BucketTarget.open(settings.release_s3_url)
        case "sftp":
            return _sftp(settings)
        case _:
            return FolderTarget(settings.catalog_dir, CataloguePages(settings.label_name, pool))


def _sftp(settings: Settings) -> Target:
    # A label that delivers nothing over SSH need not load it.
    from services.release.targets.batch import Parties
    from services.release.targets.sftp import SftpTarget
    from services.release.targets.sftp_server import SftpAccess

    url = urlsplit(settings.release_sftp_url)
    access = SftpAccess(
        host=url.hostname or "",
        port=url.port or 22,
        user=unquote(url.username or ""),
        known_hosts=settings.sftp_known_hosts,
        password=settings.release_sftp_password,
        key=settings.release_sftp_key,
    )
    parties = Parties(
        settings.ddex_sender, settings.label_name, settings.ddex_recipient, settings.ddex_recipient_name
    )
    return SftpTarget(access, unquote(url.path), parties)
