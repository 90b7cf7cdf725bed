"""Which sources are asked, by the settings."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from services.orchestrator.trends.apple_music import AppleMusic
from services.orchestrator.trends.deezer import Deezer
from services.orchestrator.trends.last_fm import LastFm
from services.orchestrator.trends.owner_csv import OwnerCsv
from services.orchestrator.trends.source import Source
from services.orchestrator.trends.web import Web
from services.orchestrator.trends.youtube import YouTube


class TrendSettings(Protocol):
    """What charts need to know of the settings."""

    @property
    def trends_sources(self) -> Sequence[str] | None: ...
    @property
    def trends_countries(self) -> Sequence[str]: ...
    @property
    def trends_every_s(self) -> int: ...
    @property
    def trends_fresh_s(self) -> int: ...
    @property
    def trends_timeout_s(self) -> float: ...
    @property
    def trends_file(self) -> Path | None: ...
    @property
    def trends_apple_music_url(self) -> str: ...
    @property
    def trends_deezer_url(self) -> str: ...
    @property
    def trends_last_fm_url(self) -> str: ...
    @property
    def trends_youtube_url(self) -> str: ...
    @property
    def lastfm_api_key(self) -> SecretStr | None: ...
    @property
    def youtube_api_key(self) -> SecretStr | None: ...


def sources_of(settings: TrendSettings, web: Web) -> list[Source]:
    """The sources that the settings name; where they name none, those that need no key or have one."""
    last_fm_key, youtube_key = _key(settings.lastfm_api_key), _key(settings.youtube_api_key)
    file = settings.trends_file
    makers: dict[str, tuple[bool, Callable[[], Source]]] = {
        AppleMusic.name: (True, lambda: AppleMusic(web, settings.trends_apple_music_url)),
        Deezer.name: (True, lambda: Deezer(web, settings.trends_deezer_url)),
        LastFm.name: (
            last_fm_key is not None,
            lambda: LastFm(web, settings.trends_last_fm_url, last_fm_key),
        ),
        YouTube.name: (
            youtube_key is not None,
            lambda: YouTube(web, settings.trends_youtube_url, youtube_key),
        ),
    }
    if file is not None:
        makers[OwnerCsv.name] = (True, lambda: OwnerCsv(file))
    named = settings.trends_sources
    if named is None:
        return [make() for usual, make in makers.values() if usual]
    # A file that is named in the settings is meant, whatever else is asked.
    meant = {*named, OwnerCsv.name} if named else set()
    return [make() for name, (_, make) in makers.items() if name in meant]


def _key(key: SecretStr | None) -> SecretStr | None:
    """A key that is read from a file often ends with a line break."""
    text = key.get_secret_value().strip() if key is not None else ""
    return SecretStr(text) if text else None
