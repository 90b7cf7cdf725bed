"""docs/operations.md, "Rotate tokens": at no step is a caller refused who does what the page says."""

import asyncio

import grpc
import pytest

from services.chassis.errors import remote_error
from tests.support.echo_service import EchoRequest, running_echo

OLD, NEW = "old-token-of-the-platform", "new-token-of-the-platform"
LISTS = {
    "before": f"platform:service:{OLD}",
    "both": f"platform:service:{OLD},platform:service:{NEW}",
    "after": f"platform:service:{NEW}",
}


@pytest.mark.parametrize(
    ("known", "token", "outcome"),
    [
        ("before", OLD, "OK"),
        # Step 1: every service knows both; callers have either, as they are restarted one after the other.
        ("both", OLD, "OK"),
        ("both", NEW, "OK"),
        # Why the list comes first: a caller that is ahead of a service is refused by it.
        ("before", NEW, "UNAUTHENTICATED"),
        # Step 3.
        ("after", NEW, "OK"),
        ("after", OLD, "UNAUTHENTICATED"),
    ],
)
async def test_an_owner_may_have_two_tokens_while_one_takes_the_others_place(
    known: str, token: str, outcome: str
) -> None:
    async with running_echo(tokens=LISTS[known]) as running:
        call = running.stub.call(
            "Say", EchoRequest(text="hello"), metadata=(("authorization", f"Bearer {token}"),)
        )
        (answer,) = await asyncio.gather(call, return_exceptions=True)
    refused = isinstance(answer, grpc.aio.AioRpcError)
    assert (remote_error(answer).remote_code.name if refused else "OK") == outcome
