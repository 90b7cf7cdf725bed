"""Where Prometheus scrapes: HTTP on a thread of its own, so that it answers while the loop is busy."""

import socket
import threading
from socketserver import TCPServer, ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

_STOP_POLL_S = 0.1
"""How long `close` waits at most for the thread to notice."""


class MetricsPort:
    """Listens when made; OSError where it can't."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        server_class = _ServerV6 if ":" in host else _Server
        self._server = make_server(
            host.strip("[]"), port, make_wsgi_app(registry), server_class, handler_class=_SilentHandler
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_STOP_POLL_S,), name=f"metrics port {port}", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    def close(self) -> None:
        """Nobody listens afterwards. Waits a moment: not for the loop's thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # As WSGIServer does it, but without asking the name service who we are.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]
        self.setup_environ()


class _ServerV6(_Server):
    address_family = socket.AF_INET6


class _SilentHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a scrape is no news."""
