"""ISRC and UPC."""

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.codes import Kind, Prefixes
from services.artist_db.rpc.room import Context, Room
from services.artist_db.store import codes as store


class CodeRpcs(Room):
    """AllocateCodes."""

    _prefixes: Prefixes

    async def AllocateCodes(
        self, request: pb.AllocateCodesRequest, context: Context
    ) -> pb.AllocateCodesResponse:
        checks = Checks()
        checks.id("release_id", request.release_id)
        checks.finish()
        async with self._db.transaction() as connection:
            found = await store.allocate(
                connection, request.release_id, self._prefixes, year=await store.year(connection)
            )
        return pb.AllocateCodesResponse(isrc=found.get(Kind.ISRC, ""), upc=found.get(Kind.UPC, ""))
