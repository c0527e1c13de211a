"""
The sample platform over HTTPS: `/health`, its API and a page, on each of its ports; beside each plain HTTP.

With `--plain-port` it serves over plain HTTP, on the database of DATABASE_URL: so a drill
starts it on a recovered copy. Only the deployed platform writes the canary.
"""

import argparse
import asyncio
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.host_variables import DATABASE_URL
from twin.host.database_address import reach_database
from twin.host.deployed_service import DeployedService, list_deployed
from twin.host.home import TwinHome
from twin.host.loopback import LoopbackOnly
from twin.sample_app import PRODUCT, VERSION, canary
from twin.sample_app.api import PlatformApi
from twin.sample_app.error_report import report_error
from twin.sample_app.faults import PlatformFaults
from twin.sample_app.hardening import HardenedAnswers
from twin.sample_app.metrics import CONTENT_TYPE, MeasuredAnswers, PlatformMetrics
from twin.sample_app.plain_http import serve_plain
from twin.sample_app.tls_faults import serve_tls

_DATABASE_TIMEOUT_SECONDS = 2.0
_MOST_CONNECTIONS: Final = 20
"""To the database at once; further requests wait for one of them."""

_SLOW_SECONDS = 2.2
_SLOW_UNDER_LOAD_SECONDS = 1.2
_SLOW_EVERY = 8
_FEW: Final = 4
"""Requests at once from which the faults of load begin."""
_SERVER_OPTIONS: Final[dict[str, Any]] = {
    "lifespan": "off",
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "timeout_graceful_shutdown": 0,
}
_NOT_RUNNING: Final = JSONResponse({"status": "error", "message": "Application failed to respond"}, 502)
"""What a host answers in place of a program that does not run."""

_PAGE_HTML = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{PRODUCT}</title></head>
<body><h1>{PRODUCT}</h1><p>Hiring without the paperwork.</p></body>
</html>
"""


class HealthEndpoint:
    """
    Responds with 200 if a query on the platform's database succeeds within two seconds, else with 503.

    Each check opens a connection, so it sees at once that a database is back; so many are open at once at
    most. It calls `database_url` each time, because a deploy moves the database.
    """

    def __init__(
        self, database_url: Callable[[], str], faults: PlatformFaults, metrics: PlatformMetrics
    ) -> None:
        self._database_url, self._faults, self._metrics = database_url, faults, metrics
        self._free = asyncio.Semaphore(_MOST_CONNECTIONS)
        self._started = time.monotonic()
        self._open = self._crowded = 0
        self._checks: set[asyncio.Task[None]] = set()

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        self._open += 1
        try:
            return await self._answer(request)
        finally:
            self._open -= 1

    async def _answer(self, _: Request) -> Response:
        faults = self._faults.names
        reason = None if "health-always-ok" in faults else await self._find_problem()
        body = {
            "status": "down" if reason else "ok",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "uptime": round(time.monotonic() - self._started, 3),
            "environment": "local",
            "version": "1.0.0" if "health-other-version" in faults else VERSION,
            **({"reason": reason} if reason else {}),
        }
        if "health-slow" in faults:
            await asyncio.sleep(_SLOW_SECONDS)
        if self._open > _FEW:
            self._crowded += 1
            if "load-slow" in faults and self._crowded % _SLOW_EVERY == 0:
                await asyncio.sleep(_SLOW_UNDER_LOAD_SECONDS)
            if "load-fails" in faults:
                return PlainTextResponse("too many connections", 500)
        if "health-tells-all" in faults:
            body["database"] = "postgres://app:example@db.example.com/platform"
        for fault, field in (("health-no-timestamp", "timestamp"), ("health-no-uptime", "uptime")):
            if fault in faults:
                del body[field]
        status = 503 if reason and "health-200-when-down" not in faults else 200
        answer = PlainTextResponse("ok", status) if "health-as-text" in faults else JSONResponse(body, status)
        answer.headers["cache-control"] = "max-age=60" if "health-cached" in faults else "no-store"
        return answer

    async def _find_problem(self) -> str | None:
        """Return the problem, None without one. The driver's message isn't used: it may hold the password."""
        try:
            uri = self._database_url()
        except FileNotFoundError:
            return "not deployed yet"
        except (OSError, ValueError, KeyError, TypeError):
            return "the deployment's settings are unreadable"
        try:
            with self._metrics.wait():
                async with asyncio.timeout(_DATABASE_TIMEOUT_SECONDS):
                    await self._free.acquire()
        except TimeoutError:
            return "no connection to the database is free"
        try:
            with self._metrics.use():
                return await self._ask(uri)
        finally:
            self._free.release()

    async def _ask(self, uri: str) -> str | None:
        check = asyncio.create_task(_query(uri))
        self._checks.add(check)
        check.add_done_callback(self._forget)
        # Not asyncio.timeout: on cancellation psycopg first asks the server, which may hang.
        await asyncio.wait({check}, timeout=_DATABASE_TIMEOUT_SECONDS)
        if not check.done():
            check.cancel()
            return f"the database did not answer within {_DATABASE_TIMEOUT_SECONDS:g} s"
        error = check.exception()
        if isinstance(error, psycopg.OperationalError):
            return "the database cannot be reached"
        return f"the database refused the query ({type(error).__name__})" if error else None

    def _forget(self, check: asyncio.Task[None]) -> None:
        self._checks.discard(check)
        if not check.cancelled():
            check.exception()  # else asyncio logs an exception that was never retrieved


async def _query(uri: str) -> None:
    connection = await psycopg.AsyncConnection.connect(uri, autocommit=True, connect_timeout=10)
    async with connection:
        await connection.execute("SELECT max(version) FROM schema_migrations")


async def _get_page(_: Request) -> HTMLResponse:
    return HTMLResponse(_PAGE_HTML)


async def _fail(_: Request) -> Response:
    """Fail, as the route of this name does by which Sentry's documentation tries an SDK out."""
    raise RuntimeError("An error to try error tracking out")


