"""The vendors' process: it serves their APIs, probes monitors, receives events and sends alerts."""

import contextlib
import logging
import os
import threading
from collections.abc import AsyncGenerator

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route

from twin import vendor_apis
from twin.host.home import TwinHome
from twin.host.loopback import LoopbackOnly
from twin.host.time_scale import TimeScale
from twin.host.tls_proxy import HOSTS, serve_proxy
from twin.pagerduty import api as pagerduty_api
from twin.pagerduty.events import events_route
from twin.pagerduty.incidents import Incidents
from twin.pagerduty.model import PagerDutyAccount
from twin.sentry.checkins import CheckIns
from twin.sentry.ingest import IngestApi
from twin.sentry.issue_alerts import IssueAlerts
from twin.sentry.issues import Issues
from twin.sentry.uptime_issues import UptimeIssues
from twin.uptimerobot.alerts import UptimeAlerts
from twin.uptimerobot.prober import Prober
from twin.vendor import inbox
from twin.vendor.store import VendorStore
from twin.vendor.webhooks import WebhookSender

_LOCAL_ORIGIN = r"https?://(localhost|127\.0\.0\.1)(:\d+)?"
_TICK_SECONDS = 0.5
_SHORTEST_TICK_SECONDS = 0.05
_log = structlog.get_logger("vendors")


class VendorService:
    """The vendors' models, HTTP APIs and effects over one store. A thread runs periodic work every 0.5 s."""

    def __init__(self, home: TwinHome, port: int, time_scale: TimeScale) -> None:
        self._home = home
        self._store = VendorStore(home.vendors)
        self._time_scale = time_scale
        self._sender = WebhookSender(self._store, time_scale, f"http://127.0.0.1:{port}")
        self._issues = Issues(self._store, time_scale, IssueAlerts(self._store, time_scale, self._sender))
        self._checkins = CheckIns(self._store, time_scale, self._issues)
        alerts = UptimeAlerts(self._store, time_scale, self._sender)
        uptime_issues = UptimeIssues(self._store, self._issues)
        self._prober = Prober(self._store, time_scale, home.tls / "ca.crt", alerts, uptime_issues)
        self._pagerduty = PagerDutyAccount(home)
        self._incidents = Incidents(self._store, time_scale, self._sender)
        self._stopping = threading.Event()

    def build_app(self) -> Starlette:
        ingest = IngestApi(self._store, self._time_scale, self._issues, self._checkins)
        # A browser's SDK sends its events from the frontend's origin, which is on this machine too.
        cors = Middleware(
            CORSMiddleware, allow_origin_regex=_LOCAL_ORIGIN, allow_methods=["*"], allow_headers=["*"]
        )
        return Starlette(
            routes=[
                Route("/", self._describe),
                Route("/health/{stack}", self._show_health),
                Route("/heartbeat/{key}", self._receive_heartbeat, methods=["GET", "POST"]),
                *inbox.routes(self._store),
                *ingest.routes(),
                events_route(self._incidents),
                Mount("/pagerduty", routes=pagerduty_api.routes(self._pagerduty, self._incidents)),
                *vendor_apis.routes(self._home, self._time_scale),
            ],
            middleware=[Middleware(LoopbackOnly, names=HOSTS), cors],
            lifespan=self._lifespan,
        )

    def _describe(self, _request: Request) -> Response:
        return JSONResponse({"service": "vendors", "speed": self._time_scale.speed})

    def _receive_heartbeat(self, request: Request) -> Response:
        known = self._prober.record_ping(request.path_params["key"])
        return JSONResponse({"ok": known}, 200 if known else 404)

    def _show_health(self, request: Request) -> Response:
        """Show the page that `./bulwark status` wrote of a stack when it was last called."""
        file = self._home.health_page(request.path_params["stack"])
        headers = {"Cache-Control": "no-store"}
        if not file.is_file():
            return HTMLResponse("<h1>./bulwark status makes this page.</h1>", 404, headers=headers)
        return HTMLResponse(file.read_bytes(), headers=headers)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncGenerator[None]:
        thread = threading.Thread(target=self._run_periodic_work, name="periodic work", daemon=True)
        thread.start()
        try:
            async with serve_proxy(self._home):
                yield
        finally:
            await run_in_threadpool(self._stop, thread)

    def _run_periodic_work(self) -> None:
        pause = max(self._time_scale.scale_seconds(_TICK_SECONDS), _SHORTEST_TICK_SECONDS)
        while not self._stopping.wait(pause):
            for work in (
                self._prober.tick,
                self._checkins.tick,
                self._issues.tick,
                self._incidents.tick,
                self._sender.deliver_pending,
            ):
                try:
                    work()
                except Exception:  # noqa: BLE001 - it is logged, and the other work goes on
                    _log.exception("periodic work failed")

    def _stop(self, thread: threading.Thread) -> None:
        self._stopping.set()
        thread.join()
        self._prober.stop()
        self._sender.stop()
        self._pagerduty.store.close()
        self._store.close()


def main() -> None:
    # Addresses carry keys (heartbeats, check-ins), so no access log, and tracebacks without local variables.
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso"),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ]
    )
    home = TwinHome.from_environment()
    port = home.port("vendors")
    app = VendorService(home, port, TimeScale.from_environment()).build_app()
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=3,
    )
    # A probe whose target hangs must not keep the process alive; all state is in the store.
    os._exit(0)


if __name__ == "__main__":
    main()
