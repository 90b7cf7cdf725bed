"""All that is written in a video, as layers: lyrics, the title card, the end card.

Letters are light on a dark veil or the other way round, with an outline and a soft shadow of the veil's
colour, so that they can be read over anything that moves behind them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from services.release.cover.colour import Colour
from services.release.cover.lettering import Font, typeface_font, writable
from services.release.video.planes import Layer

MOST_ROWS = 4
_LEAST_SIZE = 34
_MOST_TEXT = 300
"""Characters; more fit no frame at any size."""
_LEADING = 1.22
_SCRIM = 0.42
_SHADOW = 0.7
_OUTLINE = 0.88
_DOTS = "…"


@dataclass(frozen=True, slots=True)
class Format:
    """A shape of video and where things are in it, in pixels."""

    name: str
    width: int
    height: int
    side: int
    """Nothing is written nearer to the left or right edge."""
    top: int
    """Nor above it."""
    bottom: int
    """Nor below it: there apps show their buttons."""
    lyric_size: int
    lyric_centre: int
    """Where the middle of a line of lyrics is, from the top."""
    spectrum_base: int
    """Where the bars stand, from the top."""

    @property
    def writable_width(self) -> int:
        return self.width - 2 * self.side


FORMATS = {
    "landscape": Format("landscape", 1920, 1080, 140, 90, 990, 92, 520, 1000),
    "portrait": Format("portrait", 1080, 1920, 84, 220, 1540, 84, 900, 1600),
}


@dataclass(frozen=True, slots=True)
class Pen:
    """What is written with."""

    typeface: str
    ink: Colour
    veil: Colour
    accent: Colour


def wrapped(text: str, font: Font, width: float) -> list[str]:
    """The text in as few rows as fit the width, as even as they can be; words that are wider are cut."""
    rows = _filled(text, font.getlength, width)
    if len(rows) < 2:
        return rows
    low, high = width / 2, width
    while high - low > 4:
        middle = (low + high) / 2
        if len(_filled(text, font.getlength, middle)) > len(rows):
            low = middle
        else:
            high = middle
    return _filled(text, font.getlength, high)


def _filled(text: str, measure: Callable[[str], float], width: float) -> list[str]:
    rows: list[str] = []
    row = ""
    for word in text.split():
        for piece in _pieces(word, measure, width):
            longer = f"{row} {piece}" if row else piece
            if row and measure(longer) > width:
                rows.append(row)
                row = piece
            else:
                row = longer
    return [*rows, row] if row else rows


def _pieces(word: str, measure: Callable[[str], float], width: float) -> list[str]:
    pieces = []
    while measure(word) > width and len(word) > 1:
        count = len(word) - 1
        while count > 1 and measure(word[:count]) > width:
            count -= 1
        pieces.append(word[:count])
        word = word[count:]
    return [*pieces, word]


def fitted(text: str, typeface: str, size: int, width: int, rows: int = MOST_ROWS) -> tuple[list[str], Font]:
    """The text in at most so many rows, and the type for it: the wanted size or a smaller one."""
    written, _ = writable(text[:_MOST_TEXT], typeface)
    while True:
        font = typeface_font(typeface, size)
        lines = wrapped(written, font, width - size // 2)
        if len(lines) <= rows:
            return lines, font
        if size <= _LEAST_SIZE:
            return [*lines[: rows - 1], lines[rows - 1][:-1] + _DOTS], font
        size = max(_LEAST_SIZE, round(size * 0.9))


def lyric(text: str, shape: Format, pen: Pen, *, strong: bool) -> Layer:
    """A line of lyrics, centred; `strong` as a chorus is."""
    size = round(shape.lyric_size * (1.2 if strong else 1.0))
    rows, font = fitted(text, pen.typeface, size, shape.writable_width)
    step = round(font.size * _LEADING)
    sheet = _Sheet(shape, pen)
    first = shape.lyric_centre - step * (len(rows) - 1) / 2
    for index, row in enumerate(rows):
        sheet.write(row, font, shape.width / 2, first + index * step)
    return sheet.layer()


def title_card(title: str, artist: str, cover: Image.Image, shape: Format, pen: Pen) -> Layer:
    """Cover, title and artist."""
    sheet = _Sheet(shape, pen)
    if shape.width > shape.height:
        edge = 560
        left, top = shape.side + 60, (shape.height - edge) // 2 - 40
        start = left + edge + 90
        width = shape.width - shape.side - start
        rows, font = fitted(title, pen.typeface, 104, width, 3)
        name_rows, name_font = fitted(artist, pen.typeface, 54, width, 2)
        step, name_step = round(font.size * 1.1), round(name_font.size * _LEADING)
        height = step * len(rows) + 40 + name_step * len(name_rows)
        y = top + edge / 2 - height / 2 + step / 2
        for row in rows:
            sheet.write(row, font, start, y, anchor="lm")
            y += step
        y += 40 - step / 2 + name_step / 2
        for row in name_rows:
            sheet.write(row, name_font, start, y, anchor="lm", colour=pen.accent)
            y += name_step
    else:
        edge = 720
        left, top = (shape.width - edge) // 2, shape.top + 150
        rows, font = fitted(title, pen.typeface, 92, shape.writable_width, 3)
        name_rows, name_font = fitted(artist, pen.typeface, 54, shape.writable_width, 2)
        y = top + edge + 60 + font.size * 0.6
        for row in rows:
            sheet.write(row, font, shape.width / 2, y)
            y += font.size * 1.1
        y += 30
        for row in name_rows:
            sheet.write(row, name_font, shape.width / 2, y, colour=pen.accent)
            y += name_font.size * _LEADING
    sheet.picture(cover.resize((edge, edge), Image.Resampling.LANCZOS), left, top)
    return sheet.layer()


def end_card(title: str, artist: str, label: str, shape: Format, pen: Pen) -> Layer:
    """Artist, title and label, as the last thing that is seen."""
    sheet = _Sheet(shape, pen)
    blocks = []
    for text, size, colour, gap in (
        (artist, 100, pen.ink, 44),
        (title, 58, pen.accent, 70),
        (label, 38, pen.ink, 0),
    ):
        rows, font = fitted(text, pen.typeface, size, shape.writable_width, 2)
        blocks.append((rows, font, colour, gap))
    height = sum(len(rows) * font.size * _LEADING + gap for rows, font, _, gap in blocks)
    y = shape.lyric_centre - height / 2
    for rows, font, colour, gap in blocks:
        for row in rows:
            sheet.write(row, font, shape.width / 2, y + font.size * _LEADING / 2, colour=colour)
            y += font.size * _LEADING
        y += gap
    return sheet.layer()


def corner(title: str, artist: str, shape: Format, pen: Pen) -> Layer:
    """Title and artist in small, for stretches without words."""
    sheet = _Sheet(shape, pen)
    rows, font = fitted(title, pen.typeface, 54, shape.writable_width, 2)
    names, name_font = fitted(artist, pen.typeface, 40, shape.writable_width, 1)
    y = shape.lyric_centre - 20.0
    for row in rows:
        sheet.write(row, font, shape.width / 2, y)
        y += font.size * _LEADING
    for row in names:
        sheet.write(row, name_font, shape.width / 2, y + 14, colour=pen.accent)
    return sheet.layer()


class _Sheet:
    """A transparent page of the frame's size; what is on it becomes the smallest layer that holds it."""

    def __init__(self, shape: Format, pen: Pen) -> None:
        size = (shape.width, shape.height)
        self._pen = pen
        self._size = size
        self._colours = Image.new("RGB", size, pen.ink.bytes)
        self._letters = Image.new("L", size, 0)
        self._stroked = Image.new("L", size, 0)
        self._veiled = Image.new("L", (size[0] // 4, size[1] // 4), 0)
        self._softness = 0.0

    def write(
        self, text: str, font: Font, x: float, y: float, *, anchor: str = "mm", colour: Colour | None = None
    ) -> None:
        size = float(font.size)
        at = (round(x), round(y))
        ImageDraw.Draw(self._letters).text(at, text, font=font, fill=255, anchor=anchor)
        stroke = max(2, round(size * 0.045))
        ImageDraw.Draw(self._stroked).text(
            at, text, font=font, fill=255, anchor=anchor, stroke_width=stroke, stroke_fill=255
        )
        box = ImageDraw.Draw(self._letters).textbbox(at, text, font=font, anchor=anchor)
        if colour is not None:
            left, top, right, bottom = map(round, box)
            self._colours.paste(colour.bytes, (left, top, right, bottom))
        pad = size * 0.42
        ImageDraw.Draw(self._veiled).rounded_rectangle(
            [
                (box[0] - pad) / 4,
                (box[1] - pad * 0.6) / 4,
                (box[2] + pad) / 4,
                (box[3] + pad * 0.6) / 4,
            ],
            radius=size / 8,
            fill=255,
        )
        self._softness = max(self._softness, size * 0.09)

    def picture(self, image: Image.Image, left: int, top: int) -> None:
        self._colours.paste(image, (left, top))
        self._letters.paste(255, (left, top, left + image.width, top + image.height))
        box = [
            (left - 22) // 4,
            (top - 14) // 4,
            (left + image.width + 22) // 4,
            (top + image.height + 34) // 4,
        ]
        ImageDraw.Draw(self._veiled).rectangle(box, fill=255)

    def layer(self) -> Layer:
        softened = self._veiled.filter(ImageFilter.GaussianBlur(self._softness * 0.8))
        scrim = softened.resize(self._size, Image.Resampling.BILINEAR).point(_scaled(_SCRIM))
        quarter = self._stroked.reduce(4).filter(ImageFilter.GaussianBlur(max(1.0, self._softness * 0.3)))
        shadow = quarter.resize(self._size, Image.Resampling.BILINEAR).point(_scaled(_SHADOW))
        veil = ImageChops.lighter(scrim, shadow)
        veil = ImageChops.lighter(veil, self._stroked.point(_scaled(_OUTLINE)))
        # Letters over veil: alpha adds up as for two panes of glass.
        alpha = ImageChops.screen(veil, self._letters)
        box = alpha.point(lambda value: 255 if value > 1 else 0).getbbox() or (0, 0, 2, 2)
        box = (box[0] & ~1, box[1] & ~1, (box[2] + 1) & ~1, (box[3] + 1) & ~1)
        under = Image.new("RGB", self._size, self._pen.veil.bytes)
        rgb = Image.composite(self._colours, under, self._letters)
        return Layer(rgb.crop(box), alpha.crop(box), box[0], box[1])


def _scaled(share: float) -> list[int]:
    return [round(value * share) for value in range(256)]
