"""Asks the orchestrator's image models for the picture of a cover."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from prometheus_client import Counter

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.orchestrator.v1 import orchestrator_pb2
from services.chassis.clients import deadline_s
from services.chassis.errors import remote_error
from services.chassis.ids import derived_id
from services.chassis.logs import get_logger
from services.chassis.metrics import REGISTRY

if TYPE_CHECKING:
    from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceStub

ROLE = "illustrator"
_SIDE = 1024
_MOST_PROMPT = 4_000
_TIMEOUT_S = 240.0
_RULES = (
    "Square album cover artwork that fills the whole picture, without a frame or border. "
    "No text, no letters, no numbers, no logo, no watermark, no web address. No real person."
)
STYLES: Mapping[str, str] = {
    "horizon": "a wide landscape with a low sun over a clean horizon line, in flat bands of colour",
    "contours": "layered contour lines like a topographic map cut out of paper",
    "facets": "sharp triangular facets of light, like cut crystal",
    "rings": "concentric rings and ripples around one centre",
    "silk": "long flowing strands, like silk in the wind",
    "halftone": "bold halftone dots of a screen print, few colours",
    "tiles": "a grid of geometric tiles in the manner of the Bauhaus",
    "orbs": "soft glowing orbs of light in haze, out of focus",
}
"""The motifs of covers, in words for an image model."""
_log = get_logger("release.illustrator")
ASKED = Counter(
    "aiartist_release_cover_pictures",
    "Covers' pictures that image models were asked for, by outcome.",
    ("outcome",),
    registry=REGISTRY,
)
for _outcome in ("drawn", "refused", "unusable"):
    ASKED.labels(_outcome)


@dataclass(frozen=True, slots=True)
class Picture:
    """What an image model drew."""

    data: bytes
    """PNG, JPEG or WebP, as it says."""
    model: str


class Illustrator:
    """The image models, as far as this service needs them."""

    def __init__(self, stub: "OrchestratorServiceStub") -> None:
        self._orchestrator = stub

    async def draw(self, brief: db.StoredBrief, style: str = "") -> Picture | None:
        """The brief's picture, the same one and paid once for all of its takes; `style`: one of `STYLES`.

        None where no image model is set up or none draws it: a song never waits for its cover.
        """
        wanted = brief.brief.cover_prompt or brief.brief.theme
        look = f"Style: {STYLES[style]}.\n\n" if style in STYLES else ""
        request = orchestrator_pb2.GenerateImageRequest(
            request_id=derived_id("pic", brief.id),
            role=ROLE,
            prompt=f"{_RULES}\n\n{look}{wanted}"[:_MOST_PROMPT],
            width=_SIDE,
            height=_SIDE,
            artist_id=brief.artist_id,
            run_id=brief.run_id,
        )
        try:
            drawn = await self._orchestrator.GenerateImage(request, timeout=deadline_s(_TIMEOUT_S))
        except grpc.aio.AioRpcError as error:
            refusal = remote_error(error)
            ASKED.labels("refused").inc()
            _log.info(
                "no image model draws the cover",
                brief_id=brief.id,
                reason=refusal.remote_reason or error.code().name,
                detail=refusal.message,
            )
            return None
        ASKED.labels("drawn").inc()
        return Picture(drawn.image, drawn.model)

    def unusable(self, brief: db.StoredBrief, problem: str) -> None:
        """Notes that no cover can be made of the brief's picture."""
        ASKED.labels("unusable").inc()
        _log.warning("the cover's picture is of no use", brief_id=brief.id, problem=problem)
