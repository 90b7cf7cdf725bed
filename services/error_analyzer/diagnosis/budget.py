"""How much of what is known fits into a question.

Nobody here has every model's tokenizer. A token is taken as three bytes of UTF-8: code and logs have three
to four to a token in the models of today, other scripts about three bytes a sign. Two more are counted for
each line, for its break and for the mark of a quotation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

BYTES_A_TOKEN = 3
TOKENS_A_LINE = 2
MAX_MATERIALS = 50
MAX_LABEL = 80
MAX_MATERIAL = 19_000
"""Characters of one material; the orchestrator cuts at 20,000, in the middle of a line."""
_MARK_TOKENS = 24
"""Room for the line that says how much was left out."""


@dataclass(frozen=True, slots=True)
class Material:
    """A text from outside that goes into a question as a quotation, and what it is, in 1 to 80 characters."""

    label: str
    text: str


def tokens_of(text: str) -> int:
    """Tokens that a text takes at most, by estimate."""
    return -(-len(text.encode(errors="replace")) // BYTES_A_TOKEN) + TOKENS_A_LINE * (text.count("\n") + 1)


@dataclass(slots=True)
class Budget:
    """Takes materials, the most important first, until its tokens are used up."""

    tokens: int
    materials: list[Material] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.tokens - sum(
            tokens_of(material.label) + tokens_of(material.text) for material in self.materials
        )

    def add(
        self,
        label: str,
        lines: Sequence[str],
        *,
        most: int | None = None,
        keep: str = "head",
        around: int = 0,
    ) -> bool:
        """Takes as many whole lines as fit; False where nothing does.

        `most`: tokens of this material at most. `keep`: `head` the first lines, `tail` the last ones (an
        error stands last in its traceback), `around` those about the line with the index `around`.
        """
        label = " ".join(label.split())[:MAX_LABEL]
        room = min(self.left, most if most is not None else self.left) - tokens_of(label)
        if not lines or len(self.materials) >= MAX_MATERIALS:
            return False
        text = "\n".join(lines)
        if tokens_of(text) > room or len(text) > MAX_MATERIAL:
            text = _fitting(lines, room - _MARK_TOKENS, keep, around)
        if not text:
            return False
        self.materials.append(Material(label, text))
        return True


def _fitting(lines: Sequence[str], room: int, keep: str, around: int) -> str:
    """The kept lines with a mark where some are left out; empty where not one fits."""
    first, last = 0, len(lines)
    start = {"head": 0, "tail": last - 1}.get(keep, min(max(around, 0), last - 1))
    taken_first, taken_last = start, start
    room_left, signs_left = room, MAX_MATERIAL - 200
    while True:
        grown = False
        # A line after, a line before: what is about the place stays about it.
        for index in (taken_last, taken_first - 1):
            if not first <= index < last:
                continue
            # One for its line break.
            cost = tokens_of(lines[index]) + 1
            if cost > room_left or len(lines[index]) >= signs_left:
                # What lies behind a line that does not fit is not shown without it.
                if index >= start:
                    last = index
                else:
                    first = index + 1
                continue
            room_left -= cost
            signs_left -= len(lines[index]) + 1
            grown = True
            if index == taken_last:
                taken_last += 1
            else:
                taken_first -= 1
        if not grown:
            break
    if taken_first == taken_last:
        return ""
    before, after = taken_first, len(lines) - taken_last
    marked = [
        *([_mark(before)] if before else []),
        *lines[taken_first:taken_last],
        *([_mark(after)] if after else []),
    ]
    return "\n".join(marked)


def _mark(lines: int) -> str:
    return f"[{lines:,} lines left out]"
