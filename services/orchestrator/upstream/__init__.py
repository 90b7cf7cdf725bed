"""How a call gets to a model: over litellm, or straight to an OpenAI-compatible server."""

from services.orchestrator.upstream.call import Call, Heard, ImageCall, Upstream
from services.orchestrator.upstream.router import Upstreams

__all__ = ["Call", "Heard", "ImageCall", "Upstream", "Upstreams"]
