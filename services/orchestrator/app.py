"""The wiring of the orchestrator."""

from aiartist.orchestrator.v1 import orchestrator_pb2
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import add_OrchestratorServiceServicer_to_server
from services.chassis.lifecycle import App
from services.chassis.notices import Notices
from services.orchestrator import metrics
from services.orchestrator.gateway.gateway import Gateway
from services.orchestrator.gateway.ledger import Ledger
from services.orchestrator.gateway.teller import Teller
from services.orchestrator.label import Label
from services.orchestrator.models.models_file import read_catalog
from services.orchestrator.reflection.past import Past
from services.orchestrator.reflection.reflector import Reflector
from services.orchestrator.scouting.scout import Scout
from services.orchestrator.servicer import OrchestratorServicer
from services.orchestrator.settings import Settings
from services.orchestrator.song.composer import Composer
from services.orchestrator.song.large import ROLE
from services.orchestrator.songs import Studio
from services.orchestrator.trends.trends import Trends
from services.orchestrator.upstream import Upstreams


async def build(settings: Settings) -> App:
    """Reads the models file and binds the server; SetupError where one of the two fails."""
    app = App("orchestrator", settings)
    async with app.building():
        catalog = read_catalog(settings)
        metrics.initialise(catalog)
        upstream = Upstreams(catalog)
        app.on_close(upstream.close)
        artist_db = await app.channel(settings.artist_db_addr)
        notices = Notices(await app.channel(settings.notifier_addr))
        teller = Teller(notices)
        ledger = Ledger(artist_db, teller, lease_s=settings.orchestrator_lease_s)
        app.on_close(ledger.close)
        gateway = Gateway(catalog, upstream, ledger, teller)
        app.on_close(gateway.close)
        metrics.watch(catalog, gateway.gate)
        songwriter = catalog.roles.get(ROLE)
        composer = Composer(gateway, catalog.ranked(songwriter) if songwriter else [])
        label, trends = Label(artist_db), Trends(artist_db, settings)
        app.on_close(trends.close)
        studio = Studio(composer, label, trends)
        app.on_close(studio.close)
        scout = Scout(gateway, label)
        app.on_close(scout.close)
        app.serve(
            OrchestratorServicer(gateway, studio, Reflector(gateway, Past(artist_db)), scout),
            add_OrchestratorServiceServicer_to_server,
            orchestrator_pb2.DESCRIPTOR,
            port=settings.port,
            metrics_port=settings.metrics_port,
        )
        app.spawn("leases of calls", ledger.renew())
        app.spawn("notices", notices.run())
        app.spawn("charts", trends.run())
        if upstream.litellm is not None:
            # Calls wait for the import by themselves; readiness does not.
            app.spawn("import of litellm", upstream.litellm.watch_import())
    return app
