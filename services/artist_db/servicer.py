"""ArtistDbService, put together from its rooms."""

from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceServicer
from services.artist_db.domain.budgets import Limits
from services.artist_db.domain.changes import Rules as ChangeRules
from services.artist_db.domain.codes import Prefixes
from services.artist_db.domain.lives import Rules
from services.artist_db.domain.vacancies import Roster
from services.artist_db.rpc.artists import ArtistRpcs
from services.artist_db.rpc.budgets import BudgetRpcs
from services.artist_db.rpc.changes import ChangeRpcs
from services.artist_db.rpc.codes import CodeRpcs
from services.artist_db.rpc.error_steps import ErrorStepRpcs
from services.artist_db.rpc.errors import ErrorRpcs
from services.artist_db.rpc.experiments import ExperimentRpcs
from services.artist_db.rpc.films import FilmRpcs
from services.artist_db.rpc.fingerprints import FingerprintRpcs
from services.artist_db.rpc.lives import LifeRpcs
from services.artist_db.rpc.model_calls import ModelCallRpcs
from services.artist_db.rpc.news import NewsRpcs
from services.artist_db.rpc.performance import PerformanceRpcs
from services.artist_db.rpc.publications import PublicationRpcs
from services.artist_db.rpc.songs import SongRpcs
from services.artist_db.rpc.trends import TrendRpcs
from services.chassis.database import Database


class ArtistDbServicer(
    ArtistRpcs,
    SongRpcs,
    PublicationRpcs,
    FingerprintRpcs,
    FilmRpcs,
    CodeRpcs,
    ModelCallRpcs,
    BudgetRpcs,
    ErrorRpcs,
    ErrorStepRpcs,
    LifeRpcs,
    ChangeRpcs,
    NewsRpcs,
    PerformanceRpcs,
    TrendRpcs,
    ExperimentRpcs,
    ArtistDbServiceServicer,
):
    """Maps messages to domain and store and back; nothing more."""

    def __init__(
        self,
        db: Database,
        holds: Database,
        limits: Limits,
        prefixes: Prefixes,
        *,
        change_rules: ChangeRules,
        rules: Rules,
        roster: Roster,
    ) -> None:
        super().__init__(db, holds, limits)
        self._prefixes = prefixes
        self._change_rules = change_rules
        self._rules = rules
        self._roster = roster
