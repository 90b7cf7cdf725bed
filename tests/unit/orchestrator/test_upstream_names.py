"""Names for failures, and what is told of them."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import SecretStr

from services.orchestrator.models.catalog import Model
from services.orchestrator.upstream.common import outcome_of, retry_after_s, scrubbed


@pytest.mark.parametrize(
    ("status", "text", "outcome"),
    [
        (401, "", "bad_key"), (402, "", "bad_key"), (403, "", "bad_key"), (404, "", "unknown_model"),
        (408, "", "timeout"), (429, "", "rate_limited"), (500, "", "server_error"), (529, "", "server_error"),
        (400, "bad", "bad_request"), (400, "maximum context length is 4096", "context_too_small"),
        (400, "triggered the content management policy", "content_filter"),
    ],
)  # fmt: skip
def test_a_refusal_has_a_name(status: int, text: str, outcome: str) -> None:
    assert outcome_of(status, text) == outcome


def test_no_key_is_told() -> None:
    model = Model("m", "openai/m", api_key=SecretStr("my-own-key-123"))
    told = scrubbed("my-own-key-123, sk-abcdefghijklmnop or Bearer abc.DEF-0123456789 was refused", model)
    for secret in ("my-own-key", "abcdef", "abc.DEF"):
        assert secret not in told
    assert told.endswith("was refused")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "12"}, 12.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "0"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"retry-after": "soon"}, None),
    ],
)
def test_a_provider_says_when_it_wants_to_be_asked_again(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_s(headers) == seconds


def test_a_date_in_the_future_is_so_many_seconds_away() -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    seconds = retry_after_s({"Retry-After": when})
    assert seconds is not None
    assert 50 < seconds <= 60
