"""Weekly charts from what shops report."""

from collections.abc import Mapping, Sequence


def ranking(entries: Sequence[Mapping[str, object]]) -> list[str]:
    """Titles by their position; those that left the chart have none and come last."""
    ranked = sorted(entries, key=lambda entry: entry["position"])
    return [str(entry["title"]) for entry in ranked]


def movement(position: int, before: int | None) -> str:
    """How a title moved since last week: `new`, `=`, `+2`, `-1`."""
    if before is None:
        return "new"
    return f"{before - position:+d}" if before != position else "="


def weeks_at_top(positions: Sequence[int]) -> int:
    """The longest time at number one, in weeks."""
    longest = current = 0
    for position in positions:
        current = current + 1 if position == 1 else 0
        longest = max(longest, current)
    return longest
