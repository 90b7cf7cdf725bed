"""The language model that comes with the platform and needs no key."""

from services.orchestrator.local_model.server import LocalModel
from services.orchestrator.local_model.settings import Settings

__all__ = ["LocalModel", "Settings"]
