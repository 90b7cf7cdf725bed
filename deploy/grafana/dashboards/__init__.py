"""The dashboards, in the order in which they answer: does work flow, what does it cost, what breaks, why."""

from deploy.grafana.board import Board
from deploy.grafana.dashboards import errors, label, models, runs, services, studio

BOARDS: tuple[Board, ...] = (
    label.BOARD,
    runs.BOARD,
    models.BOARD,
    studio.BOARD,
    errors.BOARD,
    services.BOARD,
)

__all__ = ["BOARDS"]
