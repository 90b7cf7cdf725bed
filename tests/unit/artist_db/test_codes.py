"""How ISRC, UPC and EAN are put together."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.artist_db.domain.codes import Kind, Prefixes, Series, check_digit, series_of
from services.artist_db.settings import Settings

ISRC = Series(Kind.ISRC, "QZABC", 2026)


@pytest.mark.parametrize(
    ("body", "digit"),
    [
        # Known products: a chewing gum's UPC, the GS1 General Specifications' GTIN-13 and an ISBN.
        ("03600029145", "2"),
        ("629104150021", "3"),
        ("978014300723", "4"),
        ("000000000000", "0"),
    ],
)
def test_the_check_digit_is_that_of_gs1(body: str, digit: str) -> None:
    assert check_digit(body) == digit


@pytest.mark.parametrize(
    ("year", "number", "code"),
    [(2026, 1, "QZABC2600001"), (2026, 99_999, "QZABC2699999"), (2101, 42, "QZABC0100042")],
)
def test_an_isrc_is_prefix_year_and_designation(year: int, number: int, code: str) -> None:
    assert Series(Kind.ISRC, "QZABC", year).code(number) == code


@pytest.mark.parametrize(
    ("prefix", "number", "code"),
    [
        ("0614141", 1, "614141000012"),
        ("0614141", 99_999, "614141999996"),
        ("4012345", 1, "4012345000016"),
        ("40123456789", 9, "4012345678994"),
    ],
)
def test_a_prefix_that_begins_with_0_gives_a_upc_and_any_other_an_ean(
    prefix: str, number: int, code: str
) -> None:
    assert Series(Kind.UPC, prefix, 0).code(number) == code


@given(
    prefix=st.from_regex(r"[0-9]{6,11}", fullmatch=True),
    number=st.integers(min_value=1, max_value=999_999),
)
def test_every_code_is_whole_and_tells_its_number(prefix: str, number: int) -> None:
    series = Series(Kind.UPC, prefix, 0)
    number = 1 + number % series.last
    code = series.code(number)
    assert re.fullmatch(r"\d{12}" if prefix[0] == "0" else r"\d{13}", code)
    assert check_digit(code[:-1]) == code[-1]
    assert code.rjust(13, "0")[:12] == f"{prefix}{number:0{12 - len(prefix)}}"


@pytest.mark.parametrize(
    ("series", "last"),
    [
        (ISRC, 99_999),
        (Series(Kind.UPC, "061414", 0), 999_999),
        (Series(Kind.UPC, "0614141", 0), 99_999),
        (Series(Kind.UPC, "40123456789", 0), 9),
    ],
)
def test_a_series_has_as_many_codes_as_its_digits_tell_apart(series: Series, last: int) -> None:
    assert series.last == last
    for number in (0, last + 1):
        with pytest.raises(ValueError, match=f"run from 1 to {last}, not {number}"):
            series.code(number)


def test_only_an_isrc_knows_the_year() -> None:
    prefixes = Prefixes(isrc="QZABC", upc="0614141")
    assert series_of(Kind.ISRC, prefixes, 2026) == ISRC
    assert series_of(Kind.UPC, prefixes, 2026) == series_of(Kind.UPC, prefixes, 2027)
    assert [series_of(kind, Prefixes(), 2026) for kind in Kind] == [None, None]


@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("isrc_prefix", "QZ-ABC", "as QZABC"),
        ("isrc_prefix", "qzabc", "as QZABC"),
        ("upc_prefix", "12345", "as 0614141"),
        ("upc_prefix", "0614141x", "as 0614141"),
        ("upc_prefix", "123456789012", "as 0614141"),
    ],
)
def test_a_prefix_that_is_none_is_refused_with_an_example(setting: str, value: str, remedy: str) -> None:
    with pytest.raises(ValidationError, match=remedy):
        Settings(**{setting: value})
