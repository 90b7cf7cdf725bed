"""Alertmanager's webhook: `POST /alerts` in its version 4; every firing alert is an error.

An alert's group is its name, its service and its severity, not the pods and values that differ each time.
It counts once for each time that it begins to fire, however often and by however many Alertmanagers it is
sent: its request id comes from its fingerprint and its begin, and each alert is a request of its own, for
those that are sent together are others each time.
"""

import asyncio
import errno
import hmac
import json
import re
import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, unquote_plus, urlsplit

from aiohttp import web

from aiartist.error_analyzer.v1.error_analyzer_pb2 import ErrorEvent, IngestErrorsRequest
from services.chassis.errors import SetupError
from services.chassis.ids import derived_id
from services.chassis.logs import get_logger
from services.chassis.metrics import service_label
from services.chassis.settings import TokenOwner, is_loopback, parse_tokens
from services.error_analyzer.intake import metrics
from services.error_analyzer.intake.events import clean, service_name
from services.error_analyzer.intake.lines import moment
from services.error_analyzer.intake.tailer import Ingest, fate_of
from services.error_analyzer.settings import Settings

MAX_BODY = 16 << 20
"""Bytes. What is refused for its size never comes again: a storm of alerts is in one body."""
TELL_S = 60.0
"""Refusals of one kind are logged once in so many seconds."""
BODY_TIMEOUT_S = 10.0
RETRY_AFTER_S = 30
LOOP_GUARD = "loop_guard"
"""A label, with any value, of alerts about errors: they must not become errors themselves."""
OTHER_SERVICE = "alertmanager"
_ABOUT_ERRORS = ("aiartist_error_analyzer_", "aiartist_errors_shipped")
"""Metrics that say how many errors there are: an alert that asks for one of them is about errors."""
_REMEMBERED = 10_000
_AT_ONCE = 8
_MAX_LABEL = 200
_MAX_FIELDS = 20
_LOOKED_AT = 4_000
"""Characters of an annotation, of which the first 500 are kept when its values are out."""
_VALUES = re.compile(r"[-+]?\d[\w.,:%]*(?: \d[\w.,:%]*)*")
"""Numbers with their units: they differ each time that an alert is sent again."""
_IN_GROUP = ("alertname", "severity")

_log = get_logger("error_analyzer")


@dataclass(frozen=True, slots=True)
class Alert:
    """A firing alert."""

    name: str
    service: str
    severity: str
    fingerprint: str
    starts_at: datetime
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    source: str = ""

    @property
    def request_id(self) -> str:
        """The same for every notification of the same fire."""
        return derived_id("alert", f"{self.fingerprint}\0{self.starts_at.isoformat()}")

    @property
    def about_errors(self) -> bool:
        """True where an error made of it would make it fire: it asks for a number of errors, or says so."""
        asks = unquote_plus(self.source)
        return LOOP_GUARD in self.labels or any(metric in asks for metric in _ABOUT_ERRORS)

    def event(self) -> ErrorEvent:
        """As an error: the same bytes for every notification of the same fire, for only so it counts once.

        It is grouped by name, service and severity: its type and its text hold nothing else, and no spaces,
        so that nobody takes names for words that may differ.
        """
        event = ErrorEvent(
            service=self.service,
            message=clean(f"alert {self.name} ({self.severity})", 1_000),
            exception_type=f"alert.{'_'.join(self.name.split())}",
            exception_message=f"{self.service}/{'_'.join(self.severity.split())}",
        )
        event.time.FromDatetime(self.starts_at)
        for name, value in sorted(self.annotations.items())[:_MAX_FIELDS]:
            event.context[clean(name, 100)] = clean(
                _VALUES.sub("\N{HORIZONTAL ELLIPSIS}", value[:_LOOKED_AT]), 500
            )
        for name, value in sorted(self.labels.items())[:_MAX_FIELDS]:
            if name not in _IN_GROUP:
                event.context[clean(f"label_{name}", 100)] = clean(value, 500)
        for expression in parse_qs(urlsplit(self.source).query).get("g0.expr", ())[:1]:
            event.context["expression"] = clean(expression, 500)
        return event


class BadPayload(Exception):
    """A body that is no notification; the text names the field."""


@dataclass(frozen=True, slots=True)
class Notification:
    """What one call of the webhook tells.

    `truncated`: alerts that Alertmanager left out. `bad`: what is wrong with each that is none.
    """

    firing: Sequence[Alert]
    resolved: int
    truncated: int
    bad: Sequence[str] = ()


