"""What the worker processes do for a film. The picture and sound libraries are imported inside."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from services.release.worker import Report

if TYPE_CHECKING:
    from services.release.video.render import Song


@dataclass(frozen=True, slots=True)
class Take:
    """What is filmed, as the service knows it; messages are serialised."""

    master: Path
    brief: bytes
    persona: bytes
    provider: str
    label: str
    motif: str = ""


@dataclass(frozen=True, slots=True)
class Filmed:
    """A finished video."""

    checks: tuple[bytes, ...]
    """Each a serialised `aiartist.common.v1.ReviewCheck`."""
    shown: tuple[int, ...]
    """Which of the stock clips it shows, by their number."""


def prepare(
    report: Report, take: Take, cover: Path | None, folder: Path, photographed: bool
) -> tuple[float, ...]:
    """Leaves in the folder what every format shows; the lengths in seconds of the shots for stock clips.

    Without a cover, as takes of older versions are, one is drawn. OSError where the disk refuses.
    """
    from services.release.video import clips, render

    report("drawing the scenes", 0, 0)
    song = _song(take)
    render.prepare(song, cover, folder, photographed=photographed)
    _, times = render.times_of(song)
    return tuple(end - start for start, end in clips.shots_of(times))


def film(
    report: Report, take: Take, format: str, folder: Path, output: Path, clips: tuple[Path, ...]
) -> Filmed:
    """Makes one video and measures it. OSError where the disk refuses."""
    import soundfile

    from services.release.video import gate, render

    song = _song(take)
    shown = render.film(song, format, folder, output, clips, report)
    report("checking", 0, 0)
    info = soundfile.info(take.master)
    checks = gate.examine(output, format, round(info.frames * 1000 / info.samplerate))
    checks.append(gate.timing(take.provider))
    return Filmed(tuple(check.SerializeToString(deterministic=True) for check in checks), tuple(shown))


def _song(take: Take) -> "Song":
    from services.release.video.render import Song

    return Song(take.master, take.brief, take.persona, take.provider, take.label, take.motif)
