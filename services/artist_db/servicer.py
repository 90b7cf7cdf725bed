"""ArtistDbService, put together from its five rooms."""

from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceServicer
from services.artist_db.rpc.artists import ArtistRpcs
from services.artist_db.rpc.budgets import BudgetRpcs
from services.artist_db.rpc.errors import ErrorRpcs
from services.artist_db.rpc.model_calls import ModelCallRpcs
from services.artist_db.rpc.songs import SongRpcs


class ArtistDbServicer(ArtistRpcs, SongRpcs, ModelCallRpcs, BudgetRpcs, ErrorRpcs, ArtistDbServiceServicer):
    """Maps messages to domain and store and back; nothing more."""
