"""Film: the release service makes the videos of the take that was decided about."""

from aiartist.release.v1 import release_pb2, release_pb2_grpc
from services.scheduler.convert import decision_to_proto
from services.scheduler.domain import Done, Outcome, Run, RunState, StageName
from services.scheduler.stages import Report, decision_of
from services.scheduler.stages.streams import FILM_CALL_S, result_of


class Film:
    name = StageName.FILM
    state = RunState.RELEASING

    def __init__(self, release: release_pb2_grpc.ReleaseServiceStub) -> None:
        self._release = release

    async def run(self, run: Run, report: Report) -> Outcome:
        request = release_pb2.FilmTakeRequest(
            request_id=run.request_id,
            run_id=run.id,
            take_id=run.take_id,
            decision=decision_to_proto(decision_of(run)),
        )
        stream = self._release.FilmTake(request, timeout=FILM_CALL_S)
        film = (await result_of(stream, report)).film
        # The package finds the film by its take.
        return Done(message=", ".join(video.format for video in film.videos) or "no video")
