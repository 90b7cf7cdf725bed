"""Which stock clips suit a song: the words to search with, and the order of what was found. Pure."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiartist.common.v1 import brief_pb2

MOST_QUERIES = 4
_WORDS_A_QUERY = 4
_SHORT_EDGE = 1_080
_LEAST_EDGE = 720
_LONG_S = 60
_MOST_TEXT = 200
_SHARP, _FITTING, _UPRIGHT = 0.6, 1.0, 0.5
_CHANCE = 0.45
"""Less than a word: artists who sing of one thing do not all see the same clips first."""

_WORD = re.compile(r"[^\W\d_]{3,}")
_STOP = frozenset(
    re.findall(
        r"\w+",
        """
        the and with for from into over under through that this then than are was her his their its our your
        who what when where while very more most slow slowly fast camera shot shots close wide pan zoom cut
        cuts scene scenes video clip clips verse chorus bridge intro outro instrumental pre section lyrics
        singer artist text title screen fade fades moves moving
        """,
    )
)
"""Words of three letters and more that tell nothing of a picture."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A clip that was found."""

    clip_id: str
    page_url: str
    author: str
    duration_s: float
    width: int
    height: int
    link: str
    """Where the chosen file is."""
    edge: int
    """The shorter side of the chosen file, in pixels."""
    words: frozenset[str]
    """What its page's address and its tags say."""


def queries(brief: brief_pb2.Brief) -> list[str]:
    """What to search for: the theme, the video plan's pictures, the mood; at most four."""
    wanted = [_short(brief.theme)]
    plan = [_short(line) for line in brief.video_plan]
    step = max(1, len(plan) // 2)
    wanted += plan[::step][:2]
    wanted.append(" ".join([*_words(brief.mood)[:1], *_words(brief.theme)[:2], *_words(brief.genre)[:1]]))
    return [query for query in dict.fromkeys(wanted) if query][:MOST_QUERIES]


def candidates(answer: Mapping[str, Any]) -> list[Candidate]:
    """The usable clips of an answer; what is not as it should be is left out."""
    videos = answer.get("videos")
    if not isinstance(videos, list):
        return []
    found = (_candidate(video) for video in videos if isinstance(video, dict))
    return [candidate for candidate in found if candidate is not None]


def ranked(
    found: Iterable[Candidate], brief: brief_pb2.Brief, shots_s: Sequence[float], format: str
) -> list[Candidate]:
    """The clips that are long enough for a shot, the most suitable first."""
    wanted = frozenset(
        word
        for text in (brief.theme, brief.mood, brief.genre, brief.title, *brief.video_plan)
        for word in _words(text)
    )
    longest, shortest = max(shots_s), min(shots_s)

    def score(candidate: Candidate) -> float:
        total = float(len(wanted & candidate.words))
        total += _SHARP * (candidate.edge >= _SHORT_EDGE)
        total += _FITTING * (longest <= candidate.duration_s <= _LONG_S)
        total += _UPRIGHT * ((candidate.height > candidate.width) == (format == "portrait"))
        digest = hashlib.sha256(f"{brief.seed}:{candidate.clip_id}".encode()).digest()
        return total + _CHANCE * int.from_bytes(digest[:4]) / 2**32

    fitting = [candidate for candidate in found if candidate.duration_s >= shortest]
    return sorted(fitting, key=score, reverse=True)


def _candidate(video: Mapping[str, Any]) -> Candidate | None:
    clip_id, page = video.get("id"), video.get("url")
    duration = _number(video.get("duration"))
    if not isinstance(clip_id, int | str) or isinstance(clip_id, bool) or not isinstance(page, str):
        return None
    # An id is kept, and a page is shown to people: neither may carry anything odd.
    if not re.fullmatch(r"[0-9A-Za-z_-]{1,60}", str(clip_id)) or not _is_page(page):
        return None
    file = _best_file(video.get("video_files"))
    if file is None:
        return None
    link, edge = file
    user = video.get("user")
    author = user.get("name") if isinstance(user, dict) else ""
    tags = video.get("tags")
    told = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    text = " ".join([urlsplit(page).path, *told])
    return Candidate(
        clip_id=str(clip_id),
        page_url=page,
        author=_one_line(author if isinstance(author, str) else ""),
        duration_s=duration,
        width=int(_number(video.get("width"))),
        height=int(_number(video.get("height"))),
        link=link,
        edge=edge,
        words=frozenset(_words(text.replace("-", " "))),
    )


def _best_file(files: object) -> tuple[str, int] | None:
    """The smallest MP4 file with at least 1,080 lines, else the largest with at least 720."""
    sizes = []
    for file in files if isinstance(files, list) else ():
        if not isinstance(file, dict) or not isinstance(file.get("link"), str):
            continue
        edge = int(min(_number(file.get("width")), _number(file.get("height"))))
        if file.get("file_type") == "video/mp4" and edge >= _LEAST_EDGE:
            sizes.append((edge, file["link"]))
    sharp = [size for size in sizes if size[0] >= _SHORT_EDGE]
    if sharp:
        edge, link = min(sharp)
    elif sizes:
        edge, link = max(sizes)
    else:
        return None
    return link, edge


def _is_page(url: str) -> bool:
    if not (len(url) <= 500 and url.isascii() and url.isprintable()):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.netloc)


def _one_line(text: str) -> str:
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(shown.split())[:_MOST_TEXT]


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6:
        return float(value)
    return 0.0


def _words(text: str) -> list[str]:
    found = (word.lower() for word in _WORD.findall(text))
    return list(dict.fromkeys(word for word in found if word not in _STOP))


def _short(text: str) -> str:
    return " ".join(_words(text)[:_WORDS_A_QUERY])
