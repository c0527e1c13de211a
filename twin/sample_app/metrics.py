"""
The sample platform's metrics for Prometheus, at a port of their own that is not public.

Names, labels and buckets are those of OpenTelemetry's semantic conventions, as its exporter for Prometheus
writes them (opentelemetry.io/docs/specs/semconv, "HTTP metrics" and "Database client metrics").
"""

import time
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Gauge,
    Histogram,
    generate_latest,
    start_http_server,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twin.host.home import TwinHome

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_METHODS: Final = frozenset(("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"))
_OTHER_METHOD: Final = "_OTHER"
"""Whoever asks invents methods and paths; a metric has a label's value for each for ever."""


class PlatformMetrics:
    """What the platform counts: requests, and connections to the database."""

    def __init__(self, most_connections: int) -> None:
        self._registry = CollectorRegistry()
        self._seconds = Histogram(
            "http_server_request_duration_seconds",
            "Duration of a request",
            ("http_request_method", "http_route", "http_response_status_code"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._used = Gauge(
            "db_client_connection_count",
            "Connections to the database",
            ("db_client_connection_state",),
            registry=self._registry,
        ).labels("used")
        self._waiting = Gauge(
            "db_client_connection_pending_requests",
            "Requests that wait for a connection",
            registry=self._registry,
        )
        most = Gauge("db_client_connection_max", "The most connections", registry=self._registry)
        most.set(most_connections)

    def render(self) -> bytes:
        """Return the metrics as Prometheus reads them."""
        return generate_latest(self._registry)

    def serve(self, home: TwinHome, port: int) -> Callable[[], None]:
        """Serve the metrics of the platform at `port`, from a thread. Return what ends it."""
        server, thread = start_http_server(find_metrics_port(home, port), "127.0.0.1", self._registry)

        def end() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return end

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is empty where the path is none of the platform's."""
        known = method if method in _METHODS else _OTHER_METHOD
        self._seconds.labels(known, route, str(status)).observe(seconds)

    @contextmanager
    def wait(self) -> Generator[None]:
        """Count a request that waits for a connection while the block runs."""
        with self._waiting.track_inprogress():
            yield

    @contextmanager
    def use(self) -> Generator[None]:
        """Count a connection while the block runs."""
        with self._used.track_inprogress():
            yield


class MeasuredAnswers:
    """Serves an application, and counts its requests by these routes."""

    def __init__(self, app: ASGIApp, metrics: PlatformMetrics, routes: Collection[str]) -> None:
        self._app, self._metrics, self._routes = app, metrics, frozenset(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        begin, status = time.monotonic(), 500

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_see)
        finally:
            route = scope["path"] if scope["path"] in self._routes else ""
            self._metrics.add(scope["method"], route, status, time.monotonic() - begin)


def find_metrics_port(home: TwinHome, port: int) -> int:
    """Return the port of the metrics of the platform that serves HTTPS at `port`."""
    return home.port(f"metrics-{port}")
