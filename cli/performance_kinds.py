"""The exports that can be imported, by the columns of their headers.

The columns are those of exports of 2025 and 2026. Names are compared without letter case and outer
white space; Spotify's and DistroKid's are English for everybody, YouTube Studio's are in the language of the
account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from aiartist.artist_db.v1 import performance_pb2 as pb
from cli.performance_values import normal

MetricValue: TypeAlias = "pb.Metric.ValueType"


class When(StrEnum):
    """How an export tells the day of a number."""

    DAY = "day"
    MONTH = "month"
    PERIOD = "period"
    """Not at all: its numbers are sums over a period that only the person who made it knows."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What a column counts."""

    metric: MetricValue
    factor: int = 1
    """The kept unit's number in one of the column's."""
    whole: bool = True
    """False: with a decimal mark."""


COUNTED: Mapping[str, Counted] = {
    "streams": Counted(pb.METRIC_STREAMS),
    "listeners": Counted(pb.METRIC_LISTENERS),
    "saves": Counted(pb.METRIC_SAVES),
    "views": Counted(pb.METRIC_VIEWS),
    "likes": Counted(pb.METRIC_LIKES),
    "shares": Counted(pb.METRIC_SHARES),
    "hours": Counted(pb.METRIC_WATCH_SECONDS, 3_600, whole=False),
    "earnings": Counted(pb.METRIC_EARNINGS, 1_000_000, whole=False),
    # Streams or downloads: that depends on the store.
    "quantity": Counted(pb.METRIC_STREAMS),
}
"""What each role of a column that counts something means; the other roles name a release or a time."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of export. Roles name what a column is; the first of its names is the usual one."""

    key: str
    label: str
    platform: str
    """Where it was counted; empty: each row's store says so."""
    when: When
    required: Mapping[str, Sequence[str]]
    optional: Mapping[str, Sequence[str]]
    why_not: str = ""
    """Why an export of this kind can't be imported, and what can; empty: it can."""

    @property
    def names_releases(self) -> bool:
        """Whether its rows tell which release they are about."""
        return "title" in self.required

    @property
    def columns(self) -> str:
        """What the header must have, and what else is read."""
        others = ", ".join(names[0] for names in self.optional.values())
        needed = ", ".join(names[0] for names in self.required.values())
        return f"{needed}; also {others}" if others else needed


@dataclass(frozen=True, slots=True)
class Fit:
    """A kind, and in which column each of its roles is."""

    kind: Kind
    columns: Mapping[str, int]


# French, Japanese and Swedish titles and views are as in published exports; for the others none was at hand:
# where one differs, the file is refused with what was expected.
_VIDEO_TITLE = (
    *("Video title", "Titre de la vidéo", "Videotitel", "動画のタイトル"),
    *("Título do vídeo", "Título del vídeo", "Título del video"),
)
_VIEWS = ("Views", "Vues", "Aufrufe", "視聴回数", "Visningar", "Visualizações", "Visualizaciones", "Vistas")
_DATE = ("Date", "Datum", "Data", "Fecha", "日付")
_VIDEO = {
    "content": (
        "Content",
        "Contenu",
        "Inhalte",
        "Content ID",
        "コンテンツ",
        "Innehåll",
        "Conteúdo",
        "Contenido",
    ),
    "hours": (
        *("Watch time (hours)", "Durée de visionnage (heures)", "Wiedergabezeit (Stunden)"),
        *("Visningstid (timmar)", "総再生時間 (時間)", "総再生時間（単位: 時間）"),
    ),
    "likes": ("Likes", "J'aime", "Mag-ich-Bewertungen", "高評価数"),
    "shares": ("Shares", "Partages", "Geteilte Inhalte", "共有数"),
    "earnings": ("Estimated revenue (USD)", "Your estimated revenue (USD)"),
}

