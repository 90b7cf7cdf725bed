"""ISRC and UPC in memory, as artist_db gives them out."""

from typing import Any

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.artist_db.domain.codes import Kind, Prefixes, series_of
from services.artist_db.errors import CodesSpent

YEAR = 2026


class FakeCodes:
    """The part of an artist_db in memory; who mixes it in counts calls."""

    def __init__(self) -> None:
        super().__init__()
        self.prefixes = Prefixes()
        """The label's; a test may set them."""
        self.codes: dict[str, dict[Kind, str]] = {}
        """By release."""

    async def _enter(self, context: Any, name: str) -> None:
        raise NotImplementedError

    async def AllocateCodes(self, request: Any, context: Any) -> db.AllocateCodesResponse:
        await self._enter(context, "AllocateCodes")
        own = self.codes.setdefault(request.release_id, {})
        for kind in Kind:
            series = series_of(kind, self.prefixes, YEAR)
            if kind not in own and series is not None:
                given = sum(kind in codes for codes in self.codes.values())
                if given == series.last:
                    raise CodesSpent(series)
                own[kind] = series.code(given + 1)
        return db.AllocateCodesResponse(isrc=own.get(Kind.ISRC, ""), upc=own.get(Kind.UPC, ""))
