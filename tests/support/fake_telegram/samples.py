"""Small files that Telegram would take."""

import io

from PIL import Image

# MPEG-1 layer III, 128 kbit/s, 44.1 kHz, mono: 417 bytes for 26 ms of silence.
_FRAME = bytes((0xFF, 0xFB, 0x90, 0xC4)) + bytes(413)
_FRAMES_A_SECOND = 44_100 / 1152


def small_mp3(seconds: float = 1) -> bytes:
    """An MP3 of silence, of at least two frames."""
    return _FRAME * max(2, round(seconds * _FRAMES_A_SECOND))


def small_picture(width: int = 64, height: int = 64, kind: str = "JPEG") -> bytes:
    """A picture of one colour; `kind` is a format of Pillow."""
    content = io.BytesIO()
    Image.new("RGB", (width, height), (200, 120, 40)).save(content, kind)
    return content.getvalue()
