"""Whether the models and music providers that an experiment names are there.

artist_db takes any name: their lists are other services'. A run that cannot follow its arm does not count, so
that a slip in a name is an experiment that never ends.
"""

from collections.abc import Collection

from aiartist.artist_db.v1 import experiment_pb2 as pb
from aiartist.common.v1.experiment_pb2 import ARM_KIND_MODEL, ARM_KIND_PROVIDER
from aiartist.orchestrator.v1 import orchestrator_pb2 as orch
from aiartist.release.v1 import release_pb2
from cli.failures import BAD_INPUT, Failure, ServiceFailure
from cli.output import note
from cli.session import Session
from cli.texts import plain

SONGWRITER = "songwriter"


async def check_names(session: Session, experiment: pb.Experiment) -> None:
    """Failure where an arm's model or provider is none that can be used; a note where nobody can tell."""
    try:
        if experiment.kind == ARM_KIND_MODEL:
            _check(experiment, await _models(session), "model that songs are written with")
        elif experiment.kind == ARM_KIND_PROVIDER:
            _check(experiment, await _providers(session), "music provider that is set up")
    except ServiceFailure as failure:
        where = f"{failure.service} at {failure.address}"
        note(f"{where} does not answer: whether it knows what the arms name is not checked")


def _check(experiment: pb.Experiment, known: Collection[str], what: str) -> None:
    wrong = [
        f"arms.{plain(arm.name)}: {plain(arm.value)!r} is no {what}"
        for arm in experiment.arms
        if arm.value not in known
    ]
    if wrong:
        there = ", ".join(map(plain, known)) or "none"
        raise Failure(*wrong, f"there are: {there}", exit_code=BAD_INPUT)


async def _models(session: Session) -> list[str]:
    """Those of the songwriter's list that are not left out, in its order."""
    service = session.orchestrator
    request = orch.ListModelsRequest()
    found = await service.answer(service.stub.ListModels(request, timeout=session.timeout))
    available = {model.name for model in found.models if model.available}
    listed = next((role.models for role in found.roles if role.name == SONGWRITER), ())
    return [name for name in listed if name in available]


async def _providers(session: Session) -> list[str]:
    """Those that are set up, in the order in which they are tried."""
    service = session.release
    request = release_pb2.ListMusicProvidersRequest()
    found = await service.answer(service.stub.ListMusicProviders(request, timeout=session.timeout))
    return [provider.name for provider in found.providers if provider.configured]
