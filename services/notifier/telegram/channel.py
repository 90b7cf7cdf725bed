"""The Telegram channel, wired: who sends, who fetches, who works off what was done."""

import asyncio

from grpc_health.v1.health_pb2_grpc import HealthStub

from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.error_analyzer.v1.error_analyzer_pb2_grpc import ErrorAnalyzerServiceStub
from aiartist.release.v1.release_pb2_grpc import ReleaseServiceStub
from aiartist.scheduler.v1.scheduler_pb2_grpc import SchedulerServiceStub
from services.chassis.database import DATABASE_TROUBLE, Database
from services.chassis.lifecycle import App
from services.chassis.logs import get_logger
from services.notifier.hints import pause
from services.notifier.hours import zone
from services.notifier.panel.panel import COMMANDS, Panel
from services.notifier.peers import Peers
from services.notifier.reminders import Reminders
from services.notifier.settings import Settings
from services.notifier.store import deliveries
from services.notifier.telegram.api import BotApi
from services.notifier.telegram.decisions import Decisions
from services.notifier.telegram.handler import Handler
from services.notifier.telegram.inbox import Inbox
from services.notifier.telegram.outbox import Outbox, Rhythm
from services.notifier.telegram.poller import Poller
from services.notifier.telegram.sender import Sender
from services.notifier.telegram.trouble import Trouble
from services.notifier.telegram.webhook import Webhook, announce, path_of
from services.notifier.telegram.writer import Habits, Writer

_LOOK_FOR_REMINDERS_S = 10.0
_REGISTER_AGAIN_S = 30.0
_log = get_logger("notifier.telegram")


async def open_telegram(app: App, db: Database, settings: Settings) -> None:
    """Opens all of it and lets the service run it."""
    assert settings.telegram_token is not None, "the channel is chosen by the token"
    token = settings.telegram_token.get_secret_value()
    api = await app.enter(
        BotApi.open(token, settings.telegram_api_base, timeout_s=settings.telegram_timeout_s)
    )
    channels = {
        name: await app.channel(getattr(settings, f"{name}_addr"))
        for name in ("scheduler", "artist_db", "orchestrator", "release", "error_analyzer")
    }
    peers = Peers(
        SchedulerServiceStub(channels["scheduler"]),
        ArtistDbServiceStub(channels["artist_db"]),
        ReleaseServiceStub(channels["release"]),
        ErrorAnalyzerServiceStub(channels["error_analyzer"]),
        {name: HealthStub(channel) for name, channel in channels.items()},
    )
    habits = habits_of(settings)
    writer = Writer(peers, habits)
    handler = Handler(api, settings.telegram_people, Decisions(peers, writer, habits), Panel(peers, habits))
    every_s, closing = settings.notifier_poll_interval_s, app.closing
    inbox = Inbox(db, api, handler, bot_id=token.partition(":")[0], every_s=every_s, closing=closing)
    outbox = Outbox(api, writer, peers, settings.telegram_chat_ids, _rhythm(settings))
    # Longer than the longest call, which brings a file: then the process hangs.
    frozen_s = round(3 * settings.telegram_timeout_s) + 30
    sender = Sender(
        db, outbox, settings.telegram_chat_ids, every_s=every_s, frozen_s=frozen_s, closing=closing
    )
    reminders = Reminders(
        db, habits, settings.telegram_chat_ids, every_s=settings.notifier_remind_every_s, closing=closing
    )
    _warn_of_gaps(settings)
    app.spawn("addressing", _address(db, settings.telegram_chat_ids, closing))
    app.spawn("sender", sender.run())
    app.spawn("inbox", inbox.run())
    app.spawn("reminders", reminders.run(min(_LOOK_FOR_REMINDERS_S, every_s)))
    app.spawn("commands", _register_commands(api, closing))
    if settings.telegram_webhook_url is None:
        poller = Poller(db, api, wait_s=settings.telegram_poll_timeout_s, closing=closing)
        app.spawn("poller", poller.run())
        return
    assert settings.telegram_webhook_secret is not None, "the settings refuse a webhook without it"
    url, secret = settings.telegram_webhook_url, settings.telegram_webhook_secret.get_secret_value()
    webhook = Webhook(db, secret)
    await app.enter(webhook.serving(settings.host, settings.telegram_webhook_port, path_of(url)))
    app.spawn("webhook", announce(db, api, url, secret, closing))


def habits_of(settings: Settings) -> Habits:
    """How the owner wants to be spoken to."""
    return Habits(zone(settings.notifier_time_zone), settings.notifier_quiet_hours)


def _rhythm(settings: Settings) -> Rhythm:
    return Rhythm(
        retry_base_s=settings.notifier_retry_base_s,
        retry_max_s=settings.notifier_retry_max_s,
        chat_interval_s=settings.telegram_chat_interval_s,
        digest_from=settings.notifier_digest_from,
    )


def _warn_of_gaps(settings: Settings) -> None:
    """Settings with which the service runs, but not as anybody can want it."""
    if not settings.telegram_chat_ids:
        _log.warning(
            "nobody is told anything: AIARTIST_TELEGRAM_CHAT_IDS is empty",
            remedy="write to the bot: it answers with the ids to set",
        )
    if not settings.telegram_people.by_id:
        _log.warning(
            "nobody may decide: AIARTIST_TELEGRAM_PEOPLE is empty",
            remedy="write to the bot: it answers with your user id; set AIARTIST_TELEGRAM_PEOPLE=ID:operator",
        )


async def _register_commands(api: BotApi, closing: asyncio.Event) -> None:
    """Tells Telegram which commands there are, until it has heard; nothing waits for that."""
    while not closing.is_set():
        try:
            await api.set_commands(COMMANDS)
        except Trouble as trouble:
            _log.info("the commands are not registered yet", detail=str(trouble))
            await pause(closing, timeout_s=_REGISTER_AGAIN_S)
        else:
            return


async def _address(db: Database, recipients: tuple[int, ...], closing: asyncio.Event) -> None:
    """What waits from before, under whatever settings, goes to today's chats."""
    while recipients and not closing.is_set():
        try:
            async with db.transaction() as connection:
                await deliveries.address_all_undelivered(connection, recipients)
                await deliveries.hint(connection)
        except DATABASE_TROUBLE as error:
            _log.warning("what waits from before is not addressed yet", detail=type(error).__name__)
            await pause(closing, timeout_s=2.0)
        else:
            return
