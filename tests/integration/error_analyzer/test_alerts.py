"""Alertmanager's webhook over a real socket."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import grpc
import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from aiartist.error_analyzer.v1.error_analyzer_pb2_grpc import ErrorAnalyzerServiceStub
from services.chassis.errors import SetupError
from services.error_analyzer.app import build
from services.error_analyzer.intake.alerts import MAX_BODY, Alerts, alerts_endpoint
from services.error_analyzer.settings import Settings
from tests.support.captured_logs import captured_logs
from tests.support.error_store import error_store
from tests.support.log_takers import Taker, over_the_wire
from tests.support.metrics import metric

TOKENS = "watcher:viewer:viewer-token-0123456789,am:service:service-token-0123456789"
SERVICE = {"Authorization": "Bearer service-token-0123456789"}


class Webhook:
    """Sends as Alertmanager does."""

    def __init__(self, port: int, session: aiohttp.ClientSession) -> None:
        self.url = f"http://127.0.0.1:{port}/alerts"
        self.session = session

    async def post(self, body: object, **headers: str) -> tuple[int, str]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(self.url, data=io.BytesIO(data), headers=headers) as answer:
            return answer.status, await answer.text()


@asynccontextmanager
async def webhook(taker: Any, **settings: Any) -> AsyncIterator[Webhook]:
    async with (
        alerts_endpoint(Settings(alerts_port=0, **settings), taker) as port,
        aiohttp.ClientSession() as s,
    ):
        assert port
        yield Webhook(port, s)


def alert(name: str = "RunsFail", **fields: Any) -> dict[str, Any]:
    labels = {"alertname": name, "severity": "page", "service": "scheduler", **fields.pop("labels", {})}
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "Runs fail", "description": "7 of 9 runs failed"},
        "startsAt": "2026-03-01T12:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
        "fingerprint": json.dumps(labels),
        **fields,
    }


def payload(*alerts: object, **fields: Any) -> dict[str, Any]:
    return {"version": "4", "groupKey": "g", "status": "firing", "receiver": "r", "alerts": alerts, **fields}


@pytest.fixture
def taker() -> Taker:
    return Taker()


async def test_a_firing_alert_is_an_error_and_a_resolved_one_is_none(taker: Taker) -> None:
    async with webhook(taker) as hook:
        assert await hook.post(payload(alert(), alert("Other", status="resolved"))) == (200, "taken\n")
    (event,) = taker.events
    assert (event.service, event.message) == ("scheduler", "alert RunsFail (page)")
    assert event.context["summary"] == "Runs fail"
    assert event.time.ToJsonString() == "2026-03-01T12:00:00.123456Z"


async def test_alerts_are_grouped_by_name_service_and_severity_alone(taker: Taker) -> None:
    def varied(number: int, **labels: str) -> dict[str, Any]:
        labels |= {"pod": f"p-{number}", "instance": f"10.0.0.{number}:9101"}
        return alert(labels=labels, annotations={"description": f"{number * 7} failed at {number}.3 %"})

    several = [varied(1), varied(2), varied(3, severity="ticket"), varied(4, service="release")]
    # Many that differ in their name only: no template may be mined from those.
    many = [alert(f"Host {chr(97 + n // 26)}{chr(97 + n % 26)} fails") for n in range(40)]
    async with error_store() as (store, address):
        settings = Settings(port=0, metrics_port=0, artist_db_addr=address, stop_grace_s=1)
        async with (
            await build(settings) as app,
            grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as wire,
            webhook(over_the_wire(ErrorAnalyzerServiceStub(wire))) as hook,
        ):
            assert (await hook.post(payload(*several, *many)))[0] == 200
    assert sorted(store.count(fingerprint) for fingerprint in store.groups) == [1] * 42 + [2]


async def test_a_notification_that_is_repeated_counts_once_by_anyone_and_in_any_company(taker: Taker) -> None:
    again = alert("Again", startsAt="2026-03-01T13:00:00Z")
    for company in ([alert("Again")], [alert("Again"), alert("More")], [again]):
        # A process of its own each time: nothing is remembered but what is stored.
        async with webhook(taker) as hook:
            for _ in range(2):
                assert (await hook.post(payload(*company)))[0] == 200
    assert sorted(taker.messages) == ["alert Again (page)"] * 2 + ["alert More (page)"]


async def test_an_alert_that_is_sent_again_with_other_values_counts_once(taker: Taker) -> None:
    for host, description in (("a", "7 failed in 5m 3s, 10.5 %"), ("b", "1200 failed in 1h 5m 3s, 9 %")):
        async with webhook(taker) as hook:
            source = f"http://{host}:9090/graph?g0.expr=up+%3D%3D+0"
            sent = payload(alert(annotations={"description": description}, generatorURL=source))
            assert (await hook.post(sent))[0] == 200
    (event,) = taker.events
    assert (event.context["description"], event.context["expression"]) == ("… failed in … %", "up == 0")


@pytest.mark.parametrize(
    "about_errors",
    [
        {"labels": {"loop_guard": "errors"}},
        {"generatorURL": "http://p/graph?g0.expr=sum%28increase%28aiartist_error_analyzer_new_groups_total%5B1h%5D%29%29"},
        {"generatorURL": "http://p/graph?g0.expr=aiartist_errors_shipped_total+%3E+0"},
    ],
)  # fmt: skip
async def test_an_alert_about_errors_makes_none(taker: Taker, about_errors: dict[str, Any]) -> None:
    async with webhook(taker) as hook:
        assert (await hook.post(payload(alert(**about_errors))))[0] == 200
    assert not taker.events


async def test_while_alerts_cannot_be_stored_alertmanager_is_asked_to_send_them_again(taker: Taker) -> None:
    taker.failing = ConnectionError("away")
    async with webhook(taker) as hook:
        body = json.dumps(payload(alert()))
        async with hook.session.post(hook.url, data=body) as answer:
            assert (answer.status, int(answer.headers["Retry-After"]) > 0) == (503, True)
        taker.failing = None
        assert (await hook.post(payload(alert())))[0] == 200
    assert len(taker.events) == 1


@pytest.mark.parametrize(
    ("job", "service"),
    [
        ("artist-db", "artist_db"),
        ("node exporter/1", "node-exporter-1"),
        ("", "alertmanager"),
        ("9x", "s-9x"),
    ],
)
async def test_the_service_is_named_as_the_contract_wants_it(taker: Taker, job: str, service: str) -> None:
    async with webhook(taker) as hook:
        assert (await hook.post(payload(alert(labels={"service": "", "job": job}))))[0] == 200
    assert [event.service for event in taker.events] == [service]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        (b"[" * 100_000, "body"),
        ({"alerts": []}, "version"),
        ({"version": "4"}, "alerts"),
        (payload(truncatedAlerts="1"), "truncatedAlerts"),
        (payload(1), "alerts[0]"),
        (payload(alert(status="odd"), alert(labels={"a": 1})), "alerts[0].status"),
        (payload(alert(labels={"alertname": " "})), "alerts[0].labels.alertname"),
        (payload(alert(labels={"a": 1})), "alerts[0].labels"),
        (payload(alert(annotations=[])), "alerts[0].annotations"),
        (payload(alert(startsAt="soon")), "alerts[0].startsAt"),
        (payload(alert(fingerprint=7)), "alerts[0].fingerprint"),
        (payload(alert(generatorURL=7)), "alerts[0].generatorURL"),
        (payload(alert(generatorURL="http://[")), "alerts[0].generatorURL"),
    ],
)
async def test_what_is_no_notification_is_refused_by_the_field(taker: Taker, body: Any, field: str) -> None:
    async with webhook(taker) as hook:
        status, text = await hook.post(body)
    assert (status, text.partition(":")[0]) == (400, field)
    assert not taker.events


async def test_a_body_over_the_limit_another_method_and_another_path_are_refused(taker: Taker) -> None:
    async with webhook(taker) as hook:
        assert (await hook.post(b" " * (MAX_BODY + 1)))[0] == 413
        async with hook.session.get(hook.url) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        hook.url += "/more"
        assert (await hook.post(payload()))[0] == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer service-token-012345678"}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Basic service-token-0123456789"}, 401),
        ({"Authorization": "Bearer viewer-token-0123456789"}, 403),
        (SERVICE, 200),
    ],
)
async def test_only_a_service_or_an_operator_may_send(
    taker: Taker, headers: dict[str, str], status: int
) -> None:
    async with webhook(taker, tokens=SecretStr(TOKENS)) as hook:
        assert (await hook.post(payload(alert()), **headers))[0] == status
    assert len(taker.events) == (status == 200)


def refused() -> float:
    return metric("aiartist_error_analyzer_alerts_total", outcome="refused") or 0


async def test_an_alert_that_is_none_is_left_out_counted_and_said_and_the_others_are_taken(
    taker: Taker,
) -> None:
    before = refused()
    bad = [alert("Bad", startsAt="soon"), 7]
    with captured_logs() as captured:
        async with webhook(taker) as hook:
            for name in ("First", "Second"):
                assert (await hook.post(payload(*bad, alert(name), alert(status="resolved"))))[0] == 200
    assert taker.messages == ["alert First (page)", "alert Second (page)"]
    assert refused() == before + 4
    (said,) = captured.of("alerts are refused")
    assert said["detail"].startswith("alerts[0].startsAt")


async def test_each_kind_of_refusal_is_said_once_a_minute(taker: Taker) -> None:
    now = [0.0]
    alerts = Alerts(taker, {}, clock=lambda: now[0])
    with captured_logs() as captured:
        async with TestClient(TestServer(alerts.application())) as client:
            for later in (0, 1, 60):
                now[0] += later
                await client.post("/alerts", data=b"{")
                await client.get("/more")
    kinds = [said["kind"] for said in captured.of("alerts are refused")]
    assert kinds == ["400", "404", "400", "404"]


async def test_an_alert_may_have_no_annotations(taker: Taker) -> None:
    async with webhook(taker) as hook:
        assert (await hook.post(payload(alert(annotations=None))))[0] == 200
    assert taker.messages == ["alert RunsFail (page)"]


async def test_a_storm_of_alerts_in_one_body_is_taken(taker: Taker) -> None:
    storm = [alert(f"A{n}", annotations={"description": "x" * 50_000}) for n in range(60)]
    async with webhook(taker) as hook:
        assert (await hook.post(payload(*storm)))[0] == 200
    assert len(taker.events) == 60


async def test_without_a_port_nobody_listens(taker: Taker) -> None:
    async with alerts_endpoint(Settings(), taker) as port:
        assert port is None


async def test_a_port_that_is_taken_is_named_by_its_variable(taker: Taker) -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(
            SetupError, match=f"AIARTIST_ERROR_ALERTS_PORT: port {port} of 127.0.0.1 is taken"
        ):
            async with alerts_endpoint(Settings(alerts_port=port), taker):
                pass


async def test_beyond_loopback_nobody_listens_without_tokens(taker: Taker) -> None:
    open_to_all = Settings.model_construct(**{**Settings(alerts_port=0).model_dump(), "host": "0.0.0.0"})
    with pytest.raises(SetupError, match="AIARTIST_TOKENS"):
        async with alerts_endpoint(open_to_all, taker):
            pass
