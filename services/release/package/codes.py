"""Whether ISRC, UPC and EAN are whole. They are given out by artist_db."""

import re


def is_isrc(code: str) -> bool:
    """True for an ISRC of ISO 3901 whose designation is not 00000."""
    return re.fullmatch(r"[A-Z]{2}[A-Z0-9]{3}\d{7}", code) is not None and not code.endswith("00000")


def is_ean(code: str) -> bool:
    """True for a UPC of 12 or an EAN of 13 digits whose last one is the check digit of the GS1 General
    Specifications, section 7.9."""
    if re.fullmatch(r"\d{12,13}", code) is None:
        return False
    digits = [int(digit) for digit in reversed(code)]
    return (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0
