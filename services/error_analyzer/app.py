"""The wiring of error_analyzer."""

from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.error_analyzer.v1 import error_analyzer_pb2
from aiartist.error_analyzer.v1.error_analyzer_pb2_grpc import add_ErrorAnalyzerServiceServicer_to_server
from services.chassis.lifecycle import App
from services.chassis.notices import Notices
from services.error_analyzer.servicer import ErrorAnalyzerServicer
from services.error_analyzer.settings import Settings
from services.error_analyzer.teller import Teller


async def build(settings: Settings) -> App:
    """Opens everything; keeps nothing that must last, so that it is ready as soon as it listens."""
    app = App("error_analyzer", settings)
    async with app.building():
        artist_db = ArtistDbServiceStub(await app.channel(settings.artist_db_addr))
        notices = Notices(await app.channel(settings.notifier_addr))
        teller = Teller(notices)
        app.serve(
            ErrorAnalyzerServicer(artist_db, teller),
            add_ErrorAnalyzerServiceServicer_to_server,
            error_analyzer_pb2.DESCRIPTOR,
            port=settings.port,
            metrics_port=settings.metrics_port,
        )
        app.spawn("notices", notices.run())
        app.spawn("rests of floods", teller.run())
    return app