def notification(body: bytes) -> Notification:
    """What a body tells; BadPayload where it is not of version 4. An alert that is none spoils no other."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise BadPayload("body: must be JSON, as Alertmanager's webhook sends it") from None
    if not isinstance(told, dict):
        raise BadPayload("body: must be a JSON object")
    if told.get("version") != "4":
        raise BadPayload(f'version: must be "4", is {str(told.get("version"))[:20]!r}')
    alerts = told.get("alerts")
    if not isinstance(alerts, list):
        raise BadPayload("alerts: must be a list")
    truncated = told.get("truncatedAlerts", 0)
    if not isinstance(truncated, int) or isinstance(truncated, bool) or truncated < 0:
        raise BadPayload("truncatedAlerts: must be a number")
    firing: list[Alert] = []
    bad: list[str] = []
    for number, one in enumerate(alerts):
        try:
            alert = _firing(one, f"alerts[{number}]")
        except BadPayload as error:
            bad.append(str(error))
        else:
            firing += [alert] if alert is not None else []
    return Notification(firing, len(alerts) - len(firing) - len(bad), truncated, bad)


def _firing(one: object, place: str) -> Alert | None:
    """An alert; None where it is over."""
    if not isinstance(one, dict):
        raise BadPayload(f"{place}: must be an object")
    status = one.get("status")
    if status not in ("firing", "resolved"):
        raise BadPayload(f"{place}.status: must be firing or resolved")
    return _alert(one, place) if status == "firing" else None


def _alert(one: Mapping[str, object], place: str) -> Alert:
    labels = _texts(one.get("labels"), f"{place}.labels")
    told = one.get("annotations")
    annotations = _texts({} if told is None else told, f"{place}.annotations")
    name = labels.get("alertname", "")
    if not name.strip():
        raise BadPayload(f"{place}.labels.alertname: is required")
    starts_at = one.get("startsAt")
    begun = moment(starts_at) if isinstance(starts_at, str) else None
    if begun is None:
        raise BadPayload(f"{place}.startsAt: must be a time such as 2026-03-01T12:00:00Z")
    fingerprint, source = one.get("fingerprint", ""), one.get("generatorURL", "")
    if not isinstance(fingerprint, str):
        raise BadPayload(f"{place}.fingerprint: must be a text")
    if not isinstance(source, str) or not _is_url(source):
        raise BadPayload(f"{place}.generatorURL: must be a URL")
    named = labels.get("service") or labels.get("job") or ""
    return Alert(
        name=clean(name, _MAX_LABEL),
        service=_service(named),
        severity=clean(labels.get("severity") or "none", _MAX_LABEL),
        # Alertmanager's own is a hash of the labels, too.
        fingerprint=clean(fingerprint, _MAX_LABEL) or json.dumps(labels, sort_keys=True),
        starts_at=begun,
        labels=labels,
        annotations=annotations,
        source=source,
    )


def _service(named: str) -> str:
    """A service of ours by its own name, for jobs are called with hyphens."""
    own = named.replace("-", "_")
    return own if service_label(own) == own else service_name(named, OTHER_SERVICE)


def _is_url(text: str) -> bool:
    try:
        urlsplit(text)
    except ValueError:
        return False
    return True


def _texts(value: object, place: str) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise BadPayload(f"{place}: must be an object of texts")
    return value


class Alerts:
    """Takes notifications; answers when all of one is stored."""

    def __init__(
        self,
        ingest: Ingest,
        owners: Mapping[str, TokenOwner],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ingest = ingest
        self._owners = owners
        self._stored: OrderedDict[str, None] = OrderedDict()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._clock = clock
        self._told: dict[str, float] = {}

    def application(self) -> web.Application:
        """With its one address."""
        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_post("/alerts", self._post)
        application.router.add_route("*", "/{anything:.*}", self._nothing_else)
        return application

    async def _post(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return self._refused(refusal)
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await request.read()
            # A large one takes so long that calls would wait for it.
            told = await asyncio.to_thread(notification, body)
        except web.HTTPRequestEntityTooLarge:
            return self._refused(_text(413, f"body: must have at most {MAX_BODY} bytes"))
        except TimeoutError:
            return self._refused(_text(408, f"body: did not arrive within {BODY_TIMEOUT_S:g} s"))
        except BadPayload as error:
            return self._refused(_text(400, str(error)))
        if told.bad and len(told.firing) + told.resolved == 0:
            return self._refused(_text(400, told.bad[0]), len(told.bad))
        return await self._take(told)

    def _refused(self, answer: web.Response, alerts: int = 1) -> web.Response:
        self._refuse(str(answer.status), (answer.text or "").strip(), alerts)
        return answer

    def _refuse(self, kind: str, detail: str, alerts: int) -> None:
        """Counts what is refused, and says so: whoever sends it may not show the answer to anybody."""
        metrics.ALERTS.labels("refused").inc(alerts)
        now = self._clock()
        if kind not in self._told or now - self._told[kind] >= TELL_S:
            self._told[kind] = now
            _log.warning("alerts are refused", kind=kind, detail=detail)

    async def _nothing_else(self, request: web.Request) -> web.Response:
        if request.path == "/alerts":
            return self._refused(
                _text(405, f"method: must be POST, is {request.method[:20]}", {"Allow": "POST"})
            )
        return self._refused(_text(404, "path: must be /alerts"))

    async def _take(self, told: Notification) -> web.Response:
        metrics.ALERTS.labels("resolved").inc(told.resolved)
        if told.bad:
            self._refuse("skipped among others", told.bad[0], len(told.bad))
        if told.truncated:
            _log.warning("Alertmanager left alerts out of a notification", alerts=told.truncated)
        wanted = [alert for alert in told.firing if not alert.about_errors]
        metrics.ALERTS.labels("about_errors").inc(len(told.firing) - len(wanted))
        results = await asyncio.gather(*(self._store(alert) for alert in wanted))
        if all(results):
            return _text(200, "taken")
        return _text(503, "alerts can't be stored now; send them again", {"Retry-After": str(RETRY_AFTER_S)})

    async def _store(self, alert: Alert) -> bool:
        """False where it must be sent again."""
        request_id = alert.request_id
        async with self._slots:
            if request_id in self._stored:
                self._stored.move_to_end(request_id)
                metrics.ALERTS.labels("repeated").inc()
                return True
            try:
                await self._ingest(IngestErrorsRequest(request_id=request_id, events=[alert.event()]))
            except Exception as error:  # noqa: BLE001 - Alertmanager keeps the alert and sends it again
                fate = fate_of(error)
                if fate == "again":
                    metrics.ALERTS.labels("failed").inc()
                    _log.warning(
                        "an alert could not be stored", alert=alert.name, detail=type(error).__name__
                    )
                    return False
                # Stored before with values that have changed since, or not fit to be stored: not once more.
                if fate == "stored":
                    metrics.ALERTS.labels("repeated").inc()
                else:
                    self._refuse("not fit to be stored", f"{alert.name}: {error}", 1)
            else:
                metrics.ALERTS.labels("stored").inc()
            self._stored[request_id] = None
            while len(self._stored) > _REMEMBERED:
                self._stored.popitem(last=False)
        return True

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Why the caller may not; None where it may."""
        if not self._owners:
            return None
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        owner = self._owner(token.strip()) if scheme.lower() == "bearer" else None
        if owner is None:
            challenge = {"WWW-Authenticate": 'Bearer realm="aiartist"'}
            return _text(401, "Authorization: must be Bearer and a token of AIARTIST_TOKENS", challenge)
        if owner.role == "viewer":
            return _text(403, "Authorization: this needs a token with the role service or operator")
        return None

    def _owner(self, token: str) -> TokenOwner | None:
        """Compares with every token, in a time that tells nothing of them."""
        found = None
        for known, owner in self._owners.items():
            if hmac.compare_digest(known.encode(), token.encode("utf-8", "surrogateescape")):
                found = owner
        return found


