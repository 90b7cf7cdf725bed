"""Facts about cover art, from the brightness of its pixels (0 to 255)."""

from collections.abc import Sequence

READABLE = 80


def contrast(rows: Sequence[Sequence[int]], details: bool = False) -> dict[str, int]:
    """The darkest pixel; with details also the brightest."""
    pixels = (pixel for row in rows for pixel in row)
    found = {"darkest": min(pixels)}
    if details:
        found["brightest"] = max(pixels)
    return found


def is_square(rows: Sequence[Sequence[int]]) -> bool:
    """Whether it is as wide as it is high; shops take no other covers."""
    return all(len(row) == len(rows) for row in rows)


def text_colour(background: int) -> str:
    """In which colour a title can be read there."""
    return "black" if background > 255 - READABLE else "white"
