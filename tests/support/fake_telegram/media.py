"""What an uploaded file really is, by its content."""

import io
import warnings

from PIL import Image, UnidentifiedImageError

from tests.support.fake_telegram.errors import ApiError, bad_request

MAX_PHOTO = 10 * 1024 * 1024
MAX_UPLOAD = 50 * 1024 * 1024
MAX_DOWNLOAD = 20 * 1024 * 1024
MAX_THUMBNAIL = 200 * 1024
MAX_THUMBNAIL_SIDE = 320
MAX_PHOTO_SIDES = 10_000
MAX_PHOTO_RATIO = 20

_MPEG_1_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG_2_KBPS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_SAMPLE_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def check_upload(content: bytes) -> None:
    """Refuses an empty file and one of more than 50 MB."""
    if not content:
        raise bad_request("file must be non-empty")
    if len(content) > MAX_UPLOAD:
        raise ApiError(413, "Request Entity Too Large")


def photo_size(content: bytes) -> tuple[int, int]:
    """Width and height in pixels of a picture that may be sent as a photo; refuses any other."""
    if len(content) > MAX_PHOTO:
        raise bad_request(
            f"file of size {len(content)} bytes is too big for a photo; the maximum size is {MAX_PHOTO} bytes"
        )
    width, height = _picture_size(content, ("JPEG", "PNG"))
    if width + height > MAX_PHOTO_SIDES or max(width, height) > MAX_PHOTO_RATIO * min(width, height):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return width, height


def thumbnail_size(content: bytes) -> tuple[int, int]:
    """Width and height of a thumbnail within Telegram's limits.

    Telegram silently drops one that is not; here it is an error, for a test to see.
    """
    if len(content) > MAX_THUMBNAIL:
        raise bad_request(f"file of size {len(content)} bytes is too big for a thumbnail")
    width, height = _picture_size(content, ("JPEG",))
    if max(width, height) > MAX_THUMBNAIL_SIDE:
        raise bad_request(f"thumbnail of {width}x{height} is larger than {MAX_THUMBNAIL_SIDE} pixels")
    return width, height


def check_audio(content: bytes) -> None:
    """Refuses what is neither MP3 nor M4A.

    Telegram would show such a file as a document without a player; here it is an error, for a test to see.
    """
    if not (_is_mp3(content) or _is_m4a(content)):
        raise bad_request("the file is neither MP3 nor M4A, and would not be shown as audio")


def _picture_size(content: bytes, formats: tuple[str, ...]) -> tuple[int, int]:
    try:
        with warnings.catch_warnings():
            # A picture that is too large is refused by its sides, not by a warning.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=formats) as picture:
                if sum(picture.size) <= MAX_PHOTO_SIDES:
                    picture.load()
                return picture.size
    except Image.DecompressionBombError:
        raise bad_request("PHOTO_INVALID_DIMENSIONS") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise bad_request("IMAGE_PROCESS_FAILED") from None


def _is_m4a(content: bytes) -> bool:
    return content[4:8] == b"ftyp" and content[8:11] in (b"M4A", b"mp4", b"iso") and b"soun" in content


def _is_mp3(content: bytes) -> bool:
    """Whether two MPEG frames follow each other, after a tag if there is one."""
    start = 0
    if content[:3] == b"ID3" and len(content) > 10:
        start = 10 + sum(
            (byte & 0x7F) << shift for byte, shift in zip(content[6:10], (21, 14, 7, 0), strict=True)
        )
    length = _frame_length(content[start : start + 4])
    return length > 0 and (len(content) == start + length or _frame_length(content[start + length :][:4]) > 0)


def _frame_length(header: bytes) -> int:
    """In bytes; 0 where these are not the first four bytes of a layer III frame."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, rate_index, bitrate_index = header[1] >> 3 & 3, header[2] >> 2 & 3, header[2] >> 4
    if version == 1 or rate_index == 3 or bitrate_index in (0, 15):
        return 0
    kbps = (_MPEG_1_KBPS if version == 3 else _MPEG_2_KBPS)[bitrate_index]
    samples = 144 if version == 3 else 72
    return samples * kbps * 1000 // _SAMPLE_RATES[version][rate_index] + (header[2] >> 1 & 1)
