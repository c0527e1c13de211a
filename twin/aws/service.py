"""
The twin's AWS endpoint: `python -m twin.aws.service`, on 127.0.0.1 at the home's port `aws`.

It is moto's server, restricted to the services the platform uses and made durable: a change is on disk
before its answer is sent, so that a stopped or killed service comes back with the same ids, versions, dates
and locks.

What moto does not do, here as elsewhere: carry out lifecycle rules, check that a KMS key
exists when S3 is told to encrypt with it, keep older versions when a bucket's versioning is suspended and an
object is overwritten. IAM is enforced in front of it (twin/aws/authorization.py).
"""

import io
import logging
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

# Read by moto when it is imported: a bucket is named by the path, never by the host (localhost is no bucket).
os.environ["S3_IGNORE_SUBDOMAIN_BUCKETNAME"] = "true"

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from twin.aws.authorization import guarded
from twin.aws.buckets import correct_s3
from twin.aws.keys import correct_kms
from twin.aws.objects import ObjectIndex, keep_bodies_in
from twin.aws.replication import Replicator
from twin.aws.sessions import correct_sts
from twin.aws.snapshot import SERVICES, AccountSnapshot, UnreadableSnapshotError
from twin.host.home import TwinHome

_log = logging.getLogger("aws")
_T = TypeVar("_T")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")


class DurableService:
    """
    A WSGI application that answers a change only when a snapshot holds it.

    Requests take turns, because moto is not made for threads and nothing may change while it is pickled; they
    send and receive outside of it. Changes that wait for the disk together share a snapshot.
    """

    def __init__(self, snapshot: AccountSnapshot) -> None:
        self._moto = DomainDispatcherApplication(_application)
        self._snapshot = snapshot
        self._turn = threading.Lock()
        self._writing = threading.Lock()
        self._made = 0
        self._durable = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        started = time.monotonic()
        _receive(environ)
        request = _described(environ)
        try:
            response = self._answer(environ)
        except Exception:  # noqa: BLE001 - whatever fails in moto, the client gets an answer
            _log.exception("%s failed", request)
            response = _error(500, "InternalError", "The twin's AWS service failed; its log says where.")
        _log.info("%s %d %.0f ms", request, response.status_code, (time.monotonic() - started) * 1000)
        return response(environ, start_response)

    def _answer(self, environ: dict[str, Any]) -> Response:
        changing = environ["REQUEST_METHOD"] not in _READING
        with self._turn:
            ObjectIndex.noting = changing
            self._made += changing
            change = self._made
            response = Response.from_app(self._moto, environ, buffered=True)
        if changing:
            self._make_durable(change)
        return response

    def change(self, work: Callable[[], _T]) -> _T:
        """Do what changes something beside requests, in turn with them, and make it durable."""
        with self._turn:
            self._made += 1
            change = self._made
            result = work()
        self._make_durable(change)
        return result

    def _make_durable(self, change: int) -> None:
        with self._writing:
            if self._durable >= change:
                return
            with self._turn:
                made = self._made
                self._snapshot.collect()
            self._snapshot.write()
            self._durable = made


class _Handler(MotoRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Leave the log to DurableService, which knows what to keep out of it."""


def _application(service: Any) -> Any:
    if service in SERVICES:
        return guarded(service, create_backend_app(service))
    message = f"The twin's AWS account has {', '.join(SERVICES)} and nothing else."
    return _error(404, "UnknownService", message)


def _error(status: int, code: str, message: str) -> Response:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(body, status, content_type="application/xml")


def _receive(environ: dict[str, Any]) -> None:
    """Take the whole body in before the request's turn begins: a slow client holds nobody up."""
    length = environ.get("CONTENT_LENGTH")
    chunked = environ.get("wsgi.input_terminated", False)
    if not (length or chunked):
        return
    body = environ["wsgi.input"].read(*([int(length)] if length else []))
    environ["wsgi.input"] = io.BytesIO(body)
    environ.setdefault("CONTENT_LENGTH", str(len(body)))


def _described(environ: dict[str, Any]) -> str:
    """Name a request without what is secret in it: headers, or values of the query (presigned URLs)."""
    names = sorted({part.partition("=")[0] for part in environ["QUERY_STRING"].split("&")} - {""})
    action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    form = environ["wsgi.input"]
    if isinstance(form, io.BytesIO) and "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        found = _ACTION.search(form.getvalue())
        action = found[1].decode() if found else action
    query = f"?{'&'.join(names)}" if names else ""
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}{query} {action}".rstrip()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    _log.setLevel(logging.INFO)
    home = TwinHome.from_environment()
    port = home.port("aws")
    try:
        listener = _listen(port)
    except OSError as cause:
        sys.exit(f"AWS service: port {port} of 127.0.0.1 is not free ({cause.strerror}). Stop what holds it.")
    keep_bodies_in(home.aws / "objects")
    correct_s3()
    correct_kms()
    correct_sts()
    try:
        snapshot = AccountSnapshot(home.aws / "snapshot")
        snapshot.restore()
    except UnreadableSnapshotError as unreadable:
        sys.exit(f"AWS service: {unreadable}")
    service = DurableService(snapshot)
    Replicator(service.change).start()
    server = make_server(
        "127.0.0.1", port, service, threaded=True, request_handler=_Handler, fd=listener.fileno()
    )
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: sys.exit(0))
    server.serve_forever()


if __name__ == "__main__":
    main()
