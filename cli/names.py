"""Artists' names for tables that only have their ids."""

import asyncio
from collections.abc import Iterable

from cli import finding
from cli.failures import ServiceFailure
from cli.session import Session


async def artist_names(session: Session, artist_ids: Iterable[str]) -> dict[str, str]:
    """Id -> name, of those that artist_db can tell now: a table is worth having without names too."""
    wanted = sorted({artist_id for artist_id in artist_ids if artist_id})
    found = await asyncio.gather(*(_name(session, artist_id) for artist_id in wanted))
    return {artist_id: name for artist_id, name in zip(wanted, found, strict=True) if name}


async def _name(session: Session, artist_id: str) -> str:
    try:
        return (await finding.artist(session, artist_id)).persona.name
    except ServiceFailure:
        return ""
