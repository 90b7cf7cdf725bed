"""What the worker processes do. Each job is a module's own function that takes `report` first.

The heavy libraries are imported inside, so that the serving process never loads them. For the same
reason the studio, which makes the takes, is known here by its module's name only.
"""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import decision_pb2, persona_pb2
from services.release.package.imprint import Imprint
from services.release.providers.provider import Unusable
from services.release.worker import Report

STUDIO = "services.release.studio"


@dataclass(frozen=True, slots=True)
class RenderedTake:
    """A master on disk and what was found in it."""

    review: bytes
    """`aiartist.common.v1.Review`, serialised."""
    provider: str
    seed: int
    sha256: str
    size_bytes: int
    fingerprint: bytes
    model: str = ""
    """What it was made with, as the studio says."""


@dataclass(frozen=True, slots=True)
class Unplayable:
    """A brief that no provider can play, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Presentation:
    """What people judge a take by, as files."""

    preview: Path
    """The whole take as MP3."""
    cover: Path
    thumbnail: Path


@dataclass(frozen=True, slots=True)
class Presented:
    """How the cover was made."""

    pictured: bool
    """True where it shows what an image model drew."""
    motif: str
    """What is drawn on it; `picture` where an image model drew."""
    problem: str
    """Why it does not show the model's picture that there is."""


@dataclass(frozen=True, slots=True)
class PackageOrder:
    """What `build` needs; messages are serialised."""

    release_id: str
    brief: bytes
    take: bytes
    persona: bytes
    decision: bytes
    imprint: Imprint
    isrc: str
    upc: str
    film: bytes | None
    videos: Mapping[str, Path]
    """The film's files by their format."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found."""

    problems: tuple[tuple[str, str], ...]
    """Path and message."""
    files_checked: int
    digest: str


def warm_up(studio: str) -> None:
    """Loads and compiles what a take needs, so that the first is as quick as the next."""
    import_module(studio).warm_up()


def render(
    report: Report,
    studio: str,
    brief: bytes,
    seed: int,
    output: Path,
    source: Path | None,
    provider: str,
    soundfont: Path | None = None,
) -> RenderedTake | Unplayable | Unusable:
    """Renders one take, or reads it from a provider's file, masters it into `output` and reviews it.

    OSError where the disk refuses.
    """
    import soundfile

    from services.release.mastering import Unmasterable
    from services.release.music.provider import UnplayableBrief
    from services.release.providers.intake import UnusableSong

    module = import_module(studio)
    job = module.TakeJob(
        brief=brief, seed=seed, output=output, source=source, provider=provider, soundfont=soundfont
    )
    try:
        result = module.produce(job, report)
    except UnplayableBrief as error:
        return Unplayable(str(error))
    except UnusableSong as error:
        return Unusable(error.outcome, str(error))
    except Unmasterable as error:
        if source is None:
            raise
        return Unusable("empty_song", str(error))
    except soundfile.SoundFileError as error:
        raise _disk_error(output) from error
    return RenderedTake(
        review=result.review,
        provider=result.provider,
        seed=result.seed,
        sha256=result.sha256,
        size_bytes=result.size_bytes,
        fingerprint=result.fingerprint,
        model=result.model,
    )


def present(
    report: Report,
    master: Path,
    brief: bytes,
    persona: bytes,
    picture: bytes | None,
    motif: str,
    into: Presentation,
) -> Presented:
    """Writes what people judge a take by; `motif`: as in `draw_cover`. OSError where the disk refuses."""
    from services.release.presentation import encode_preview, pictures

    report("preview", 0, 2)
    into.preview.write_bytes(encode_preview(master))
    report("cover", 1, 2)
    made = pictures(brief, persona, picture, motif)
    into.cover.write_bytes(made.cover)
    into.thumbnail.write_bytes(made.thumbnail)
    return Presented(made.pictured, made.motif, made.problem)


def build(
    report: Report, folder: Path, master: Path, cover: Path | None, order: PackageOrder
) -> Verification:
    """Builds a package in an empty folder and verifies it. OSError where the disk refuses.

    Without a cover, as takes of older versions are, one is drawn.
    """
    from services.release.cover import describe_cover, draw_cover
    from services.release.package.build import build_package
    from services.release.package.facts import Ingredients

    brief = db.StoredBrief.FromString(order.brief)
    take = db.StoredTake.FromString(order.take)
    persona = persona_pb2.Persona.FromString(order.persona)
    report("cover", 0, 3)
    if cover is None:
        artwork = draw_cover(persona, brief.brief)
    else:
        pictured = bool(take.cover_model)
        artwork = describe_cover(
            persona, brief.brief, cover.read_bytes(), take.cover_style, pictured=pictured
        )
    report("package", 1, 3)
    parts = Ingredients(
        release_id=order.release_id,
        artist_name=persona.name,
        brief=brief,
        take=take,
        decision=decision_pb2.Decision.FromString(order.decision),
        cover=artwork,
        imprint=order.imprint,
        isrc=order.isrc,
        upc=order.upc,
        film=None if order.film is None else db.StoredFilm.FromString(order.film),
        videos=order.videos,
    )
    build_package(folder, master, parts)
    report("verify", 2, 3)
    return verify(report, folder)


def verify(_report: Report, folder: Path) -> Verification:
    """Verifies a package folder."""
    from services.release.package.verify import examine

    found = examine(folder)
    return Verification(
        problems=tuple((problem.path, problem.message) for problem in found.problems),
        files_checked=found.files_checked,
        digest=found.digest,
    )


def _disk_error(output: Path) -> OSError:
    """What the disk says. libsndfile only says "system error": one more write tells which."""
    try:
        with output.open("ab") as file:
            file.write(bytes(1 << 20))
    except OSError as error:
        return error
    return OSError(errno.EIO, "the audio file could not be written", str(output))
