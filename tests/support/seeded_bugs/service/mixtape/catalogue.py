"""What the label has released: tracks by their ISRC."""

import re
from collections.abc import Mapping
from typing import Any

_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}\d{7}")


def is_isrc(text: str) -> bool:
    """Whether it has an ISRC's form, hyphens or not."""
    return _ISRC.fullmatch(text.replace("-", "").upper()) is not None


def credits(track: Mapping[str, Any]) -> str:
    """The line under a title: who wrote it, who sings, who produced it."""
    people = [f"written by {', '.join(track['writers'])}", f"sung by {track['singer']}"]
    people.append(f"produced by {track['producer']}")
    return "; ".join(people)


def original(tracks: Mapping[str, Mapping[str, Any]], isrc: str) -> str:
    """The recording that a remix goes back to, however many remixes lie between."""
    source = tracks[isrc].get("remix_of")
    return original(tracks, source) if source else isrc


def search(tracks: Mapping[str, Mapping[str, Any]], words: str) -> list[str]:
    """ISRCs of the tracks whose title has every word, sorted."""
    wanted = words.lower().split()
    return sorted(
        isrc for isrc, track in tracks.items() if all(word in track["title"].lower() for word in wanted)
    )
