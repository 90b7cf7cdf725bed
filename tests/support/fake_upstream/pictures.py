"""A picture without a picture library."""

import struct
import zlib


def small_png(width: int = 64, height: int = 64) -> bytes:
    """A real PNG, 8 bits RGB: a gradient from dark blue to orange."""
    rows = []
    for y in range(height):
        shade = 255 * y // max(1, height - 1)
        rows.append(b"\0" + bytes((shade, shade // 2, 96 - shade // 4)) * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(b"".join(rows))), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
