"""The wiring of notifier."""

from aiartist.notifier.v1 import notifier_pb2
from aiartist.notifier.v1.notifier_pb2_grpc import add_NotifierServiceServicer_to_server
from services.chassis.database import Database
from services.chassis.lifecycle import App
from services.notifier.channel import Channel
from services.notifier.console import ConsoleChannel
from services.notifier.delivery import DeliveryWorker, Pace
from services.notifier.schema import SCHEMA, known_migrations
from services.notifier.servicer import Asking, NotifierServicer
from services.notifier.settings import Settings
from services.notifier.telegram.channel import habits_of, open_telegram


async def build(settings: Settings, *, channel: Channel | None = None) -> App:
    """Opens everything; SetupError where the database or a port can't be had.

    `channel` takes the place of the console.
    """
    app = App("notifier", settings)
    async with app.building():
        db = await app.enter(
            Database.open(
                settings.dsn(),
                schema=SCHEMA,
                migrations=known_migrations(),
                pool_size=settings.db_pool_size,
            )
        )
        on_telegram = settings.channel == "telegram"
        recipients = settings.telegram_chat_ids if on_telegram else ()
        asking = Asking(recipients, habits_of(settings).where, settings.notifier_remind_after_s)
        app.serve(
            NotifierServicer(db, asking),
            add_NotifierServiceServicer_to_server,
            notifier_pb2.DESCRIPTOR,
            port=settings.port,
            metrics_port=settings.metrics_port,
        )
        if on_telegram:
            await open_telegram(app, db, settings)
        else:
            console = DeliveryWorker(db, channel or ConsoleChannel(), pace(settings), app.closing)
            app.spawn("delivery", console.run())
        app.ready_when("database", db.ping)
    return app


def pace(settings: Settings) -> Pace:
    """The console's times, from the settings."""
    return Pace(
        poll_interval_s=settings.notifier_poll_interval_s,
        delivery_timeout_s=settings.notifier_delivery_timeout_s,
        retry_base_s=settings.notifier_retry_base_s,
        retry_max_s=settings.notifier_retry_max_s,
    )
