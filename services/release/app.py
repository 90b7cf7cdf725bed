"""The release service's wiring."""

import asyncio
from functools import partial

from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceStub
from aiartist.release.v1 import release_pb2
from aiartist.release.v1.release_pb2_grpc import add_ReleaseServiceServicer_to_server
from services.chassis.errors import SetupError
from services.chassis.lifecycle import App
from services.chassis.notices import Notices
from services.release.artifacts import ArtifactStore
from services.release.catalogue import Catalogue
from services.release.errors import remedy
from services.release.films import FilmMaker, FilmRecords
from services.release.flights import Flights
from services.release.illustrator import Illustrator
from services.release.jobs import STUDIO, warm_up
from services.release.music.soundfont.layout import check as check_soundfont
from services.release.package.imprint import Imprint
from services.release.pool import WorkerPool
from services.release.providers.shelf import MusicProviders, open_desk
from services.release.records import Records
from services.release.releases import Packager, Verifier
from services.release.servicer import ReleaseServicer
from services.release.settings import Settings, forget_empty_cloud_variables
from services.release.takes import TakeProducer
from services.release.targets.configured import open_targets
from services.release.targets.publisher import Publisher
from services.release.video import ffmpeg
from services.release.video.pexels import clips_of
from services.release.workspace import sweep


async def build(settings: Settings, studio: str = STUDIO) -> App:
    """Opens everything; the workers warm up in the background. SetupError says what is in the way."""
    app = App("release", settings)
    async with app.building():
        _prepare_folders(settings)
        forget_empty_cloud_variables()
        store = ArtifactStore.open(settings.artifact_store_url)
        artist_db = ArtistDbServiceStub(await app.channel(settings.artist_db_addr))
        records = Records(artist_db)
        films = FilmRecords(artist_db)
        if settings.release_video:
            await asyncio.to_thread(ffmpeg.check)
        await asyncio.to_thread(check_soundfont, settings.music_soundfont)
        notices = Notices(await app.channel(settings.notifier_addr))
        desk = open_desk(settings, artist_db, notices)
        # Closed after the work that asks it.
        app.on_close(desk.close)
        pool = await app.enter(WorkerPool.open(settings.release_workers, partial(warm_up, studio)))
        flights = await app.enter(Flights.open())
        illustrator = Illustrator(OrchestratorServiceStub(await app.channel(settings.orchestrator_addr)))
        scratch = settings.scratch_dir
        servicer = ReleaseServicer(
            flights,
            TakeProducer(
                records,
                desk,
                Catalogue(artist_db),
                illustrator,
                store,
                pool,
                scratch,
                studio,
                settings.music_soundfont,
            ),
            FilmMaker(
                records,
                films,
                store,
                pool,
                scratch,
                settings.release_video,
                settings.label_name,
                clips_of(settings, films),
            ),
            Packager(records, films, store, pool, scratch, _imprint(settings)),
            Publisher(
                records,
                store,
                open_targets(settings, pool),
                scratch,
                most_a_week=settings.releases_per_week,
            ),
            Verifier(records, store, pool, scratch),
            store,
            MusicProviders(settings, desk),
        )
        app.spawn("notices", notices.run())
        app.serve(
            servicer,
            add_ReleaseServiceServicer_to_server,
            release_pb2.DESCRIPTOR,
            port=settings.port,
            metrics_port=settings.metrics_port,
        )
        app.ready_when("artifact store", store.probe)
    return app


def _imprint(settings: Settings) -> Imprint:
    return Imprint(
        label=settings.label_name,
        ddex_version=settings.ddex_version,
        ddex_sender=settings.ddex_sender,
        ddex_recipient=settings.ddex_recipient,
        ddex_recipient_name=settings.ddex_recipient_name,
    )


def _prepare_folders(settings: Settings) -> None:
    folders = {"AIARTIST_DATA_DIR": settings.scratch_dir}
    if "folder" in settings.release_targets:
        folders["AIARTIST_RELEASE_CATALOG_DIR"] = settings.catalog_dir
    for name, folder in folders.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            sweep(folder)
        except OSError as error:
            raise SetupError(f"{name}: cannot use {folder}: {error.strerror}; {remedy(error)}") from error
