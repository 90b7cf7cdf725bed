"""The takes of a run: which there are, and one by its number."""

from aiartist.artist_db.v1 import artist_db_pb2 as db
from cli import finding
from cli.failures import Failure
from cli.session import Session

MOST = 500


async def takes_of(session: Session, run_id: str) -> list[db.StoredTake]:
    """Every take of the run by its number, those that failed their review too."""
    service = session.artist_db

    async def fetch(size: int, token: str) -> db.ListTakesResponse:
        request = db.ListTakesRequest(run_id=run_id, page_size=size, page_token=token)
        return await service.answer(service.stub.ListTakes(request, timeout=session.timeout))

    found = await finding.pages(fetch, "takes", limit=MOST)
    return sorted(found.takes, key=lambda take: take.take_number)


async def take_numbered(session: Session, run_id: str, number: int) -> db.StoredTake:
    """The take that a person may pick; Failure where it is not there, or failed its review."""
    takes = await takes_of(session, run_id)
    picked = next((take for take in takes if take.take_number == number), None)
    if picked is not None and picked.review.passed:
        return picked
    to_pick = ", ".join(f"{take.take_number}" for take in takes if take.review.passed)
    what = "failed its review" if picked is not None else "is not there"
    raise Failure(
        f"take {number} of run {run_id} {what}",
        f"there are to pick from: {to_pick or 'none'}",
    )
