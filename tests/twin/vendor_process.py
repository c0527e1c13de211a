"""The vendors' process running inside a test, and targets for it to probe."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn

from twin.host.home import TwinHome
from twin.host.time_scale import TimeScale
from twin.host.tls import ensure_certificates
from twin.sentry.model import Sentry
from twin.uptimerobot.model import UptimeRobot
from twin.vendor.store import Attributes, VendorStore
from twin.vendor_service import VendorService

FAST = 60.0
"""A minute takes a second."""


_T = TypeVar("_T")


def eventually(condition: Callable[[], _T], timeout_seconds: float = 60.0) -> _T:
    """Return the first truthy answer; fail when there is none in time."""
    deadline = time.monotonic() + timeout_seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"nothing in {timeout_seconds} s"
        time.sleep(0.02)
    return answer


class Twin:
    """A running vendors' process, used through its models and over HTTP."""

    def __init__(self, home: TwinHome) -> None:
        self.home = home
        self.url = f"http://127.0.0.1:{home.port('vendors')}"
        self.uptimerobot = UptimeRobot(home)
        self.sentry = Sentry(home)
        self.store: VendorStore = self.uptimerobot.store

    def close(self) -> None:
        self.store.close()
        self.sentry.store.close()

    def contact(self, name: str = "sev1", *, kind: str = "webhook", **attributes: Any) -> str:
        """Add an integration that reports to the inbox's channel of its name, and return its id."""
        integration: Attributes = {
            "name": name,
            "type": kind,
            "value": f"{self.url}/inbox/{name}",
            "enableNotificationsFor": 1,
            "sslExpirationReminder": False,
            **({"sendAsJson": True} if kind == "webhook" else {}),
            **attributes,
        }
        return self.uptimerobot.create("integration", integration)[0]

    def monitor(self, *contacts: str, **attributes: Any) -> str:
        """Add a monitor that probes each minute and alerts the contacts immediately; return its id."""
        assigned = [{"alertContactId": contact, "threshold": 0, "recurrence": 0} for contact in contacts]
        monitor = {
            "name": "backend",
            "type": "HTTP",
            "interval": 60,
            "assignedAlertContacts": assigned,
            **attributes,
        }
        return self.uptimerobot.create("monitor", monitor)[0]

    def received(self, channel: str) -> list[Any]:
        """Return the bodies that the inbox received on a channel."""
        return [entry["body"] for entry in httpx.get(f"{self.url}/inbox/{channel}").raise_for_status().json()]

    def recorded(self, stream: str) -> list[Attributes]:
        return [recorded.content for recorded in self.store.read_log(stream)]

    def status(self, monitor: str, vendor: str = "uptimerobot") -> str:
        watch = self.store.get("twin", "watch", f"{vendor}:{monitor}")
        return watch["status"] if watch else "UNKNOWN"

    def await_status(self, monitor: str, status: str, vendor: str = "uptimerobot") -> None:
        eventually(lambda: self.status(monitor, vendor) == status)


@contextmanager
def running_vendors(home: TwinHome, speed: float) -> Generator[None]:
    """Run the vendors' process on its port, and stop it in order."""
    config = uvicorn.Config(
        VendorService(home, home.port("vendors"), TimeScale(speed)).build_app(),
        host="127.0.0.1",
        port=home.port("vendors"),
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started)
        yield
    finally:
        server.should_exit = True
        thread.join()


def fresh_home(folder: Path) -> TwinHome:
    home = TwinHome(folder / "twin")
    home.create()
    ensure_certificates(home)
    return home


@contextmanager
def running_twin(folder: Path, speed: float = FAST) -> Generator[Twin]:
    twin = Twin(fresh_home(folder))
    with running_vendors(twin.home, speed):
        yield twin
    twin.close()


class Target:
    """A small HTTP(S) server whose answers a test sets while it runs."""

    def __init__(self) -> None:
        self.status = 200
        self.body = '{"status": "ok"}'
        self.delay_seconds = 0.0
        self.requests: list[tuple[str, str, dict[str, str], str]] = []
        self.url = ""
        self.port = 0


@contextmanager
def serving_target(tls: Any = None) -> Generator[Target]:
    """Serve a target; `tls` is an ssl.SSLContext for https."""
    target = Target()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            # Whoever sees the request may change the target at once; this one is answered as it was before.
            status, content = target.status, target.body.encode()
            target.requests.append((self.command, self.path, headers, sent))
            time.sleep(target.delay_seconds)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
            """Keep the test's output clean."""

    class QuietServer(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that distrusts the certificate hangs up; that is what such a test wants."""

    server = QuietServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    target.port = server.server_address[1]
    target.url = f"{'https' if tls else 'http'}://localhost:{target.port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield target
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