KINDS: Sequence[Kind] = (
    Kind(
        "distrokid",
        "DistroKid, bank details",
        "",
        When.MONTH,
        {
            "month": ("Sale Month", "Sales Month"),
            "store": ("Store",),
            "title": ("Title",),
            "quantity": ("Quantity",),
            "earnings": ("Earnings (USD)", "Earnings"),
        },
        {"artist": ("Artist",), "isrc": ("ISRC",), "upc": ("UPC",)},
    ),
    Kind(
        "youtube_days",
        "YouTube Studio, Chart data.csv of content",
        "youtube",
        When.DAY,
        {"day": _DATE, "title": _VIDEO_TITLE, "views": _VIEWS},
        _VIDEO,
    ),
    Kind(
        "youtube_table",
        "YouTube Studio, Table data.csv of content",
        "youtube",
        When.PERIOD,
        {"title": _VIDEO_TITLE, "views": _VIEWS},
        _VIDEO,
    ),
    Kind(
        "spotify_songs",
        "Spotify for Artists, songs",
        "spotify",
        When.PERIOD,
        {"title": ("song", "song name", "track"), "streams": ("streams",)},
        {"listeners": ("listeners",), "saves": ("saves",)},
    ),
    Kind(
        "spotify_audience",
        "Spotify for Artists, audience",
        "spotify",
        When.DAY,
        {"day": ("date",), "streams": ("streams",), "followers": ("followers",)},
        {},
        why_not="it counts an artist's listeners, not one release's; export the timeline of each song",
    ),
    Kind(
        "spotify_timeline",
        "Spotify for Artists, timeline of one song",
        "spotify",
        When.DAY,
        {"day": ("date",), "streams": ("streams",)},
        {"listeners": ("listeners",), "saves": ("saves",)},
    ),
    Kind(
        "youtube_video",
        "YouTube Studio, days of one video",
        "youtube",
        When.DAY,
        {"day": _DATE, "views": _VIEWS},
        {role: _VIDEO[role] for role in ("hours", "likes", "shares", "earnings")},
    ),
)
"""The first that fits counts: what needs more columns stands before what needs fewer of the same."""

TOTALS = frozenset(map(normal, ("Total", "Totals", "Gesamt", "Summe", "Totalt", "合計", "Totale")))
"""What the first cell of a row says that sums up the others."""

# Beginnings of the names in DistroKid's column Store: the platform, and what its quantity counts. The first
# that fits counts.
_STORES: Sequence[tuple[str, str, MetricValue]] = (
    ("itunes match", "itunes", pb.METRIC_STREAMS),
    ("itunes", "itunes", pb.METRIC_DOWNLOADS),
    ("apple music", "apple_music", pb.METRIC_STREAMS),
    ("amazon (download", "amazon_music", pb.METRIC_DOWNLOADS),
    ("amazon mp3", "amazon_music", pb.METRIC_DOWNLOADS),
    ("amazon", "amazon_music", pb.METRIC_STREAMS),
    ("youtube", "youtube", pb.METRIC_STREAMS),
    ("google play (download", "google_play", pb.METRIC_DOWNLOADS),
    ("google play", "google_play", pb.METRIC_STREAMS),
    ("bandcamp", "bandcamp", pb.METRIC_DOWNLOADS),
    ("qobuz (download", "qobuz", pb.METRIC_DOWNLOADS),
    ("tiktok", "tiktok", pb.METRIC_STREAMS),
    ("facebook", "facebook", pb.METRIC_STREAMS),
    ("deezer", "deezer", pb.METRIC_STREAMS),
    ("tidal", "tidal", pb.METRIC_STREAMS),
    ("spotify", "spotify", pb.METRIC_STREAMS),
)
_MOST_PLATFORM = 40


def fit(header: Sequence[str]) -> Fit | None:
    """What an export with this header is; None where it is none that is known."""
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        places.setdefault(normal(name), place)
    for kind in KINDS:
        found = {
            role: places[normal(name)]
            for role, names in (*kind.required.items(), *kind.optional.items())
            for name in names
            if normal(name) in places
        }
        if set(kind.required) <= set(found):
            return Fit(kind, found)
    return None


def nearly(header: Sequence[str]) -> tuple[Kind, list[str]] | None:
    """The kind of which the header has most of what it needs, and what it lacks; None where it has little."""
    given = set(map(normal, header))
    best: tuple[float, Kind, list[str]] | None = None
    for kind in KINDS:
        missing = [n[0] for n in kind.required.values() if not given & set(map(normal, n))]
        share = 1 - len(missing) / len(kind.required)
        if share >= 0.5 and (best is None or share > best[0]):
            best = (share, kind, missing)
    return (best[1], best[2]) if best else None


def store(name: str) -> tuple[str, MetricValue]:
    """The platform of a store, and what its quantity counts; a store that is not known keeps its name."""
    bare = normal(name)
    for beginning, platform, metric in _STORES:
        if bare.startswith(beginning):
            return platform, metric
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in bare)
    slug = "_".join(filter(None, letters.split("_")))[:_MOST_PLATFORM]
    return slug or "unknown", pb.METRIC_STREAMS
