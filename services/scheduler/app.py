"""The scheduler, wired."""

from aiartist.artist_db.v1 import artist_db_pb2_grpc
from aiartist.notifier.v1 import notifier_pb2_grpc
from aiartist.orchestrator.v1 import orchestrator_pb2_grpc
from aiartist.release.v1 import release_pb2_grpc
from aiartist.scheduler.v1 import scheduler_pb2, scheduler_pb2_grpc
from services.chassis.database import Database
from services.chassis.lifecycle import App
from services.chassis.metrics_sampling import keep_sampled
from services.scheduler.admission import Admission
from services.scheduler.announce import Announcer
from services.scheduler.clock import Clock
from services.scheduler.domain import Limits, Machine, Pipeline
from services.scheduler.driver import Driver
from services.scheduler.label_clock import LabelClock
from services.scheduler.metrics import Sampler
from services.scheduler.outcomes import Outcomes
from services.scheduler.queue import DRIVE, RunQueue, Worker
from services.scheduler.schema import SCHEMA, known_migrations
from services.scheduler.servicer import SchedulerServicer
from services.scheduler.settings import Settings
from services.scheduler.stages import Stages
from services.scheduler.stages.approve import Approve
from services.scheduler.stages.compose import Compose
from services.scheduler.stages.film import Film
from services.scheduler.stages.package import Package
from services.scheduler.stages.produce import Produce
from services.scheduler.stages.publish import Publish
from services.scheduler.stages.reflect import Reflect
from services.scheduler.store import Store
from services.scheduler.waiting import Bell


async def build(settings: Settings, stages: Stages | None = None) -> App:
    """Opens everything. `stages` stand in for the real ones in tests and benchmarks."""
    app = App("scheduler", settings)
    async with app.building():
        database = await app.enter(
            Database.open(
                settings.dsn(),
                schema=SCHEMA,
                migrations=known_migrations(),
                pool_size=settings.db_pool_size,
            )
        )
        artist_db = artist_db_pb2_grpc.ArtistDbServiceStub(await app.channel(settings.artist_db_addr))
        orchestrator = orchestrator_pb2_grpc.OrchestratorServiceStub(
            await app.channel(settings.orchestrator_addr)
        )
        release = release_pb2_grpc.ReleaseServiceStub(await app.channel(settings.release_addr))
        notifier = notifier_pb2_grpc.NotifierServiceStub(await app.channel(settings.notifier_addr))

        store = Store(database, RunQueue(), settings.scheduler_max_active_runs)
        over = Bell()
        outcomes = Outcomes(store, artist_db, over, app.closing)
        pipeline_stages = stages or (
            Compose(orchestrator),
            Produce(release),
            Approve(artist_db, notifier, now=store.now, ttl_s=settings.scheduler_approval_ttl_s),
            Film(release),
            Package(release),
            Publish(release, now=store.now),
            Reflect(orchestrator, record=outcomes.record),
        )
        pipeline = Pipeline([(stage.name, stage.state) for stage in pipeline_stages])
        machine = Machine(pipeline, _limits(settings))
        admission = Admission(store, app.closing)
        announcer = Announcer(store, notifier, over, app.closing)
        by_name = {stage.name: stage for stage in pipeline_stages}
        driver = Driver(store, machine, by_name, admission, over, closing=app.closing)
        clock = Clock(store, machine, admission, over, artist_db, app.closing, settings.restraint())
        label = LabelClock(store, artist_db, orchestrator, notifier, app.closing)
        worker = Worker(
            database,
            heartbeat_timeout_s=settings.scheduler_heartbeat_timeout_s,
            dequeue_timeout_s=settings.scheduler_dequeue_timeout_s,
        )
        worker.handle(DRIVE, driver.drive)

        app.spawn("worker", worker.run(app.closing))
        app.spawn("admission", admission.run())
        app.spawn("announcer", announcer.run(settings.scheduler_tick_s))
        app.spawn("outcomes", outcomes.run(settings.scheduler_tick_s))
        app.spawn("run clock", clock.tick_runs(settings.scheduler_tick_s))
        app.spawn("samples", keep_sampled(app.name, Sampler(database).sample, app.closing))
        app.spawn("cadence clock", clock.tick_cadence(settings.scheduler_cadence_tick_s))
        app.spawn("lives", label.tick_lives(settings.scheduler_label_tick_s))
        app.spawn("vacancies", label.tick_vacancies(settings.scheduler_label_tick_s))
        app.spawn("news", label.tick_news(settings.scheduler_label_tick_s))
        app.ready_when("database", store.ping)
        app.serve(
            SchedulerServicer(store, machine, admission, over, artist_db, app.closing),
            scheduler_pb2_grpc.add_SchedulerServiceServicer_to_server,
            scheduler_pb2.DESCRIPTOR,
            port=settings.port,
            metrics_port=settings.metrics_port,
        )
    return app


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_takes=settings.scheduler_max_takes,
        max_failures=settings.scheduler_max_failures,
        max_attempts=settings.scheduler_max_attempts,
        backoff_base_s=settings.scheduler_backoff_base_s,
        backoff_max_s=settings.scheduler_backoff_max_s,
        approval_ttl_s=settings.scheduler_approval_ttl_s,
        takes=settings.scheduler_takes,
    )
