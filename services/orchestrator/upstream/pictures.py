"""Pictures that models draw, checked by their own bytes."""

import base64
import re

from services.orchestrator.domain import Completion, Picture, UpstreamError, Usage

MAX_IMAGE_BYTES = 12 * 1024 * 1024
"""What fits into one message between services, with room for the rest of it."""

_STARTS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
)


def media_type_of(data: bytes) -> str | None:
    """`image/png`, `image/jpeg` or `image/webp`, by a file's first bytes; None: something else."""
    return next((media_type for start, media_type in _STARTS if start.match(data)), None)


def picture(encoded: str | None, usage: Usage) -> Completion:
    """A usable picture out of its base 64; UpstreamError says what is wrong with one that isn't."""
    if not encoded:
        raise UpstreamError("bad_image", "the answer holds no picture's bytes", usage)
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise UpstreamError("bad_image", "the picture is not base 64", usage) from error
    if len(data) > MAX_IMAGE_BYTES:
        raise UpstreamError("bad_image", f"the picture has {len(data):,} bytes, over 12 MiB", usage)
    media_type = media_type_of(data)
    if media_type is None:
        raise UpstreamError("bad_image", "the picture is no PNG, JPEG or WebP", usage)
    return Completion("", usage, Picture(data, media_type))
