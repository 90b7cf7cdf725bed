"""The music providers that there are: the list that the settings make of them, and how each is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiartist.release.v1 import release_pb2 as pb
from services.chassis.notices import Notices
from services.release.providers.acestep import AceStep
from services.release.providers.desk import Desk, Entry, Patience
from services.release.providers.ledger import Ledger
from services.release.providers.provider import RemoteProvider
from services.release.providers.suno import Suno
from services.release.providers.teller import Teller
from services.release.settings import MUSIC_PROVIDERS, Settings

if TYPE_CHECKING:
    from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub


def open_desk(settings: Settings, artist_db: "ArtistDbServiceStub", notices: Notices) -> Desk:
    """The desk of the settings' list. Nothing is asked before the first take."""
    teller = Teller(notices)
    patience = Patience(
        task_s=settings.music_timeout_s,
        poll_s=settings.music_poll_s,
        cooldown_s=settings.music_cooldown_s,
    )
    listed = [(name, _provider(name, settings)) for name in settings.music_providers]
    return Desk(listed, Ledger(artist_db, teller), teller, patience)


class MusicProviders:
    """How the providers are, as people are told."""

    def __init__(self, settings: Settings, desk: Desk) -> None:
        self._settings = settings
        self._desk = desk

    def told(self) -> pb.ListMusicProvidersResponse:
        """Those of the list in its order, then those that are left out, with what they need."""
        listed = [_told(entry) for entry in self._desk.entries]
        left_out = [
            pb.MusicProvider(name=name, detail=_lacking(name, self._settings.lacking(name)))
            for name in MUSIC_PROVIDERS
            if name not in self._settings.music_providers
        ]
        return pb.ListMusicProvidersResponse(providers=[*listed, *left_out])


def _provider(name: str, settings: Settings) -> RemoteProvider | None:
    """None for the one that renders here."""
    if name == AceStep.name:
        return AceStep(settings.acestep_url, settings.acestep_api_key)
    if name == Suno.name:
        price = round(settings.suno_usd_per_song * 1_000_000)
        return Suno(settings.suno_url, settings.suno_api_key, settings.suno_model, price)
    return None


def _told(entry: Entry) -> pb.MusicProvider:
    breaker = entry.breaker
    told = pb.MusicProvider(
        name=entry.name,
        configured=True,
        breaker=breaker.state.value,
        failures=breaker.failures,
        takes=entry.takes,
        address=entry.remote.address if entry.remote is not None else "",
    )
    if breaker.last_opened is not None:
        told.detail = f"{breaker.last_opened.outcome}: {breaker.last_opened.detail}"
    if breaker.retry_at is not None:
        told.retry_at.FromDatetime(breaker.retry_at)
    return told


def _lacking(name: str, variables: Sequence[str]) -> str:
    wanted = f"add {name} to AIARTIST_MUSIC_PROVIDERS"
    return f"{wanted}, and set {' and '.join(variables)}" if variables else wanted
