"""Each model by its own way."""

from services.orchestrator.domain import Completion
from services.orchestrator.models.catalog import Catalog, Model
from services.orchestrator.models.prices import Known
from services.orchestrator.upstream.call import Call, ImageCall, Upstream
from services.orchestrator.upstream.direct import DirectUpstream
from services.orchestrator.upstream.over_litellm import LitellmUpstream


class Upstreams:
    """Every way to the models of a catalog; litellm is imported only where one of them needs it."""

    def __init__(self, catalog: Catalog) -> None:
        self._direct = DirectUpstream()
        needed = any(model.available and not model.direct for model in catalog.models.values())
        self.litellm = LitellmUpstream() if needed else None

    async def ready(self, model: Model) -> None:
        """Returns when calls of this model can be carried."""
        await self._way(model).ready(model)

    def known(self, model: Model) -> Known:
        """What is known of an available model beside its settings."""
        return self._way(model).known(model)

    async def complete(self, model: Model, call: Call) -> Completion:
        """The model's answer; UpstreamError where there is no usable one."""
        return await self._way(model).complete(model, call)

    async def draw(self, model: Model, call: ImageCall) -> Completion:
        """The model's picture; UpstreamError where there is no usable one."""
        return await self._way(model).draw(model, call)

    async def close(self) -> None:
        """Closes the connections."""
        await self._direct.close()
        if self.litellm is not None:
            await self.litellm.close()

    def _way(self, model: Model) -> Upstream:
        if model.direct:
            return self._direct
        assert self.litellm is not None, "an available model that is not direct makes it"
        return self.litellm
