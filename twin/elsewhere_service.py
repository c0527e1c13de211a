"""
The twin's S3 server at another cloud: `python -m twin.elsewhere_service BUCKET`, at port `elsewhere`.

It is a second server of moto, with a process, a folder and an access key of its own; it knows nothing of the
twin's AWS. It refuses a request that its key did not sign. Its one bucket keeps versions and has Object Lock,
as one that is made by hand at a vendor has, and locks nothing by itself. It refuses S3's newer checksums, as
Backblaze B2 does.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

# moto reads it at import: the bucket's name comes from the path and never from the host (localhost).
os.environ["S3_IGNORE_SUBDOMAIN_BUCKETNAME"] = "true"

from moto.moto_server.werkzeug_app import create_backend_app
from moto.s3.models import s3_backends
from werkzeug.wrappers import Request, Response

from twin.aws.administrator import ACCOUNT
from twin.aws.authorization import PRINCIPAL
from twin.aws.buckets import patch_moto_s3
from twin.aws.errors import AwsServiceError
from twin.aws.objects import store_bodies_in
from twin.aws.policy import Principal
from twin.aws.service import DurableService, listen, serve
from twin.aws.signatures import check_signature, read_signature
from twin.aws.snapshot import AccountSnapshot, UnreadableSnapshotError
from twin.elsewhere import KEY_SECRETS, PORT, find_refused_header
from twin.host.home import TwinHome

_REGION: Final = "us-east-1"


def _is_signed_with(key: tuple[str, str], request: Request) -> bool:
    """Tell whether a request is signed with an access key."""
    try:
        signature = read_signature(request)
        if signature is None or signature.access_key != key[0]:
            return False
        check_signature(request, signature, key[1], "s3")
    except AwsServiceError:
        return False
    return True


def _may(request: Request) -> bool:
    """Tell whether the key's rights are enough: it lists, reads, adds and locks, as production's key does."""
    is_of_bucket = not request.path.strip("/").partition("/")[2]
    match request.method:
        case "DELETE":
            return "uploadId" in request.args  # gives up an upload
        case "PUT":
            return not is_of_bucket
        case "POST":
            return "uploads" in request.args or "uploadId" in request.args
        case _:
            return True


def _refuse(status: int, code: str, message: str) -> Response:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(body, status, content_type="application/xml")


def _create_application(key: tuple[str, str]) -> Callable[[Any], Any]:
    def create(service: Any) -> Any:
        application = create_backend_app(service)

        def authorize(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            request = Request(environ, populate_request=False)
            if name := find_refused_header(request.headers.keys()):
                message = f"Unsupported header '{name.lower()}' received for this API call."
                return _refuse(400, "InvalidArgument", message)(environ, start_response)
            if service != "s3" or not _is_signed_with(key, request):
                message = "the key is not known, or did not sign this request"
                return _refuse(403, "InvalidAccessKeyId", message)(environ, start_response)
            if not _may(request):
                return _refuse(403, "AccessDenied", "the key may not do this")(environ, start_response)
            environ[PRINCIPAL] = Principal("AWS", f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
            return application(environ, start_response)

        return authorize

    return create


def _ensure_bucket(name: str) -> None:
    """Make the bucket at the first start, with versions and Object Lock and without a default retention."""
    backend = s3_backends[ACCOUNT]["aws"]
    if name not in backend.buckets:
        bucket = backend.create_bucket(name, _REGION)
        bucket.object_lock_enabled = True
        bucket.versioning_status = "Enabled"


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    logging.getLogger("aws").setLevel(logging.INFO)
    home, bucket = TwinHome.from_environment(), sys.argv[1]
    port = home.port(PORT)
    try:
        listener = listen(port)
    except OSError as cause:
        sys.exit(f"Store elsewhere: port {port} of 127.0.0.1 is not free ({cause.strerror}).")
    folder = home.root / "elsewhere"
    folder.mkdir(mode=0o700, exist_ok=True)
    store_bodies_in(folder / "objects")
    patch_moto_s3()
    try:
        snapshot = AccountSnapshot(folder / "snapshot")
        snapshot.restore()
    except UnreadableSnapshotError as unreadable:
        sys.exit(f"Store elsewhere: {unreadable}")
    key_id, secret = (home.secret(name) for name in KEY_SECRETS)
    service = DurableService(snapshot, _create_application((key_id, secret)))
    service.apply_change(lambda: _ensure_bucket(bucket))
    serve(service, port, listener)


if __name__ == "__main__":
    main()
