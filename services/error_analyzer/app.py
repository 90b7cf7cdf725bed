"""The wiring of error_analyzer."""

from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.error_analyzer.v1 import error_analyzer_pb2
from aiartist.error_analyzer.v1.error_analyzer_pb2_grpc import add_ErrorAnalyzerServiceServicer_to_server
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceStub
from services.chassis.lifecycle import App
from services.chassis.notices import Notices
from services.error_analyzer.diagnosis import Analyst, Engineer, SourceReader, rules_for
from services.error_analyzer.grouping import Grouper
from services.error_analyzer.intake.alerts import alerts_endpoint
from services.error_analyzer.intake.tailer import tailer_of
from services.error_analyzer.news import News
from services.error_analyzer.repair.rules import TEXT as RULES
from services.error_analyzer.repairs import Repairs, repairs_of
from services.error_analyzer.servicer import ErrorAnalyzerServicer
from services.error_analyzer.settings import Settings
from services.error_analyzer.setup import Limits
from services.error_analyzer.teller import Teller
from services.error_analyzer.work import Desk, Policy, Worker, lanes


async def build(settings: Settings) -> App:
    """Opens everything; keeps nothing that must last but the places in log files."""
    app = App("error_analyzer", settings)
    async with app.building():
        artist_db = ArtistDbServiceStub(await app.channel(settings.artist_db_addr))
        models = OrchestratorServiceStub(await app.channel(settings.orchestrator_addr))
        notices = Notices(await app.channel(settings.notifier_addr))
        repairs = await app.enter(repairs_of(settings))

        news, teller, limits = News(), Teller(notices), Limits.of(settings)
        servicer = ErrorAnalyzerServicer(
            artist_db,
            teller,
            Grouper(artist_db, settle_s=settings.auto_fix_settle_s),
            repairs,
            limits,
            app.closing,
            news,
        )
        worker = Worker(artist_db, limits=limits, news=news, closing=app.closing)
        source = SourceReader(settings.auto_fix_repository) if settings.auto_fix_repository else None
        desk = Desk(
            Analyst(models, source, tokens=settings.analysis_tokens),
            Engineer(models, source, tokens=settings.analysis_tokens, rules=_rules(settings)),
            repairs.workshop,
            teller,
            _policy(settings, repairs),
            worker.note,
        )

        await app.enter(alerts_endpoint(settings, servicer.ingest))
        if settings.log_files:
            app.spawn("log files", tailer_of(settings, servicer.ingest).run(app.closing))
        for lane in lanes(
            desk,
            analyses=settings.error_analysis,
            repairs=repairs.workshop is not None,
            applies=repairs.effective_mode == "apply",
        ):
            app.spawn(lane.name, worker.run(lane))
        app.spawn("notices", notices.run())
        app.spawn("rests of floods", teller.run())
        app.serve(
            servicer,
            add_ErrorAnalyzerServiceServicer_to_server,
            error_analyzer_pb2.DESCRIPTOR,
            port=settings.port,
            metrics_port=settings.metrics_port,
        )
    return app


def _rules(settings: Settings) -> str:
    of_this_repository = rules_for(
        paths=settings.auto_fix_paths,
        tests=settings.auto_fix_tests,
        max_files=settings.auto_fix_max_files,
        max_lines=settings.auto_fix_max_lines,
    )
    return f"{of_this_repository}\n{RULES}".rstrip()


def _policy(settings: Settings, repairs: Repairs) -> Policy:
    return Policy(
        mode=repairs.effective_mode,
        tries=settings.fix_tries,
        classes=settings.auto_fix_classes,
        watch_s=settings.auto_fix_watch_s,
        rise=settings.auto_fix_rise,
    )
