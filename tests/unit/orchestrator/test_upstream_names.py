"""Names for failures, and what is told of them."""

import pytest
from pydantic import SecretStr

from services.orchestrator.catalog import Model
from services.orchestrator.upstream.common import outcome_of, scrubbed


@pytest.mark.parametrize(
    ("status", "text", "outcome"),
    [
        (401, "", "bad_key"), (402, "", "bad_key"), (403, "", "bad_key"), (404, "", "bad_request"),
        (408, "", "timeout"), (429, "", "rate_limited"), (500, "", "server_error"), (529, "", "server_error"),
        (400, "bad", "bad_request"), (400, "maximum context length is 4096", "context_too_small"),
        (400, "triggered the content management policy", "content_filter"),
    ],
)  # fmt: skip
def test_a_refusal_has_a_name(status: int, text: str, outcome: str) -> None:
    assert outcome_of(status, text) == outcome


def test_no_key_is_told() -> None:
    model = Model("m", "openai/m", "large", api_key=SecretStr("my-own-key-123"))
    told = scrubbed("key my-own-key-123, sk-abcdefghijklmnop or Bearer abc.def was refused", model)
    assert told == "key ********, ******** or ******** was refused"
