"""Asks models in one of four ways, with so many callers at once, and tells how long each call took.

A process of its own, so that neither the benchmark nor another contender weighs on it. Its one argument
is JSON: the ways by name. Each line of its input asks for one measurement, `{"way", "callers",
"seconds"}`, and each line of its output is the answer to it.
"""

import asyncio
import itertools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TextIO

import uvloop

from tests.bench.orchestrator_models import ANSWER

# Each way imports only what it needs: the memory of this process is one of the things measured.

CALL_TIMEOUT_S = 30.0
MAX_TOKENS = 256

Ask = Callable[[int, str], Awaitable[tuple[str, int]]]
"""Of a caller's number and its question: the answer, and how often a model failed before it."""


def sdk(told: Mapping[str, Any]) -> Ask:
    """`litellm.acompletion`, with the clients that it makes for itself."""
    import litellm

    async def ask(caller: int, question: str) -> tuple[str, int]:
        answer = await litellm.acompletion(
            model=told["model"],
            api_base=told["api_base"],
            api_key="none",
            messages=[{"role": "user", "content": question}],
            max_tokens=MAX_TOKENS,
        )
        return answer.choices[0].message.content or "", 0

    return ask


def router(told: Mapping[str, Any]) -> Ask:
    """litellm's Router: the first model of the list, with the others as its fallbacks."""
    from litellm.router import Router

    names = [model["model_name"] for model in told["models"]]
    fallbacks = [{names[0]: names[1:]}] if len(names) > 1 else []
    routes = Router(model_list=told["models"], fallbacks=fallbacks)

    async def ask(caller: int, question: str) -> tuple[str, int]:
        answer = await routes.acompletion(
            model=names[0], messages=[{"role": "user", "content": question}], max_tokens=MAX_TOKENS
        )
        return answer.choices[0].message.content or "", 0

    return ask


def proxy(told: Mapping[str, Any]) -> Ask:
    """The litellm proxy, over plain HTTP."""
    import httpx

    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    headers = {"authorization": f"Bearer {told['key']}"}
    client = httpx.AsyncClient(
        base_url=told["url"], headers=headers, limits=limits, timeout=CALL_TIMEOUT_S, trust_env=False
    )

    async def ask(caller: int, question: str) -> tuple[str, int]:
        answer = await client.post(
            "/v1/chat/completions",
            json={
                "model": told["model"],
                "messages": [{"role": "user", "content": question}],
                "max_tokens": MAX_TOKENS,
            },
        )
        return answer.raise_for_status().json()["choices"][0]["message"]["content"], 0

    return ask


def service(told: Mapping[str, Any]) -> Ask:
    """This platform's orchestrator, over gRPC. Each caller is a run of an artist of its own."""
    import grpc

    from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
    from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceStub

    stub = OrchestratorServiceStub(grpc.aio.insecure_channel(told["address"]))

    async def ask(caller: int, question: str) -> tuple[str, int]:
        request = pb.GenerateRequest(
            request_id=question,
            role=told["role"],
            messages=[pb.ChatMessage(role="user", content=question)],
            max_tokens=MAX_TOKENS,
            artist_id=f"art_{caller}",
            run_id=f"run_{caller}",
        )
        answer = await stub.Generate(request, timeout=CALL_TIMEOUT_S)
        return answer.text, sum(not attempt.skipped for attempt in answer.attempts[:-1])

    return ask


WAYS = {"sdk": sdk, "router": router, "proxy": proxy, "service": service}


class Caller:
    """Every way of this process, opened when it is first asked for."""

    def __init__(self, told: Mapping[str, Mapping[str, Any]]) -> None:
        self._told = told
        self._ways: dict[str, Ask] = {}
        self._numbers = itertools.count(1)

    async def measure(self, *, way: str, callers: int, seconds: float) -> dict[str, Any]:
        """`samples`: when each answered call began, how long it took, both in s, and the failures before."""
        told = self._told[way]
        if way not in self._ways:
            self._ways[way] = WAYS[told["kind"]](told)
        ask = self._ways[way]
        samples: list[tuple[float, float, int]] = []
        failed: Counter[str] = Counter()
        started = time.perf_counter()

        async def caller(number: int) -> None:
            while (began := time.perf_counter()) < started + seconds:
                question = f"Question {next(self._numbers)} of {os.getpid()}: one line about rain, please."
                try:
                    async with asyncio.timeout(CALL_TIMEOUT_S):
                        answer, failures = await ask(number, question)
                except Exception as error:  # noqa: BLE001 - each client has errors of its own
                    failed[type(error).__name__] += 1
                    continue
                if answer == ANSWER:
                    samples.append((began - started, time.perf_counter() - began, failures))
                else:
                    failed["another answer"] += 1

        await asyncio.gather(*map(caller, range(callers)))
        return {"elapsed": time.perf_counter() - started, "samples": samples, "failed": failed}


async def _serve(caller: Caller, answers: TextIO) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        answers.write(json.dumps(await caller.measure(**json.loads(line))) + "\n")
        answers.flush()


def main() -> None:
    # Libraries print to the standard output what they like: that goes to the log, with the errors.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(Caller(json.loads(sys.argv[1])), answers))


if __name__ == "__main__":
    main()
