"""What is done about error groups, step by step, each under a lease that artist_db gives."""

from services.error_analyzer.work.desk import Desk, Policy
from services.error_analyzer.work.lanes import lanes
from services.error_analyzer.work.worker import Lane, Worker

__all__ = ["Desk", "Lane", "Policy", "Worker", "lanes"]
