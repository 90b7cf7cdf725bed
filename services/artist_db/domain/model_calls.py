"""What makes a model call fit to be recorded."""

import re

from aiartist.artist_db.v1.artist_db_pb2 import ModelCall
from services.artist_db.domain.checks import Checks

OK = "ok"
MAX_ATTEMPT = 1_000_000
"""Far below what the database can count, so that there is always a next one."""
MAX_MODEL = 300
MAX_COST_MICRO_USD = 10**12
"""A million dollars for one call: more is a mistake in units."""
MAX_IMAGE_BYTES = 12 * 1024 * 1024

_OUTCOME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def check_model_call(checks: Checks, call: ModelCall) -> None:
    """Notes what is wrong with a model call, fields as `call.role`."""
    checks.id("call.call_id", call.call_id)
    checks.number("call.attempt", call.attempt, least=1, most=MAX_ATTEMPT)
    checks.phrase("call.role", call.role, most=100, required=True)
    checks.phrase("call.model", call.model, most=MAX_MODEL, required=True)
    checks.filter("call.artist_id", call.artist_id)
    checks.filter("call.run_id", call.run_id)
    checks.pattern("call.outcome", call.outcome, _OUTCOME, "`ok`, or why not, as `timeout`")
    checks.number("call.cost_micro_usd", call.cost_micro_usd, least=0, most=MAX_COST_MICRO_USD)
    checks.phrase("call.prompt_hash", call.prompt_hash, most=100)
    checks.phrase("call.request_digest", call.request_digest, most=100)
    if call.answer and call.outcome != OK:
        checks.add("call.answer", f"must be empty where the outcome is not `{OK}`")
    if call.image and call.outcome != OK:
        checks.add("call.image", f"must be empty where the outcome is not `{OK}`")
    elif len(call.image) > MAX_IMAGE_BYTES:
        checks.add("call.image", f"must have at most {MAX_IMAGE_BYTES:,} bytes, has {len(call.image):,}")
