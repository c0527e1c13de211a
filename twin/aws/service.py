"""
The twin's AWS endpoint: `python -m twin.aws.service`, on 127.0.0.1 at the home's port `aws`.

It is moto's server, restricted to the services that the platform uses, and durable: a change is on disk
before its response is sent, so a stopped or killed service restarts with the same ids, versions, dates and
locks.

Like moto it does not run lifecycle rules, does not check that the KMS key of an S3 encryption exists, and
keeps no older version when an object is overwritten while versioning is suspended.
twin/aws/authorization.py enforces IAM in front of moto. The service also publishes the keys of the twin's
OIDC issuer, at GitHub's path.
"""

import io
import json
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
from xml.sax.saxutils import escape

# moto reads them at import: the bucket's name comes from the path and never from the host (localhost), and no
# page of another site may read an answer.
os.environ["S3_IGNORE_SUBDOMAIN_BUCKETNAME"] = "true"
os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"

from moto import backends
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from twin.aws import issuer
from twin.aws.authorization import CALLS, add_authorization
from twin.aws.buckets import patch_moto_s3
from twin.aws.call_events import RecordedCall
from twin.aws.event_rules import find_notifications
from twin.aws.keys import patch_moto_kms
from twin.aws.notifications import Notification, NotificationSender
from twin.aws.objects import ObjectIndex, store_bodies_in
from twin.aws.replication import Replicator
from twin.aws.roles import patch_moto_iam
from twin.aws.sessions import patch_moto_sts
from twin.aws.setting_conflicts import ConflictingSettingError, SettingsInProgress
from twin.aws.signatures import hash_body
from twin.aws.simulation import patch_moto_simulator
from twin.aws.snapshot import SERVICES, AccountSnapshot, UnreadableSnapshotError
from twin.aws.subscriptions import confirm, patch_moto_sns, repeat_questions, take_questions
from twin.aws.trails import patch_moto_cloudtrail
from twin.host.home import TwinHome
from twin.host.loopback import find_foreign_name, refusal

_log = logging.getLogger("aws")
_T = TypeVar("_T")
_READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")


# moto looks into its folder at every request for the names of its services (moto/backends.py, 5.2.5).
_MODULES = tuple(backends.list_of_moto_modules())
backends.list_of_moto_modules = lambda: _MODULES


