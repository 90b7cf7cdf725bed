"""A platform of doubles that the command line talks to over real sockets."""

from collections.abc import AsyncIterator

import pytest

from tests.support.fake_services import FakePlatform, fake_platform


@pytest.fixture
async def platform() -> AsyncIterator[FakePlatform]:
    async with fake_platform() as serving:
        yield serving
