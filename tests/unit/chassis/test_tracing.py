"""How a trace is written and read, and that without an endpoint there is none of it."""

import subprocess
import sys
from itertools import pairwise

import pytest

from services.chassis import tracing
from services.chassis.errors import SetupError
from services.chassis.layers import standard_layers
from services.chassis.settings import ChassisSettings
from services.chassis.tracing import TraceContext
from tests.support.processes import REPO, clean_environment

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WHY_THERE = {
    ("log context", "tracing"): "the log's context is made anew, and the trace's ids come into it",
    ("tracing", "metrics"): "a span takes as long as the call, what is told of it included",
}


class Nobody:
    """A tracer that nobody asks."""

    def start(self, *_what: object, **_more: object) -> tracing.LiveSpan:
        raise AssertionError("no call is served")


def test_traces_stand_just_inside_the_logs_context() -> None:
    names = [layer.name for layer in standard_layers("echo", {}, 1, Nobody())]
    assert list(pairwise(names))[:2] == list(WHY_THERE)
    assert [name for name in names if name != "tracing"] == [
        layer.name for layer in standard_layers("echo", {}, 1)
    ]


@pytest.mark.parametrize("flags", ["00", "01", "02", "03"])
def test_a_parent_is_written_as_it_was_read(flags: str) -> None:
    context = TraceContext.parse(PARENT[:-2] + flags)
    assert context is not None
    assert context.traceparent == PARENT[:-2] + flags
    assert context.sampled is (flags in ("01", "03"))


def test_a_parent_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    context = TraceContext.parse(f"cc-{PARENT[3:-2]}ff-what-the-future-will-be-like")
    assert context is not None
    assert context.traceparent == f"{PARENT[:-2]}03"


@pytest.mark.parametrize(
    "garbage",
    [
        None,
        "",
        "garbage",
        PARENT.upper(),
        PARENT[:-1],
        f"{PARENT}-more",
        f" {PARENT}",
        f"ff{PARENT[2:]}",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
        PARENT.replace("0af7", "0ag7"),
    ],
)
def test_what_is_no_parent_is_none(garbage: str | None) -> None:
    assert TraceContext.parse(garbage) is None


def test_the_state_of_a_trace_is_kept_up_to_what_is_usual() -> None:
    context = TraceContext.parse(PARENT, "v=" + "x" * 2_000)
    assert context is not None
    assert len(context.state) == 512


def test_without_an_endpoint_nothing_stands_anywhere() -> None:
    assert not tracing.is_on()
    assert tracing.tracer("echo") is None
    with tracing.root("echo", "work", run_id="run_1") as root, tracing.span("part", size=1) as part:
        root.set(found=True)
        part.fail("timeout")
        part.tell({"gen_ai.request.model": "m"})
        assert (tracing.current(), tracing.headers(), tracing.traceparent()) == (None, (), "")
    with tracing.continued("echo", TraceContext.parse(PARENT)):
        assert tracing.headers() == ()


def test_an_error_in_a_block_that_is_not_traced_is_raised_as_it_is() -> None:
    with pytest.raises(ValueError, match="mine"), tracing.span("part"):
        raise ValueError("mine")


SERVICES = ("artist_db", "notifier", "error_analyzer", "orchestrator", "release", "scheduler")


def test_no_service_imports_the_sdk_where_no_endpoint_is_set() -> None:
    script = f"""
import asyncio, importlib, sys
from services.chassis.exporting import exporting
from services.chassis.settings import ChassisSettings

async def main():
    async with exporting(ChassisSettings()):
        for name in {SERVICES!r}:
            importlib.import_module(f"services.{{name}}.app")
        importlib.import_module("cli.platform")

asyncio.run(main())
print(sorted(name for name in sys.modules if name.split(".")[0] == "opentelemetry"))
"""
    told = subprocess.run(
        [sys.executable, "-c", script],
        env=clean_environment(),
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "endpoint",
    ["http://127.0.0.1:4317", "https://otel.example.com:4317", "http://[::1]:4317/", "http://otel_1:1"],
)
def test_a_collectors_address_is_taken(endpoint: str) -> None:
    assert ChassisSettings(otlp_endpoint=endpoint).otlp_endpoint == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "127.0.0.1:4317",
        "grpc://127.0.0.1:4317",
        "http://127.0.0.1",
        "http://127.0.0.1:0",
        "http://127.0.0.1:70000",
        "http://127.0.0.1:4317/v1/traces",
        "http://me:secret@127.0.0.1:4317",
        "http://:4317",
    ],
)
def test_what_is_no_collectors_address_is_told_by_its_setting(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIARTIST_OTLP_ENDPOINT", endpoint)
    with pytest.raises(SetupError, match="AIARTIST_OTLP_ENDPOINT: must be http://host:port") as refused:
        ChassisSettings.load()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("ratio", ["-0.1", "1.1", "half"])
def test_a_share_is_between_none_and_all(ratio: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIARTIST_TRACE_SAMPLE_RATIO", ratio)
    with pytest.raises(SetupError, match="AIARTIST_TRACE_SAMPLE_RATIO"):
        ChassisSettings.load()
