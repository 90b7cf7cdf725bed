"""`/control/...`: the side of the tests over HTTP, on a port that stays open while Telegram is down.

Bodies and answers are JSON. Errors are `{"error"}`: 404 for what is not there, be it a message or a button,
408 where a wait ended without what it waited for, 400 for what is not understood.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, Self

from aiohttp import web

from tests.support.fake_telegram.behaviours import Failure
from tests.support.fake_telegram.people import message_record
from tests.support.fake_telegram.records import Message
from tests.support.fake_telegram.server import FakeTelegram

Told = Mapping[str, Any]
Action = Callable[[Told], Awaitable[object]]


class ControlServer:
    """Each route is a method below, told by its docstring."""

    def __init__(self, fake: FakeTelegram, port: int = 0) -> None:
        self._fake = fake
        self._port = port
        app = web.Application()
        app.router.add_post("/control/{action}", self._handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
        self._actions: dict[str, Action] = {
            "answer": self._answer,
            "block": self._block,
            "chat": self._chat,
            "down": self._down,
            "fail": self._fail,
            "failures": self._failures,
            "limits": self._limits,
            "mend": self._mend,
            "messages": self._messages,
            "person": self._person,
            "press": self._press,
            "press_raw": self._press_raw,
            "redeliver": self._redeliver,
            "release": self._release,
            "say": self._say,
            "stats": self._stats,
            "until_held": self._until_held,
            "up": self._up,
            "wait_for": self._wait_for,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/control"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        action = self._actions.get(request.match_info["action"])
        if action is None:
            return web.json_response({"error": "no such action"}, status=404)
        try:
            return web.json_response(await action(json.loads(await request.text() or "{}")))
        except TimeoutError as error:
            return web.json_response({"error": str(error)}, status=408)
        except KeyError as error:
            return web.json_response({"error": f"{error} is missing"}, status=400)
        except LookupError as error:
            return web.json_response({"error": str(error)}, status=404)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)

    async def _stats(self, told: Told) -> object:
        """`POST /control/stats`"""
        return self._fake.stats()

    async def _person(self, told: Told) -> object:
        """`POST /control/person {id, first_name?, username?}`"""
        return asdict(self._fake.person(told["id"], told.get("first_name", ""), told.get("username", "")))

    async def _chat(self, told: Told) -> object:
        """`POST /control/chat {id, type?, title?}`"""
        return asdict(self._fake.chat(told["id"], told.get("type"), told.get("title", "")))

    async def _block(self, told: Told) -> object:
        """`POST /control/block {person, blocked?}`"""
        (self._fake.block if told.get("blocked", True) else self._fake.unblock)(told["person"])
        return {}

    async def _say(self, told: Told) -> object:
        """`POST /control/say {person, chat, text, reply_to?}`"""
        message = await self._fake.say(told["person"], told["chat"], told["text"], told.get("reply_to"))
        return message_record(message)

    async def _press(self, told: Told) -> object:
        """`POST /control/press {person, chat, message_id, button}`"""
        query_id = await self._fake.press(told["person"], told["chat"], told["message_id"], told["button"])
        return {"query_id": query_id}

    async def _press_raw(self, told: Told) -> object:
        """`POST /control/press_raw {person, data, chat, message_id?, from_chat?, forwarded?}`"""
        message = None
        if told.get("message_id"):
            message = self._known(told.get("from_chat", told["chat"]), told["message_id"])
        query_id = await self._fake.press_raw(
            told["person"],
            told["data"],
            chat=told["chat"],
            message=message,
            forwarded=told.get("forwarded", False),
        )
        return {"query_id": query_id}

    async def _answer(self, told: Told) -> object:
        """`POST /control/answer {query_id, timeout?}`"""
        return asdict(await self._fake.answer_of(told["query_id"], told.get("timeout", 10)))

    async def _redeliver(self, told: Told) -> object:
        """`POST /control/redeliver {query_id}` or `{chat, message_id}`"""
        what = told["query_id"] if "query_id" in told else self._known(told["chat"], told["message_id"])
        await self._fake.redeliver(what)
        return {}

    async def _messages(self, told: Told) -> object:
        """`POST /control/messages {chat}`"""
        return [message_record(message) for message in self._fake.messages(told["chat"])]

    async def _wait_for(self, told: Told) -> object:
        """`POST /control/wait_for {chat, contains?, lacks?, button?, min_edits?, after?, timeout?}`

        `contains` and `lacks` are of the text or caption, `after` is a message's order.
        """

        def fulfils(message: Message) -> bool:
            return (
                told.get("contains", "") in message.words
                and ("lacks" not in told or told["lacks"] not in message.words)
                and ("button" not in told or told["button"] in message.labels)
                and message.edits >= told.get("min_edits", 0)
                and message.order > told.get("after", 0)
                and message.from_bot
            )

        return message_record(await self._fake.wait_for(told["chat"], fulfils, told.get("timeout", 10)))

    async def _fail(self, told: Told) -> object:
        """`POST /control/fail {method, behaviour, times?}`; `slow` without seconds holds until released."""
        self._fake.fail(told["method"], told["behaviour"], told.get("times"))
        return {"failure": len(self._fake.failures) - 1}

    async def _failures(self, told: Told) -> object:
        """`POST /control/failures`"""
        return [
            {"failure": number, "method": failure.method, "met": failure.met, "held": failure.held}
            for number, failure in enumerate(self._fake.failures)
        ]

    async def _until_held(self, told: Told) -> object:
        """`POST /control/until_held {failure, calls?, timeout?}`: until so many calls wait in it."""
        failure = self._failure(told)
        calls = told.get("calls", 1)
        await self._fake.until(lambda: failure.held >= calls, told.get("timeout", 10))
        return {"held": failure.held}

    async def _release(self, told: Told) -> object:
        """`POST /control/release {failure}`"""
        self._failure(told).release()
        return {}

    async def _mend(self, told: Told) -> object:
        """`POST /control/mend`"""
        self._fake.mend()
        return {}

    async def _limits(self, told: Told) -> object:
        """`POST /control/limits {per_chat_per_s?, per_group_per_min?, all_per_s?}`"""
        self._fake.limits(**told)
        return {}

    async def _down(self, told: Told) -> object:
        """`POST /control/down`"""
        await self._fake.down()
        return {}

    async def _up(self, told: Told) -> object:
        """`POST /control/up`"""
        await self._fake.up()
        return {}

    def _known(self, chat: int, message_id: int) -> Message:
        for message in (*self._fake.messages(chat), *self._fake.deleted(chat)):
            if message.message_id == message_id:
                return message
        raise LookupError(f"there was never a message {message_id} in chat {chat}")

    def _failure(self, told: Told) -> Failure:
        return self._fake.failures[told["failure"]]
