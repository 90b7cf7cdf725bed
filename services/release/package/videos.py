"""What must be true of a package's videos, and of what its documents say of them."""

import hashlib
from pathlib import Path

from services.chassis.errors import SetupError
from services.release.package import layout, older
from services.release.package.contents import Problem
from services.release.package.disclosure import brief_of, credits, disclosure
from services.release.package.documents import Metadata, Provenance


def video_file_problems(
    folder: Path, path: str, meta: older.Metadata | None, provenance: older.Provenance | None
) -> list[Problem]:
    """A video by its boxes and by every one of its frames; and that it is the film's."""
    if not isinstance(meta, Metadata):
        return []
    # Imported late: only packages with videos need ffmpeg and numpy's time.
    from services.release.video.gate import video_problems

    format = next(video.format for video in meta.videos if video.path == path)
    problems = []
    if isinstance(provenance, Provenance) and provenance.film is not None:
        made = {video.format: video.sha256 for video in provenance.film.videos}
        with (folder / path).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != made.get(format):
                problems.append(Problem(path, "is not the take's video: provenance.film differs"))
    try:
        found = video_problems(folder / path, format, meta.duration_ms)
    except (OSError, SetupError) as error:
        return [*problems, Problem(path, f"can't be examined: {error}")]
    return [*problems, *(Problem(path, message) for message in found)]


def version_2_problems(meta: Metadata, provenance: Provenance) -> list[Problem]:
    """What the two documents must say alike since version 2."""
    problems = []

    def follows(what: str, given: object, expected: object) -> None:
        if given != expected:
            problems.append(
                Problem(layout.METADATA, f"{what}: {given!r}, from provenance.json follows {expected!r}")
            )

    follows("explicit", meta.explicit, bool(provenance.explicit_words))
    follows("release_date", meta.release_date, provenance.decision.decided_at[:10])
    formats = [video.format for video in provenance.film.videos] if provenance.film else []
    paths = [(format, layout.video_path(meta.title, format)) for format in formats]
    follows("videos", [(video.format, video.path) for video in meta.videos], paths)
    if brief_of(provenance) is not None:
        told, expected = meta.ai_disclosure, disclosure(provenance)
        for part in type(told).model_fields:
            follows(f"ai_disclosure.{part}", getattr(told, part), getattr(expected, part))
    follows("credits", meta.credits, credits(provenance))
    for video in provenance.film.videos if provenance.film else []:
        failed = [check.name for check in video.checks if check.outcome == "fail"]
        if failed:
            problems.append(
                Problem(layout.PROVENANCE, f"film.videos: {video.format} failed {', '.join(failed)}")
            )
    return problems
