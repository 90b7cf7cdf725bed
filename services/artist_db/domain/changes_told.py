"""Changes of personas as people read them."""

from collections.abc import Sequence

from services.chassis.persona_fields import told

MOST_VALUE = 700
MOST_REASON = 600
MOST_EVIDENCE = 6


def diff(field: str, old: str, new: str) -> str:
    """A field's two values, a line each, marked with - and +."""
    return f"{field}\n- {_cut(told(old), MOST_VALUE)}\n+ {_cut(told(new), MOST_VALUE)}"


def news_body(
    field: str, old: str, new: str, *, reason: str, evidence: Sequence[str], next_step: str = ""
) -> str:
    """What changes, why, and what it relies on."""
    parts = [diff(field, old, new), f"Why: {_cut(reason, MOST_REASON)}"]
    if evidence:
        shown = [f"· {_cut(fact, 200)}" for fact in evidence[:MOST_EVIDENCE]]
        if more := len(evidence) - MOST_EVIDENCE:
            shown += [f"· and {more} more"] if more > 0 else []
        parts.append("\n".join(["It relies on:", *shown]))
    if next_step:
        parts.append(next_step)
    return "\n\n".join(parts)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
