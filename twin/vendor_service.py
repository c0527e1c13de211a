"""The process that does what the vendors' machines do: it watches, takes events, and alerts."""

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
from starlette.responses import JSONResponse, Response
from starlette.routing import Host, Mount, Route, Router

from twin.host.home import TwinHome
from twin.host.time_scale import TimeScale
from twin.host.tls_proxy import HOST, serving
from twin.neon import api as neon_api
from twin.neon.model import Neon
from twin.sentry import api as sentry_api
from twin.sentry.checkins import CheckIns
from twin.sentry.ingest import Intake
from twin.sentry.issue_alerts import IssueAlerts
from twin.sentry.issues import Issues
from twin.sentry.model import Sentry
from twin.uptimerobot import api as uptimerobot_api
from twin.uptimerobot.alerts import UptimeAlerts
from twin.uptimerobot.model import UptimeRobot
from twin.uptimerobot.prober import Prober
from twin.vendor import inbox
from twin.vendor.store import VendorStore
from twin.vendor.webhooks import WebhookSender

_TICK_SECONDS = 0.5
_SHORTEST_TICK_SECONDS = 0.05
_log = structlog.get_logger("vendors")


class VendorService:
    """All of it over one store, with a heart that beats a few times a second."""

    def __init__(self, home: TwinHome, port: int, pace: TimeScale) -> None:
        self._home = home
        self._store = VendorStore(home.vendors)
        self._pace = pace
        self._courier = WebhookSender(self._store, pace, f"http://127.0.0.1:{port}/sink")
        self._issues = Issues(self._store, pace, IssueAlerts(self._store, pace, self._courier))
        self._checkins = CheckIns(self._store, pace, self._issues)
        alerts = UptimeAlerts(self._store, pace, self._courier)
        self._prober = Prober(self._store, pace, home.tls / "ca.crt", alerts, self._issues)
        self._stopping = threading.Event()

    def app(self) -> Starlette:
        intake = Intake(self._store, self._pace, self._issues, self._checkins)
        console = neon_api.routes(Neon(self._home))
        # A browser's SDK sends its events from the frontend's origin.
        cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
        return Starlette(
            routes=[
                Route("/", _hello),
                Route("/heartbeat/{key}", self._heartbeat, methods=["GET", "POST"]),
                *inbox.routes(self._store),
                *intake.routes(),
                # The vendors' own APIs. Neon's provider knows one host only, and comes by it.
                Mount("/neon", routes=console),
                Host(HOST, Router(console)),
                Mount("/uptimerobot", routes=uptimerobot_api.routes(UptimeRobot(self._home), self._pace)),
                Mount("/sentry", routes=sentry_api.routes(Sentry(self._home))),
            ],
            middleware=[cors],
            lifespan=self._lifespan,
        )

    def _heartbeat(self, request: Request) -> Response:
        known = self._prober.ping(request.path_params["key"])
        return JSONResponse({"ok": known}, 200 if known else 404)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncGenerator[None]:
        heart = threading.Thread(target=self._beat, name="heart", daemon=True)
        heart.start()
        try:
            async with serving(self._home):
                yield
        finally:
            await run_in_threadpool(self._stop, heart)

    def _beat(self) -> None:
        pause = max(self._pace.seconds(_TICK_SECONDS), _SHORTEST_TICK_SECONDS)
        while not self._stopping.wait(pause):
            for part in (self._prober.tick, self._checkins.tick, self._issues.tick, self._courier.pump):
                try:
                    part()
                except Exception:  # noqa: BLE001 - it is logged, and the watch goes on
                    _log.exception("a tick broke off")

    def _stop(self, heart: threading.Thread) -> None:
        self._stopping.set()
        heart.join()
        self._prober.stop()
        self._courier.stop()
        self._store.close()


def _hello(_request: Request) -> Response:
    return JSONResponse({"service": "vendors"})


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
    app = VendorService(home, port, TimeScale.from_environment()).app()
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=3,
    )
    # A look at a target that hangs must not keep the process; everything that counts is in the store.
    os._exit(0)


if __name__ == "__main__":
    main()
