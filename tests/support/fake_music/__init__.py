"""Music providers over real HTTP, on a free port of loopback; they can be told to fail in every way."""

from tests.support.fake_music.acestep import FakeAceStep
from tests.support.fake_music.behaviours import Behaviour, Garbage, Hang, Status, TooMany
from tests.support.fake_music.files import ServedFile
from tests.support.fake_music.server import FakeMusic, Task
from tests.support.fake_music.songs import song_file
from tests.support.fake_music.suno import FakeSuno

__all__ = [
    "Behaviour",
    "FakeAceStep",
    "FakeMusic",
    "FakeSuno",
    "Garbage",
    "Hang",
    "ServedFile",
    "Status",
    "Task",
    "TooMany",
    "song_file",
]
