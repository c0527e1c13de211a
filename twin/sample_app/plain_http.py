"""The sample platform over plain HTTP: it leads to HTTPS, or serves the page where a fault says so."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from twin.host.home import TwinHome
from twin.sample_app.faults import PlatformFaults

_IDLE_SECONDS: Final = 5.0


def find_plain_port(home: TwinHome, port: int) -> int:
    """Return the port of plain HTTP beside one of HTTPS; at a vendor they are 80 and 443."""
    return home.port(f"plain-{port}")


def serve_plain(home: TwinHome, ports: Sequence[int]) -> Callable[[], None]:
    """Serve beside these ports of HTTPS, from threads that end with the process. Return what ends it."""
    faults = PlatformFaults(home.platform_faults)
    servers = [
        ThreadingHTTPServer(("127.0.0.1", find_plain_port(home, port)), partial(_PlainHandler, port, faults))
        for port in ports
    ]
    for server in servers:
        threading.Thread(target=server.serve_forever, name="plain HTTP", daemon=True).start()

    def end() -> None:
        for server in servers:
            server.shutdown()
            server.server_close()

    return end


class _PlainHandler(BaseHTTPRequestHandler):
    timeout = _IDLE_SECONDS
    server_version, sys_version = "plain", ""

    def __init__(self, secure_port: int, faults: PlatformFaults, *arguments: Any) -> None:
        self._secure_port, self._faults = secure_port, faults
        super().__init__(*arguments)  # which answers the request

    def do_GET(self) -> None:
        """Answer with the address over HTTPS."""
        faults = self._faults.names
        is_served = "plain-served" in faults
        self.send_response(HTTPStatus.OK if is_served else HTTPStatus.PERMANENT_REDIRECT)
        if not is_served:
            scheme = "http" if "plain-stays-plain" in faults else "https"
            self.send_header("Location", f"{scheme}://localhost:{self._secure_port}{self.path}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Log nothing: nobody but a check comes here."""
