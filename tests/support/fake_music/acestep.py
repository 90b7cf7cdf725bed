"""ACE-Step 1.5's API server."""

import json
from typing import Any

from aiohttp import web

from tests.support.fake_music.server import FakeMusic, Task


def _wrapped(data: Any, *, code: int = 200, error: str | None = None) -> web.Response:
    return web.json_response(
        {"data": data, "code": code, "error": error, "timestamp": 1_700_000_000_000, "extra": None}
    )


class FakeAceStep(FakeMusic):
    """`ending` may also be `unknown`: all tasks are forgotten."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/release_task", self._release_task),
            web.post("/query_result", self._query_result),
            web.get("/v1/audio", self._audio),
            web.get("/health", self._health),
        ]

    async def _release_task(self, request: web.Request) -> web.StreamResponse:
        if self.refused(request):
            return web.json_response({"detail": "Invalid API key"}, status=401)
        body = await request.json()

        async def usual() -> web.StreamResponse:
            task = self.taken(body, request)
            return _wrapped({"task_id": task.id, "status": "queued", "queue_position": 1})

        return await self.scripted(self.submit, request, usual)

    async def _query_result(self, request: web.Request) -> web.StreamResponse:
        if self.refused(request):
            return web.json_response({"detail": "Invalid API key"}, status=401)
        body = await request.json()

        async def usual() -> web.StreamResponse:
            return _wrapped([self._told(task_id) for task_id in body["task_id_list"]])

        return await self.scripted(self.poll, request, usual)

    async def _audio(self, request: web.Request) -> web.StreamResponse:
        if self.refused(request):
            return web.json_response({"detail": "Invalid API key"}, status=401)
        return await self.send(request, request.query["path"].removeprefix("/tmp/api_audio/"))

    async def _health(self, request: web.Request) -> web.StreamResponse:
        return _wrapped({"status": "ok", "service": "ACE-Step API", "version": "1.0"})

    def _told(self, task_id: str) -> dict[str, Any]:
        task, over = self.asked(task_id)
        if task is None or self.ending == "unknown":
            return {"task_id": task_id, "result": "[]", "status": 0}
        if not over:
            results = [{"file": "", "wave": "", "status": 0, "stage": "running", "progress": 0.4}]
            return self._entry(task, 0, results)
        if self.ending == "failed":
            results = [{"file": "", "status": 2, "stage": "failed", "error": "CUDA out of memory"}]
            return self._entry(task, 2, results)
        names = [] if self.ending == "empty" else self.songs
        return self._entry(task, 1, [self._result(task, name) for name in names or [""]])

    @staticmethod
    def _entry(task: Task, status: int, results: list[dict[str, Any]]) -> dict[str, Any]:
        return {"task_id": task.id, "status": status, "result": json.dumps(results), "progress_text": ""}

    @staticmethod
    def _result(task: Task, name: str) -> dict[str, Any]:
        return {
            "file": f"/v1/audio?path=%2Ftmp%2Fapi_audio%2F{name}" if name else "",
            "wave": "",
            "status": 1,
            "create_time": 1_700_000_000,
            "env": "development",
            "prompt": task.body["prompt"],
            "lyrics": task.body["lyrics"],
            "metas": {"bpm": task.body.get("bpm"), "duration": task.body.get("audio_duration")},
            "generation_info": "",
            "seed_value": str(task.body["seed"]),
            "lm_model": "acestep-5Hz-lm-0.6B",
            "dit_model": "acestep-v15-turbo",
        }
