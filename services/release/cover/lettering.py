"""Title and name: typefaces, what they can write, and where every line stands."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from anyascii import anyascii
from PIL import ImageDraw, ImageFont

from services.release.cover.fields import SIZE

MARGIN = 210
"""Nothing is written nearer to an edge, in pixels."""
_WIDTH = SIZE - 2 * MARGIN
_TITLE_HEIGHT = 1080
_TITLE_SIZES = (120, 480)
_NAME_SIZES = (24, 150)
_MOST_LINES = 5
_GAP = 70

_FILES = {
    "manrope": ("font_manrope", "Manrope-ExtraBold.ttf", 1.04),
    "source-serif": ("font_source_serif_pro", "SourceSerifPro-Bold.ttf", 1.02),
    "source-sans": ("font_source_sans_pro", "SourceSansPro-Black.ttf", 0.94),
}
"""Package, file, and distance of two base lines in parts of the size. All three are under the OFL."""
_IN_CAPITALS = {"source-sans"}
_VARIANTS = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
"""Say only how the character before them is to look, as for an emoji; a typeface may draw a box for them."""

Font = ImageFont.FreeTypeFont


@dataclass(frozen=True, slots=True)
class Line:
    """One line of type, ready to be drawn."""

    text: str
    font: Font
    x: int
    baseline: int
    tracking: float
    """Pixels added between letters."""
    box: tuple[int, int, int, int]
    """What its ink covers: left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together."""

    lines: tuple[Line, ...]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """What the ink of all lines covers."""
        boxes = [line.box for line in self.lines]
        return (
            min(box[0] for box in boxes),
            min(box[1] for box in boxes),
            max(box[2] for box in boxes),
            max(box[3] for box in boxes),
        )


@dataclass(frozen=True, slots=True)
class Lettering:
    """All type of a cover."""

    title: Block
    name: Block
    transliterated: tuple[str, ...]
    """Characters that the typeface lacks, written in Latin letters instead."""


def set_type(title: str, name: str, typeface: str, layout: str) -> Lettering:
    """Sets title and name: `foot` (both below), `split` (name above, title below) or `head` (both above)."""
    title_text, missing_title = writable(title, typeface)
    name_text, missing_name = writable(name, typeface)
    if typeface in _IN_CAPITALS:
        title_text = title_text.upper()
    lines, size = _fitted(title_text, typeface)
    name_text = _shortened(name_text, typeface)
    name_size = _name_size(name_text.upper(), typeface)
    leading = round(size * _FILES[typeface][2])
    name_height = _cap_height(typeface, name_size)
    title_block = [(text, size, index * leading) for index, text in enumerate(lines)]
    depth = (len(lines) - 1) * leading
    top = _cap_height(typeface, size)
    if layout == "foot":
        name_base = SIZE - MARGIN - _descent(typeface, name_size, name_text.upper())
        last = name_base - name_height - _below(typeface, size, lines[-1])
        first = last - depth
    elif layout == "head":
        first = MARGIN + max(top, _ascent(typeface, size, lines[0]))
        name_base = first + depth + _below(typeface, size, lines[-1]) + name_height
        name_base += max(0, _ascent(typeface, name_size, name_text.upper()) - name_height)
    else:
        first = SIZE - MARGIN - _descent(typeface, size, lines[-1]) - depth
        name_base = MARGIN + max(name_height, _ascent(typeface, name_size, name_text.upper()))
    return Lettering(
        title=Block(
            tuple(_line(text, typeface, at, first + offset, 0.0) for text, at, offset in title_block)
        ),
        name=Block(
            (_line(name_text.upper(), typeface, name_size, name_base, _tracking(name_text, name_size)),)
        ),
        transliterated=tuple(dict.fromkeys((*missing_title, *missing_name))),
    )


def draw_line(draw: ImageDraw.ImageDraw, line: Line, fill: tuple[int, int, int] | int) -> None:
    """Draws one line."""
    if not line.tracking:
        draw.text((line.x, line.baseline), line.text, font=line.font, fill=fill, anchor="ls")
        return
    for x, letter in _tracked(line.text, line.font, line.tracking):
        draw.text((line.x + x, line.baseline), letter, font=line.font, fill=fill, anchor="ls")


def writable(text: str, typeface: str) -> tuple[str, tuple[str, ...]]:
    """The text in characters that the typeface has, and those that had to be written otherwise."""
    font = _font(typeface, 100)
    written, missing = [], []
    for character in unicodedata.normalize("NFC", " ".join(text.split())):
        if unicodedata.category(character)[0] == "C":
            continue
        if character in _VARIANTS or (
            unicodedata.category(character) == "Mn" and not _is_seen(font, character)
        ):
            continue
        if character == " " or _has(font, character):
            written.append(character)
            continue
        missing.append(character)
        # Pictures have names, not sounds: they are left out unless nothing else is there.
        if unicodedata.category(character) != "So":
            written.append(anyascii(character))
    result = " ".join("".join(written).split())
    if not result:
        result = " ".join(anyascii(text).replace(":", " ").replace("_", " ").split()) or "Untitled"
    return result, tuple(dict.fromkeys(missing))


def typeface_font(typeface: str, size: int) -> Font:
    """A typeface of covers at a size in pixels, for what else is written of a song."""
    return _font(typeface, size)


@lru_cache(maxsize=64)
def _font(typeface: str, size: int) -> Font:
    package, file, _ = _FILES[typeface]
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            f"the typeface package {package} is not installed; install the extra `release`"
        )
    return ImageFont.truetype(Path(spec.submodule_search_locations[0], "files", file), size)


def _has(font: Font, character: str) -> bool:
    """False where the typeface would draw its box for unknown characters."""
    return bytes(font.getmask(character)) != _unknown(font)


def _is_seen(font: Font, character: str) -> bool:
    return font.getmask(character).getbbox() is not None


@lru_cache(maxsize=8)
def _unknown(font: Font) -> bytes:
    # No typeface has the last code point.
    return bytes(font.getmask("\U0010ffff"))


def _fitted(text: str, typeface: str) -> tuple[list[str], int]:
    """The lines and the size at which the title is largest."""
    smallest, largest = _TITLE_SIZES
    probe = _font(typeface, 1000)
    leading = _FILES[typeface][2]
    best: tuple[int, list[str]] = (0, [text])
    for count in range(1, _MOST_LINES + 1):
        lines = _balanced(text, count, probe.getlength)
        if len(lines) < count:
            break
        widest = max(_ink_width(probe, line) for line in lines)
        size = min(largest, int(_WIDTH * 1000 / widest), int(_TITLE_HEIGHT / (count * leading)))
        # A few lines more must buy a clearly larger type.
        if size > best[0] * 1.12:
            best = (size, lines)
    if best[0] >= smallest:
        return best[1], best[0]
    # One endless word: cut it where the line is full.
    per_line = -(-len(text) // _MOST_LINES)
    pieces = [text[at : at + per_line].strip() for at in range(0, len(text), per_line)]
    widest = max(_ink_width(probe, piece) for piece in pieces)
    return pieces, min(best[0] * 4, int(_WIDTH * 1000 / widest), largest)


def _ink_width(font: Font, text: str) -> float:
    left, _, right, _ = font.getbbox(text, anchor="ls")
    return max(right, font.getlength(text)) - min(left, 0)


def _balanced(text: str, count: int, width: Callable[[str], float]) -> list[str]:
    """The words in `count` lines whose widest is as narrow as it can be; fewer lines where words lack."""
    words = text.split()
    if count >= len(words):
        return words
    best: dict[tuple[int, int], tuple[float, list[str]]] = {}

    def split(start: int, lines: int) -> tuple[float, list[str]]:
        known = best.get((start, lines))
        if known is not None:
            return known
        if lines == 1:
            line = " ".join(words[start:])
            result = (width(line), [line])
        else:
            options = []
            for end in range(start + 1, len(words) - lines + 2):
                line = " ".join(words[start:end])
                rest_width, rest = split(end, lines - 1)
                options.append((max(width(line), rest_width), [line, *rest]))
            result = min(options, key=lambda option: option[0])
        best[(start, lines)] = result
        return result

    return split(0, count)[1]


def _name_size(text: str, typeface: str) -> int:
    smallest, largest = _NAME_SIZES
    return next((size for size in range(largest, smallest, -2) if _fits(text, typeface, size)), smallest)


def _shortened(name: str, typeface: str) -> str:
    """A name that fits at the smallest size; cut where it has become very long in Latin letters."""
    kept = name
    while not _fits(kept.upper(), typeface, _NAME_SIZES[0]):
        name = name[:-1].rstrip()
        kept = f"{name}…"
    return kept


def _fits(name: str, typeface: str, size: int) -> bool:
    line = _line(name, typeface, size, 0, _tracking(name, size))
    return line.box[2] - line.box[0] <= _WIDTH


def _tracking(text: str, size: int) -> float:
    """Capitals want air; scripts whose letters join or carry marks do not."""
    plain = all(unicodedata.category(c)[0] in "LNPZS" and unicodedata.combining(c) == 0 for c in text)
    return size * 0.08 if plain else 0.0


def _tracked(text: str, font: Font, tracking: float) -> list[tuple[float, str]]:
    placed, x = [], 0.0
    for letter in text:
        placed.append((x, letter))
        x += font.getlength(letter) + tracking
    return placed


def _line(text: str, typeface: str, size: int, baseline: int, tracking: float) -> Line:
    font = _font(typeface, size)
    # Flush left by ink, not by the letters' own side bearing.
    bearing = font.getbbox(text[:1], anchor="ls")[0]
    x = MARGIN - round(bearing)
    if tracking:
        last_x, last = _tracked(text, font, tracking)[-1]
        right = last_x + font.getbbox(last, anchor="ls")[2]
    else:
        right = font.getbbox(text, anchor="ls")[2]
    _, top, _, bottom = font.getbbox(text, anchor="ls")
    box = (MARGIN, baseline + round(top), x + round(right), baseline + round(bottom))
    return Line(text, font, x, baseline, tracking, box)


def _cap_height(typeface: str, size: int) -> int:
    return -round(_font(typeface, size).getbbox("H", anchor="ls")[1])


def _ascent(typeface: str, size: int, text: str) -> int:
    return -round(_font(typeface, size).getbbox(text, anchor="ls")[1])


def _descent(typeface: str, size: int, text: str) -> int:
    return max(0, round(_font(typeface, size).getbbox(text, anchor="ls")[3]))


def _below(typeface: str, size: int, text: str) -> int:
    """From a title's last base line to the name under it, alike with and without descenders."""
    return _GAP + max(_descent(typeface, size, text), round(0.2 * size))
