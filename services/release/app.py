"""The release service's wiring."""

from functools import partial

from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.release.v1 import release_pb2
from aiartist.release.v1.release_pb2_grpc import add_ReleaseServiceServicer_to_server
from services.chassis.errors import SetupError
from services.chassis.lifecycle import App
from services.release.artifacts import ArtifactStore
from services.release.errors import remedy
from services.release.flights import Flights
from services.release.jobs import STUDIO, warm_up
from services.release.pool import WorkerPool
from services.release.publish import FolderPublisher
from services.release.records import Records
from services.release.releases import Packager, Verifier
from services.release.servicer import ReleaseServicer
from services.release.settings import Settings
from services.release.takes import TakeProducer
from services.release.workspace import sweep


async def build(settings: Settings, studio: str = STUDIO) -> App:
    """Opens everything; the workers warm up in the background. SetupError says what is in the way."""
    app = App("release", settings)
    async with app.building():
        _prepare_folders(settings)
        store = ArtifactStore.open(settings.artifact_store_url)
        records = Records(ArtistDbServiceStub(await app.channel(settings.artist_db_addr)))
        pool = await app.enter(WorkerPool.open(settings.release_workers, partial(warm_up, studio)))
        flights = await app.enter(Flights.open())
        scratch = settings.scratch_dir
        servicer = ReleaseServicer(
            flights,
            TakeProducer(records, store, pool, scratch, studio),
            Packager(records, store, pool, scratch),
            FolderPublisher(records, store, settings.catalog_dir),
            Verifier(records, store, pool, scratch),
            store,
        )
        app.serve(
            servicer,
            add_ReleaseServiceServicer_to_server,
            release_pb2.DESCRIPTOR,
            port=settings.port,
            metrics_port=settings.metrics_port,
        )
        app.ready_when("artifact store", store.probe)
    return app


def _prepare_folders(settings: Settings) -> None:
    for name, folder in (
        ("AIARTIST_DATA_DIR", settings.scratch_dir),
        ("AIARTIST_RELEASE_CATALOG_DIR", settings.catalog_dir),
    ):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            sweep(folder)
        except OSError as error:
            raise SetupError(f"{name}: cannot use {folder}: {error.strerror}; {remedy(error)}") from error
