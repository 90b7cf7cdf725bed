"""Royalties, sheets, and what shops report."""

import base64
from decimal import Decimal

from mixtape import export, royalties, webhooks

ROWS = [{"title": "Rain", "streams": 30}, {"title": "Glass", "streams": 12}]


def test_income_is_spread_over_streams():
    assert royalties.per_stream(900, 3000) == 0.3


def test_a_share_is_rounded_down():
    assert royalties.owed("10.00", Decimal("0.333")) == "3.33"


def test_a_statement_has_a_line_an_artist():
    assert royalties.statement_line("Nova", 12_000) == "Nova: 12,000 streams"


def test_a_split_loses_no_cent():
    assert royalties.split(100, {"Ana": 1, "Ben": 2}) == {"Ana": 34, "Ben": 66}


def test_a_sheet_has_a_head_and_rows():
    assert export.sheet(ROWS) == "title,streams\nRain,30\nGlass,12\n"


def test_an_attachment_is_base64():
    assert base64.b64decode(export.attachment("title")) == b"title"
    assert export.file_name("Nova Lane", "2026-03") == "nova-lane-2026-03.csv"


def test_a_webhook_holds_one_event_or_many():
    assert webhooks.events('{"type": "SALE_MADE"}') == [{"type": "SALE_MADE"}]
    assert webhooks.events("[]") == []
    assert webhooks.kind({"type": "SALE_MADE"}) == "sale.made"


def test_an_amount_is_told_in_cents():
    assert webhooks.amount("1,250.50") == 125_050
