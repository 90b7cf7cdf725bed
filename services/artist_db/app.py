"""The wiring of artist_db."""

from aiartist.artist_db.v1 import artist_db_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import add_ArtistDbServiceServicer_to_server
from services.artist_db.metrics import Sampler
from services.artist_db.schema import SCHEMA, known_migrations
from services.artist_db.servicer import ArtistDbServicer
from services.artist_db.settings import Settings
from services.chassis.database import Database
from services.chassis.lifecycle import App
from services.chassis.metrics_sampling import keep_sampled

HOLD_CONNECTIONS = 4
"""The statements are short, and all of a day's meet at the same row."""


async def build(settings: Settings) -> App:
    """Opens the pool and binds the server; SetupError where one of the two can't be had."""
    app = App("artist_db", settings)
    async with app.building():
        db = await app.enter(
            Database.open(
                settings.dsn(),
                schema=SCHEMA,
                migrations=known_migrations(),
                pool_size=settings.db_pool_size,
            )
        )
        # A hold need not outlive a crash of PostgreSQL: its call is booked when it is recorded.
        holds = await app.enter(
            Database.open(settings.dsn(), schema=SCHEMA, pool_size=HOLD_CONNECTIONS, durable=False)
        )
        limits = settings.budget_limits()
        app.serve(
            ArtistDbServicer(
                db,
                holds,
                limits,
                settings.code_prefixes(),
                change_rules=settings.change_rules(),
                rules=settings.life_rules(),
                roster=settings.roster(),
            ),
            add_ArtistDbServiceServicer_to_server,
            artist_db_pb2.DESCRIPTOR,
            port=settings.port,
            metrics_port=settings.metrics_port,
        )
        app.spawn("samples", keep_sampled(app.name, Sampler(db, limits).sample, app.closing))
        app.ready_when("database", db.ping)
    return app
