"""A service that resells Suno over REST."""

from typing import Any

from aiohttp import web

from tests.support.fake_music.server import FakeMusic


def _wrapped(data: Any, *, code: int = 200, message: str = "success") -> web.Response:
    return web.json_response({"code": code, "msg": message, "data": data})


class FakeSuno(FakeMusic):
    """`ending` may also be `sensitive`, `callback` (its calls back fail), `unknown` (tasks are forgotten)."""

    key = "key-of-a-suno-account"

    def __init__(self) -> None:
        super().__init__()
        self.refusal: tuple[int, str] | None = None
        """Code and message that orders are refused with, under HTTP 200."""
        self.credits = 100
        self.addresses: dict[str, str] = {}
        """Song -> where it is told to be, in place of here."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/v1/generate", self._generate),
            web.get("/api/v1/generate/record-info", self._record_info),
            web.get("/api/v1/generate/credit", self._credit),
            web.get("/files/{name}", self._file),
        ]

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        if self.refused(request):
            return _wrapped(None, code=401, message="You do not have access permissions")
        body = await request.json()

        async def usual() -> web.StreamResponse:
            if self.refusal is not None:
                return _wrapped(None, code=self.refusal[0], message=self.refusal[1])
            if "callBackUrl" not in body:
                return _wrapped(None, code=422, message="Please enter callBackUrl")
            return _wrapped({"taskId": self.taken(body, request).id})

        return await self.scripted(self.submit, request, usual)

    async def _record_info(self, request: web.Request) -> web.StreamResponse:
        async def usual() -> web.StreamResponse:
            return self._told(request.query["taskId"])

        return await self.scripted(self.poll, request, usual)

    async def _credit(self, request: web.Request) -> web.StreamResponse:
        if self.refused(request):
            return _wrapped(None, code=401, message="You do not have access permissions")
        return _wrapped(self.credits)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return await self.send(request, request.match_info["name"])

    def _told(self, task_id: str) -> web.Response:
        task, over = self.asked(task_id)
        if task is None or self.ending == "unknown":
            return _wrapped(None)
        data: dict[str, Any] = {
            "taskId": task.id,
            "type": "GENERATE",
            "errorCode": None,
            "errorMessage": None,
        }
        if not over:
            return _wrapped({**data, "status": "TEXT_SUCCESS", "response": None})
        if self.ending == "failed":
            return _wrapped({**data, "status": "GENERATE_AUDIO_FAILED", "errorMessage": "overloaded"})
        if self.ending == "sensitive":
            return _wrapped({**data, "status": "SENSITIVE_WORD_ERROR", "errorMessage": "a word"})
        status = "CALLBACK_EXCEPTION" if self.ending == "callback" else "SUCCESS"
        songs = [self._song(name, task.body) for name in self.songs]
        return _wrapped({**data, "status": status, "response": {"taskId": task.id, "sunoData": songs}})

    def _song(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        here = self.addresses.get(name, f"{self.url}/files/{name}")
        return {
            "id": f"id-{name}",
            "audioUrl": "" if self.ending == "empty" else here,
            "streamAudioUrl": "",
            "imageUrl": "",
            "prompt": body.get("prompt", ""),
            "modelName": "chirp-v5",
            "title": body["title"],
            "tags": body["style"],
            "duration": 24.0,
        }