class DurableService:
    """
    A WSGI application that answers a changing request once a snapshot holds the change.

    Requests run one at a time, because moto is not thread-safe and must not change while it is pickled. Their
    bodies are received and sent concurrently. Changes that wait for the disk together share a snapshot.
    """

    def __init__(
        self,
        snapshot: AccountSnapshot,
        create_application: Callable[[Any], Any],
        on_notification: Callable[[Notification], None] = lambda _: None,
    ) -> None:
        """
        Serve nothing yet.

        Args:
            snapshot: Where changes are kept.
            create_application: Returns the WSGI application of a service, by moto's name for it.
            on_notification: Called with each message that a request causes, once its change is durable.
        """
        self._moto = DomainDispatcherApplication(create_application)
        self._snapshot = snapshot
        self._on_notification = on_notification
        self._request_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._settings_in_progress = SettingsInProgress()
        self._last_change = 0
        self._last_durable_change = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        started = time.monotonic()
        foreign = find_foreign_name(environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN", ""))
        if not foreign:
            _read_body(environ)
        request = _describe_request(environ)
        try:
            with self._settings_in_progress.write(environ):
                response = (
                    _error_response(403, "AccessDenied", escape(refusal(foreign)))
                    if foreign
                    else self._respond(environ)
                )
        except ConflictingSettingError:
            response = _error_response(
                409,
                "OperationAborted",
                "A conflicting conditional operation is currently in progress against this resource. Please "
                "try again.",
            )
        except Exception:  # noqa: BLE001 - the client gets a response whatever fails in moto
            _log.exception("%s failed", request)
            response = _error_response(
                500, "InternalError", "The twin's AWS service failed; its log says where."
            )
        _log.info("%s %d %.0f ms", request, response.status_code, (time.monotonic() - started) * 1000)
        return response(environ, start_response)

    def _respond(self, environ: dict[str, Any]) -> Response:
        if environ["PATH_INFO"] == issuer.KEYS_PATH:  # no bucket's name begins with a dot
            keys = issuer.public_keys(TwinHome.from_environment())
            return Response(json.dumps(keys), content_type="application/json")
        changing = environ["REQUEST_METHOD"] not in _READ_METHODS
        with self._request_lock:
            ObjectIndex.tracking = changing
            self._last_change += changing
            change = self._last_change
            calls: list[RecordedCall] = []
            response = Response.from_app(self._moto, {**environ, CALLS: calls}, buffered=True)
            notifications = [each for call in calls for each in find_notifications(call, response)]
            notifications += take_questions()
        if changing:
            self._make_durable(change)
        for notification in notifications:
            self._on_notification(notification)
        return response

    def apply_change(self, work: Callable[[], _T]) -> _T:
        """Run `work`, a change outside of requests, while no request runs; make the change durable."""
        with self._request_lock:
            self._last_change += 1
            change = self._last_change
            result = work()
        self._make_durable(change)
        return result

    def _make_durable(self, change: int) -> None:
        with self._write_lock:
            if self._last_durable_change >= change:
                return
            with self._request_lock:
                last_change = self._last_change
                self._snapshot.collect()
            self._snapshot.write()
            self._last_durable_change = last_change


class SilentRequestHandler(MotoRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: DurableService logs requests, without their secrets."""


def _create_application(service: Any) -> Any:
    if service in SERVICES:
        return add_authorization(service, create_backend_app(service))
    message = f"The twin's AWS account has {', '.join(SERVICES)} and nothing else."
    return _error_response(404, "UnknownService", message)


def _error_response(status: int, code: str, message: str) -> Response:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(body, status, content_type="application/xml")


def _read_body(environ: dict[str, Any]) -> None:
    """Receive the whole body before the request takes the lock, so a slow client blocks no other."""
    length = environ.get("CONTENT_LENGTH")
    chunked = environ.get("wsgi.input_terminated", False)
    if not (length or chunked):
        return
    body = environ["wsgi.input"].read(*([int(length)] if length else []))
    hash_body(environ, body)
    environ["wsgi.input"] = io.BytesIO(body)
    environ.setdefault("CONTENT_LENGTH", str(len(body)))


def _describe_request(environ: dict[str, Any]) -> str:
    """Return a request's log text without its secrets: headers, and values of the query (presigned URLs)."""
    names = sorted({part.partition("=")[0] for part in environ["QUERY_STRING"].split("&")} - {""})
    action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    form = environ["wsgi.input"]
    if isinstance(form, io.BytesIO) and "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        match = _ACTION.search(form.getvalue())
        action = match[1].decode() if match else action
    query = f"?{'&'.join(names)}" if names else ""
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}{query} {action}".rstrip()


def listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def serve(service: DurableService, port: int, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    server = make_server(
        "127.0.0.1", port, service, threaded=True, request_handler=SilentRequestHandler, fd=listener.fileno()
    )
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: sys.exit(0))
    server.serve_forever()


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    _log.setLevel(logging.INFO)
    home = TwinHome.from_environment()
    port = home.port("aws")
    try:
        listener = listen(port)
    except OSError as cause:
        sys.exit(f"AWS service: port {port} of 127.0.0.1 is not free ({cause.strerror}). Stop what holds it.")
    store_bodies_in(home.aws / "objects")
    patch_moto_s3()
    patch_moto_kms()
    patch_moto_iam()
    patch_moto_simulator()
    patch_moto_sts()
    patch_moto_sns()
    patch_moto_cloudtrail()
    try:
        snapshot = AccountSnapshot(home.aws / "snapshot")
        snapshot.restore()
    except UnreadableSnapshotError as unreadable:
        sys.exit(f"AWS service: {unreadable}")
    sender = NotificationSender(home)
    service = DurableService(snapshot, _create_application, sender.send)
    for question in repeat_questions():
        sender.send(question)
    sender.start(lambda arn: service.apply_change(lambda: confirm(arn)))
    Replicator(service.apply_change).start()
    serve(service, port, listener)


if __name__ == "__main__":
    main()