@asynccontextmanager
async def alerts_endpoint(settings: Settings, ingest: Ingest) -> AsyncIterator[int | None]:
    """Listens while open and gives the port; None, and nobody listens, where no port is set.

    SetupError where the port can't be had, or would be open to everybody.
    """
    if settings.alerts_port is None:
        yield None
        return
    owners = parse_tokens(settings.tokens)
    if not owners and not is_loopback(settings.host):
        raise SetupError(
            f"AIARTIST_ERROR_ALERTS_PORT: {settings.host} is not loopback: set AIARTIST_TOKENS "
            "(name:role:token,...), or listen on 127.0.0.1"
        )
    runner = web.AppRunner(Alerts(ingest, owners).application(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(
            runner, settings.host.strip("[]"), settings.alerts_port, ssl_context=_tls(settings)
        )
        try:
            await site.start()
        except OSError as error:
            what = "is taken" if error.errno == errno.EADDRINUSE else f"can't be had: {error.strerror}"
            raise SetupError(
                f"AIARTIST_ERROR_ALERTS_PORT: port {settings.alerts_port} of {settings.host} {what}; "
                "set another one"
            ) from error
        port = int(runner.addresses[0][1])
        _log.info("takes alerts", host=settings.host, port=port)
        yield port
    finally:
        await runner.cleanup()


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """The service's own certificate, as on its gRPC port."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise SetupError(f"AIARTIST_TLS_CERT, AIARTIST_TLS_KEY: can't be used: {error}") from error
    return context


def _text(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", headers=headers)
