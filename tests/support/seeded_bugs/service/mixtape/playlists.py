"""Playlists that the label pitches to, and the tags that tracks are pitched by."""

from collections.abc import Mapping, Sequence

_UNTAGGED: list[str] = []


def describe(playlist: Mapping[str, str | None]) -> str:
    """A playlist for people: its name and who keeps it."""
    return f"{playlist['name']}, kept by {playlist['curator'].title()}"


def tagged(track: str, tag: str, tags: list[str] = _UNTAGGED) -> list[str]:
    """A track's tags with one more; ValueError where it has that one already."""
    if tag in tags:
        raise ValueError(f"{track} has the tag {tag} already")
    tags.append(tag)
    return tags


def in_common(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Tracks that both playlists have, in the order of the first."""
    others = set(second)
    return [track for track in first if track in others]