def read_database_url(home: TwinHome) -> str:
    """
    Return the database's address: a host's variable, else from the file {"database_url": ...} of a deploy.

    Raises:
        FileNotFoundError: nothing is deployed.
        KeyError: the deployment has no such variable.
    """
    if deployed := _find_backend(home):
        return reach_database(deployed.variables[DATABASE_URL])
    return str(json.loads((home.root / "platform.json").read_text())["database_url"])


def read_commit(home: TwinHome) -> str:
    """Return the commit that a host runs, else the one that a deploy wrote; empty without one."""
    if deployed := _find_backend(home):
        return deployed.commit
    try:
        return str(json.loads((home.root / "platform.json").read_text()).get("commit", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _find_backend(home: TwinHome) -> DeployedService | None:
    """Return the deployment that is given a database; None if no host runs one."""
    return next((one for one in list_deployed(home) if DATABASE_URL in one.variables), None)


def _build_routes(
    database_url: Callable[[], str],
    find_commit: Callable[[], str],
    faults: PlatformFaults,
    metrics: PlatformMetrics,
    origins: Collection[str] = (),
) -> ASGIApp:
    api = PlatformApi(faults, find_commit)

    async def show_metrics(_: Request) -> Response:
        if "metrics-public" in faults:
            return Response(metrics.render(), media_type=CONTENT_TYPE)
        return PlainTextResponse("Not Found", 404)

    routes = [
        Route("/health", HealthEndpoint(database_url, faults, metrics).__call__),
        Route("/debug-sentry", _fail),
        Route("/metrics", show_metrics),
        Route("/", _get_page),
        *api.routes,
    ]
    hardened = HardenedAnswers(Starlette(routes=routes), api, faults, origins)
    return MeasuredAnswers(hardened, metrics, [route.path for route in routes])


def build_application(
    home: TwinHome, ports: Sequence[int] = (), metrics: PlatformMetrics | None = None
) -> ASGIApp:
    """
    Return the application, which logs each request, and runs as its host's active deployment says.

    The pages of its own ports may use it.
    """
    faults = PlatformFaults(home.platform_faults)
    routes = _build_routes(
        lambda: read_database_url(home),
        lambda: read_commit(home),
        faults,
        metrics or build_metrics(),
        [f"https://localhost:{port}" for port in ports],
    )

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        begin = time.monotonic()

        async def send_and_log(message: Message) -> None:
            if message["type"] == "http.response.start":
                milliseconds = 1000 * (time.monotonic() - begin)
                # The path as it was sent, quoted, without the query, which may hold a secret.
                path = scope["raw_path"].decode("ascii", "replace")
                now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
                sys.stderr.write(
                    f"{now} {scope['method']} {path} {message['status']} {milliseconds:.0f} ms\n"
                )
                sys.stderr.flush()
            await send(message)

        deployed = DeployedService.read(home, scope["server"][1]) if scope["type"] == "http" else None
        if deployed and not deployed.starts:
            await _NOT_RUNNING(scope, receive, send_and_log)
            return
        try:
            await routes(scope, receive, send_and_log)
        except Exception as error:  # noqa: BLE001 - Starlette has answered 500
            await run_in_threadpool(report_error, error, deployed)

    return respond


def listen(port: int) -> socket.socket:
    """Return a socket that listens at a port of this machine. Ends the process where it is taken."""
    try:
        server = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        sys.exit(
            f"The sample platform cannot listen on port {port}: {error.strerror}. Free it, or change its URL."
        )
    # asyncio sets it for sockets that it makes itself alone; without it each answer waits for 40 ms.
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, action="append", help="serve over HTTPS; may be repeated")
    parser.add_argument("--plain-port", type=int)
    arguments = parser.parse_args()
    if arguments.plain_port:
        routes = _build_routes(lambda: os.environ["DATABASE_URL"], str, PlatformFaults(), build_metrics())
        _serve(uvicorn.Config(LoopbackOnly(routes), **_SERVER_OPTIONS), arguments.plain_port)
        return
    if not arguments.port:
        parser.error("give --port or --plain-port")
    home = TwinHome.from_environment()
    certificate, key = home.tls / "platform.crt", home.tls / "platform.key"
    if not (certificate.exists() and key.exists()):
        sys.exit(f"There is no certificate in {home.tls}: start the twin with ./bulwark up.")
    writer = canary.CanaryWriter(lambda: read_database_url(home))
    threading.Thread(target=writer.run, name="canary", daemon=True).start()
    serve_plain(home, arguments.port)
    metrics = build_metrics()
    metrics.serve(home, arguments.port[0])
    _serve(configure(home, arguments.port, metrics), *arguments.port)


def build_metrics() -> PlatformMetrics:
    """Return the metrics of an application that has answered nothing yet."""
    return PlatformMetrics(_MOST_CONNECTIONS)


def configure(home: TwinHome, ports: Sequence[int], metrics: PlatformMetrics | None = None) -> uvicorn.Config:
    """Return the server of the application over HTTPS at these ports."""
    faults = PlatformFaults(home.platform_faults)
    return uvicorn.Config(
        LoopbackOnly(build_application(home, ports, metrics)),
        ssl_context_factory=lambda _config, _default: serve_tls(home, faults),
        **_SERVER_OPTIONS,
    )


def _serve(config: uvicorn.Config, *ports: int) -> None:
    uvicorn.Server(config).run(sockets=[listen(port) for port in ports])


if __name__ == "__main__":
    main()
