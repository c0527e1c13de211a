"""An S3 server by rclone, and a proxy that injects faults in front of any S3 server."""

import http.client
import os
import re
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from twin.elsewhere import find_refused_header

RCLONE = Path(__file__).parents[2] / ".venv" / "bin" / "rclone"
KEY_ID = "planted-key-id"
SECRET = "planted-secret-key"
_BLOCK = 1 << 16
_START_SECONDS = 30.0


@contextmanager
def rclone_server(folder: Path) -> Generator[str]:
    """Serve `folder`, whose folders are buckets; give the URL. rclone has neither versions nor conditions."""
    log = folder.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [RCLONE, "serve", "s3", "--addr", "127.0.0.1:0", folder],
            env={"HOME": str(folder.parent), "RCLONE_AUTH_KEY": f'"{KEY_ID},{SECRET}"'},
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not (address := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield address[0]
    finally:
        process.kill()
        process.wait()


@dataclass
class Fault:
    """A fault of the next `times` requests that match. Offsets count bytes of the body."""

    method: str
    query: str = ""
    """A part of the path or query that must match, such as `partNumber`."""

    times: int = 1
    skip: int = 0
    """Number of matching requests that pass first."""

    answer: tuple[int, str] | None = None
    """Status and S3 code, in place of the server's answer."""

    cut_request: int | None = None
    cut_answer: int | None = None
    lose_answer: bool = False
    """The server gets the request; the client gets a closed connection."""

    damage_request: int | None = None
    has_no_checksum: bool = False
    """The server does not get the header Content-MD5, and takes what is damaged."""

    damage_answer: int | None = None
    shorten_answer: int | None = None
    """Number of bytes that are sent, with a Content-Length that says so."""

    ignore_range: bool = False
    ignore_condition: bool = False
    """The server does not get the header If-None-Match."""

    pause: float = 0.0
    """Seconds before each 64 KiB of the request's body is read."""


@dataclass
class Proxy:
    """Forwards requests to `upstream`, except for its faults."""

    upstream: str
    faults: list[Fault] = field(default_factory=list[Fault])
    recorded: list[tuple[str, str, dict[str, str]]] = field(
        default_factory=list[tuple[str, str, dict[str, str]]]
    )
    """Method, path with query, headers in lower case."""

    has_few_features: bool = False
    """Whether it refuses the headers that not every S3 service takes."""

    is_down: bool = False
    """Whether every connection is closed immediately."""

    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def requests(self, method: str, word: str = "") -> list[dict[str, str]]:
        """Return the headers of the recorded requests that match."""
        return [headers for verb, path, headers in self.recorded if verb == method and word in path]

    def next_fault(self, method: str, path: str) -> Fault:
        with self.lock:
            for fault in self.faults:
                if fault.times and fault.method in {method, "*"} and fault.query in path:
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault
        return Fault(method)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    proxy: Proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: connections break here on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: _Server  # pyrefly: ignore[bad-override-mutable-attribute] - the server that runs it

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Keep quiet."""

    def handle_one_request(self) -> None:
        if self.server.proxy.is_down:
            self.close_connection = True
            return
        super().handle_one_request()

    def _forward(self) -> None:
        proxy = self.server.proxy
        headers = {name.lower(): value for name, value in self.headers.items()}
        proxy.recorded.append((self.command, self.path, headers))
        fault = proxy.next_fault(self.command, self.path)
        body = self._read_body(int(headers.get("content-length", 0)), fault)
        if body is None:
            self.close_connection = True
        elif proxy.has_few_features and find_refused_header(headers):
            self._send_error(400, "InvalidArgument")
        elif fault.answer:
            self._send_error(*fault.answer)
        else:
            self._send_answer(*self._request_upstream(body, headers, fault), fault)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward  # noqa: N815 - the library's names

    def _read_body(self, length: int, fault: Fault) -> bytes | None:
        body = bytearray()
        end = length if fault.cut_request is None else min(fault.cut_request, length)
        while len(body) < end:
            time.sleep(fault.pause)
            body += self.rfile.read(min(_BLOCK, end - len(body)))
        if fault.cut_request is not None:
            return None
        if fault.damage_request is not None:
            body[fault.damage_request] ^= 1
        return bytes(body)

    def _request_upstream(
        self, body: bytes, headers: dict[str, str], fault: Fault
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        dropped = {"expect", "connection"}
        dropped |= {"range"} if fault.ignore_range else set[str]()
        dropped |= {"if-none-match"} if fault.ignore_condition else set[str]()
        dropped |= {"content-md5"} if fault.has_no_checksum else set[str]()
        connection = http.client.HTTPConnection(urlsplit(self.server.proxy.upstream).netloc, timeout=60)
        try:
            kept = {name: value for name, value in headers.items() if name not in dropped}
            if fault.ignore_range or fault.ignore_condition or fault.damage_request is not None:
                kept = _sign_again(self.command, f"{self.server.proxy.url}{self.path}", kept, body)
            connection.request(self.command, self.path, body or None, kept)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _send_answer(self, status: int, headers: list[tuple[str, str]], body: bytes, fault: Fault) -> None:
        if fault.lose_answer:
            self.close_connection = True
            return
        if fault.shorten_answer is not None:
            body = body[: fault.shorten_answer]
        if fault.damage_answer is not None:
            at = fault.damage_answer
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        self.send_response_only(status)
        dropped = {"transfer-encoding", "connection"}
        if self.command != "HEAD":
            dropped.add("content-length")
        for name, value in headers:
            if name.lower() not in dropped:
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if fault.cut_answer is None else body[: fault.cut_answer])
        if fault.cut_answer is not None:
            self.close_connection = True

    def _send_error(self, status: int, code: str) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>said of {code}</Message></Error>"
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())


def _sign_again(method: str, url: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
    """Return the headers of a changed request with its signature, as if the store itself had changed it."""
    request = AWSRequest(method, url, headers, body)
    region = headers["authorization"].split("/")[2]
    S3SigV4Auth(Credentials(KEY_ID, SECRET), "s3", region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@contextmanager
def run_proxy(upstream: str) -> Generator[Proxy]:
    """Run a proxy in front of `upstream`."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.proxy = Proxy(upstream, url=f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.proxy
    finally:
        server.proxy.is_down = True
        server.shutdown()
        with suppress(OSError):
            server.server_close()
        thread.join(timeout=10)


def credentials() -> dict[str, str]:
    """Return the environment variables that a client needs."""
    return {
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
