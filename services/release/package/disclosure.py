"""Who made what, as it follows from how the release came to be."""

from google.protobuf.json_format import ParseDict, ParseError

from aiartist.common.v1 import brief_pb2
from services.release.package import older
from services.release.package.documents import AiDisclosure, Credit, Element, Provenance

COVER_TOOL = "aiartist cover"
VIDEO_TOOL = "aiartist video"
_ALGORITHMIC_PROVIDERS = frozenset({"builtin"})
"""Music providers that compose by rules and play samples; all others are trained models that also sing."""


def disclosure(provenance: Provenance) -> AiDisclosure:
    """What `metadata.json` says of every element."""
    take, brief = provenance.take, brief_of(provenance)
    has_words = brief is not None and any(section.lines for section in brief.sections)
    nobody = Element(made_by="none", tools=[])
    sings = False
    if take.provider in _ALGORITHMIC_PROVIDERS:
        music = Element(made_by="algorithm", tools=[take.provider])
    else:
        music = Element(made_by="music_model", tools=[take.provider_model or take.provider])
        sings = has_words
    writers = sorted({use.model for use in provenance.models})
    return AiDisclosure(
        lyrics=Element(made_by="language_model", tools=writers) if has_words else nobody,
        composition=music,
        vocals=music if sings else nobody,
        performance=music,
        artwork=_drawn(provenance, COVER_TOOL),
        # It shows the cover's picture, beside what rules draw and the clips in the credits.
        video=_drawn(provenance, VIDEO_TOOL) if provenance.film and provenance.film.videos else nobody,
    )


def _drawn(provenance: Provenance, tool: str) -> Element:
    model = provenance.cover.model
    if model is None:
        return Element(made_by="algorithm", tools=[tool])
    return Element(made_by="image_model", tools=[model, tool])


def credits(provenance: Provenance) -> list[Credit]:
    """Whose stock clips the videos show, each page once."""
    found = {}
    for clip in provenance.film.clips if provenance.film else []:
        credit = Credit(source=clip.source, author=clip.author, page_url=clip.page_url)
        found[clip.source, clip.author, clip.page_url] = credit
    return [found[key] for key in sorted(found)]


def brief_of(provenance: older.Provenance) -> brief_pb2.Brief | None:
    """The brief; None where what stands there is none."""
    try:
        return ParseDict(provenance.brief.content, brief_pb2.Brief())
    except ParseError:
        return None
