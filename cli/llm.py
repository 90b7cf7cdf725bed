"""`aiartist llm ...`: the models, and a question to them."""

import asyncio
import time
from collections.abc import AsyncIterable
from typing import Annotated

import grpc
import typer

from aiartist.orchestrator.v1 import orchestrator_pb2 as orch
from cli import finding
from cli.failures import Failure
from cli.models_view import attempt_line, models_table, roles_table, troubles
from cli.output import Output, complain, note
from cli.session import Session, execute, new_request_id
from cli.texts import amount, plain, printable

app = typer.Typer(no_args_is_help=True, help="The models: which can be called, and what they answer.")

ANSWER_S = 900.0
"""How long an answer may take, over all models of the list."""
MAX_TOKENS = 32_768


@app.command("status", epilog="Example: aiartist llm status --json")
def status(ctx: typer.Context) -> None:
    """Show the models, whether they can be called, and who asks which.

    Each replica of the orchestrator has breakers of its own: of several, this shows the one that was reached.
    """
    execute(ctx, _status)


async def _status(session: Session) -> None:
    service, output = session.orchestrator, session.output
    request = orch.ListModelsRequest()
    found = await service.answer(service.stub.ListModels(request, timeout=session.timeout))
    if output.json:
        output.document(found)
        return
    if not found.models:
        output.say("no models are configured")
        return
    output.show(models_table(found, now=time.time()))
    output.say("")
    if lines := troubles(found):
        for line in lines:
            output.say(line)
        output.say("")
    output.show(roles_table(found))


@app.command("ask", epilog="Example: aiartist llm ask songwriter 'Name three words that rhyme with rain.'")
def ask(
    ctx: typer.Context,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="As what to ask; see status.")],
    text: Annotated[list[str], typer.Argument(metavar="TEXT", help="The question.")],
    stream: Annotated[
        bool | None,
        typer.Option(
            "--stream/--no-stream",
            help="Print the text as it comes, or when it is whole; default: as it comes on a terminal.",
        ),
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, max=MAX_TOKENS, help="Longest answer.")] = 1_024,
    artist: Annotated[str, typer.Option(help="For whose account, by name or id.")] = "",
    run: Annotated[str, typer.Option(help="For which run's account; the beginning of its id will do.")] = "",
) -> None:
    """Ask the models of a role once; it is paid for and recorded like any call.

    The answer is on standard output, what it took on standard error. Ctrl-C stops the call.
    """

    async def work(session: Session) -> None:
        question = orch.GenerateRequest(
            request_id=new_request_id(),
            role=role,
            messages=[orch.ChatMessage(role="user", content=" ".join(text))],
            max_tokens=max_tokens,
            artist_id=(await finding.artist(session, artist)).id if artist else "",
            run_id=await finding.run_id(session, run) if run else "",
        )
        live = session.output.console.is_terminal if stream is None else stream
        await _ask(session, question, live=live and not session.output.json)

    execute(ctx, work)


async def _ask(session: Session, question: orch.GenerateRequest, *, live: bool) -> None:
    service, output = session.orchestrator, session.output
    page = _Page(output, live=live)
    call = service.stub.GenerateStream(orch.GenerateStreamRequest(question=question), timeout=ANSWER_S)
    try:
        answer = await service.answer(_read(call, page))
    except asyncio.CancelledError:
        # Nothing but Ctrl-C cancels a command.
        page.end_line()
        complain("stopped asking")
        raise
    finally:
        page.end_line()
        call.cancel()
    if output.json:
        output.document(answer)
        return
    page.whole(answer.text)
    note(*(attempt_line(attempt) for attempt in answer.attempts), _bill(answer))


async def _read(call: AsyncIterable[orch.GenerateStreamResponse], page: "_Page") -> orch.GenerateResponse:
    answer = None
    try:
        async for message in call:
            match message.WhichOneof("update"):
                case "text":
                    page.add(message.text)
                case "restart":
                    page.begin_anew(message.restart)
                case "answer":
                    answer = message.answer
    except grpc.aio.AioRpcError:
        # An answer that has arrived counts, however the stream ends after it.
        if answer is None:
            raise
    if answer is None:
        raise Failure("the orchestrator ended without an answer", "ask again")
    return answer


class _Page:
    """Standard output while an answer comes in."""

    def __init__(self, output: Output, *, live: bool) -> None:
        self._output = output
        self._live = live
        self._has_text = False
        self._within_line = False

    def add(self, text: str) -> None:
        """More of the answer."""
        if self._live and text:
            self._output.write(printable(text))
            self._has_text = True
            self._within_line = not text.endswith("\n")

    def begin_anew(self, restart: orch.Restart) -> None:
        """What was printed is void."""
        self.end_line()
        self._has_text = False
        if not self._output.json:
            model, outcome = plain(restart.model), plain(restart.outcome)
            note(f"{model} failed: {outcome}; the next model begins anew")

    def whole(self, text: str) -> None:
        """The answer where none of it was printed as it came."""
        if not self._has_text:
            self._output.write(printable(text))
            self._within_line = not text.endswith("\n")
        self.end_line()

    def end_line(self) -> None:
        """What follows begins on a line of its own."""
        if self._within_line:
            self._output.write("\n")
            self._within_line = False


def _bill(answer: orch.GenerateResponse) -> str:
    tokens = f"{answer.prompt_tokens:,} tokens in, {answer.completion_tokens:,} out"
    cost = f"cost {amount(answer.cost_micro_usd)}, {tokens}"
    return f"recorded before, nothing was called; it {cost}" if answer.replayed else cost
