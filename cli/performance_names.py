"""What the rows of an export name their releases by, so that those of one release come together."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Name:
    """What a file names a release by."""

    field: str
    """`release_id`, `isrc`, `upc` or `title`, as in PerformanceEntry."""
    text: str
    artist: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """All that a row says of which release it is about."""

    isrc: str = ""
    upc: str = ""
    title: str = ""
    artist: str = ""


def names_of(labels: Collection[Label], spelling: Mapping[Label, Label]) -> dict[Label, Name]:
    """What each label is named by: its ISRC, else the only one of its UPC, else the UPC.

    What has no code goes by the only ISRC of its title and artist, else by the title. So the rows of a song,
    those of the single that holds it and those without codes come together.
    """
    of_upc: dict[str, set[str]] = {}
    of_title: dict[tuple[str, str], set[str]] = {}
    for label in labels:
        if label.isrc:
            of_upc.setdefault(label.upc, set()).add(label.isrc)
            of_title.setdefault((label.title, label.artist), set()).add(label.isrc)
    names = {}
    for label in labels:
        same = of_upc.get(label.upc, set()) if label.upc else of_title.get((label.title, label.artist), set())
        first = spelling[label]
        if label.isrc or (len(same) == 1 and (label.upc or label.title)):
            names[label] = Name("isrc", label.isrc or next(iter(same)))
        elif label.upc:
            names[label] = Name("upc", label.upc)
        else:
            names[label] = Name("title", first.title, first.artist)
    return names
