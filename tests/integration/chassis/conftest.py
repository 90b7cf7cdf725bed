"""What the chassis' tests share."""

from collections.abc import Iterator

import pytest

from tests.support.captured_logs import CapturedLogs, captured_logs


@pytest.fixture
def captured() -> Iterator[CapturedLogs]:
    """The log from here on."""
    with captured_logs() as found:
        yield found
