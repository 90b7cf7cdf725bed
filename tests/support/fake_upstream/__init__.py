"""An OpenAI-compatible server on a real socket that can answer well, badly, late or never.

In a test: `async with FakeUpstream() as upstream:` and `upstream.url`. For other processes:
`python -m tests.support.fake_upstream --port N --log FILE --usual MODEL=BEHAVIOUR`. Each answer that
was sent whole is a line of JSON in the log, so that a test can tell what was paid, and whether
anything was paid twice.
"""

from tests.support.fake_upstream.behaviours import (
    Behaviour,
    CutOff,
    Hang,
    Picture,
    Raw,
    Reset,
    Say,
    Slow,
    Stall,
    Status,
    Trickle,
    WriteWell,
)
from tests.support.fake_upstream.pictures import small_png
from tests.support.fake_upstream.process import UpstreamProcess, upstream_process
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.wire import Asked, pieces_of

__all__ = [
    "Asked",
    "Behaviour",
    "CutOff",
    "FakeUpstream",
    "Hang",
    "Picture",
    "Raw",
    "Reset",
    "Say",
    "Slow",
    "Stall",
    "Status",
    "Trickle",
    "UpstreamProcess",
    "WriteWell",
    "pieces_of",
    "small_png",
    "upstream_process",
]
