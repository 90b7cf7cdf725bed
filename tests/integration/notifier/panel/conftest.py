"""The control panel of a running label."""

from collections.abc import AsyncIterator

import pytest

from tests.support.fake_label import FakeLabel


@pytest.fixture
async def label(database_url: str) -> AsyncIterator[FakeLabel]:
    async with FakeLabel.running(database_url) as running:
        yield running
