"""RecordRunOutcome to FillVacancy: artists' lives."""

from services.artist_db.rpc.moves import MoveRpcs
from services.artist_db.rpc.outcomes import OutcomeRpcs
from services.artist_db.rpc.vacancies import VacancyRpcs


class LifeRpcs(OutcomeRpcs, MoveRpcs, VacancyRpcs):
    """RecordRunOutcome to FillVacancy: artists' lives."""
