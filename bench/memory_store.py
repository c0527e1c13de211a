"""
An S3 server for benchmarks that keeps objects in memory and lists a million of them fast.

Usage: `python bench/memory_store.py PORT_FILE [BUCKET COUNT]...` It writes its port into the file. A bucket
has at first as many objects of one byte, named `0000/0000000.bin` and so on; the bucket `vault` has them as
copies. Versions have names, and only the newest is kept. It checks no signature, so it serves loopback alone.
It knows what listings, uploads and downloads by rclone and by Bulwark need.
"""

import hashlib
import sys
import threading
from bisect import bisect_left, bisect_right, insort
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar, Final, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

_MARKERS: Final = ("continuation-token", "start-after", "key-marker", "marker")
_XMLNS: Final = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


COPIES: Final = "files/objects/files/documents/"
"""Prefix of the copies in a vault of the bucket `documents` of the store `files`."""

BODY: Final = b"x"
"""Content of the objects that a bucket has at first."""


class Stored(NamedTuple):
    """An object, and its parts of both listings."""

    body: bytes
    etag: str
    metadata: dict[str, str]
    version: str
    in_objects: bytes
    in_versions: bytes


class Bucket:
    """Objects by key, and the keys in their order. An object that is put again replaces the one before."""

    def __init__(self, prefix: str, count: int) -> None:
        self.lock = threading.Lock()
        self.objects = {
            key: make_stored(key, BODY, {}, version_of(number))
            for number in range(count)
            for key in (f"{prefix}{key_of(number)}",)
        }
        self.keys = sorted(self.objects)

    def put(self, key: str, body: bytes, metadata: dict[str, str]) -> Stored:
        with self.lock:
            if key not in self.objects:
                insort(self.keys, key)
            stored = self.objects[key] = make_stored(key, body, metadata, f"v{len(self.keys)}x{len(body)}")
            return stored


def key_of(number: int) -> str:
    """Return the key of an object that a bucket has at first; a folder has a thousand."""
    return f"{number // 1000:04}/{number:07}.bin"


def version_of(number: int) -> str:
    """Return the version of such an object."""
    return f"version-{number}"


def digest_of(body: bytes) -> str:
    """Return the ETag of a content."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def make_stored(key: str, body: bytes, metadata: dict[str, str], version: str) -> Stored:
    etag, written = digest_of(body), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    shared = (
        f"<Key>{escape(quote(key))}</Key><LastModified>{written}</LastModified>"
        f"<ETag>&quot;{etag}&quot;</ETag><Size>{len(body)}</Size><StorageClass>STANDARD</StorageClass>"
    )
    return Stored(
        body,
        etag,
        metadata,
        version,
        f"<Contents>{shared}</Contents>".encode(),
        f"<Version>{shared}<VersionId>{version}</VersionId><IsLatest>true</IsLatest></Version>".encode(),
    )


def _format_page(parts: list[bytes], next_marker: str, *, is_versions: bool) -> bytes:
    """Return a page; `next_marker` is where the next one begins, empty for the last."""
    name, following = "ListVersionsResult" if is_versions else "ListBucketResult", ""
    if next_marker:
        marker = escape(quote(next_marker))
        following = (
            f"<NextKeyMarker>{marker}</NextKeyMarker><NextVersionIdMarker>v</NextVersionIdMarker>"
            if is_versions
            else f"<NextContinuationToken>{escape(next_marker)}</NextContinuationToken>"
            f"<NextMarker>{marker}</NextMarker>"
        )
    is_cut = str(bool(next_marker)).lower()
    head = f"<{name} {_XMLNS}><EncodingType>url</EncodingType><IsTruncated>{is_cut}</IsTruncated>"
    return b"".join((head.encode(), *parts, f"{following}</{name}>".encode()))


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body go out together
    disable_nagle_algorithm = True
    buckets: ClassVar[dict[str, Bucket]]

    def do_GET(self) -> None:
        bucket, key, query = self._target()
        if bucket is None:
            self._refuse(404, "NoSuchBucket")
        elif "retention" in query:
            self._refuse(404, "NoSuchObjectLockConfiguration")
        elif key:
            self._give(bucket, key)
        elif "object-lock" in query:
            self._refuse(404, "ObjectLockConfigurationNotFoundError")
        elif "uploads" in query:
            self._answer(f"<ListMultipartUploadsResult {_XMLNS}/>".encode())
        elif "versioning" in query:
            status = "<Status>Enabled</Status>"
            self._answer(f"<VersioningConfiguration {_XMLNS}>{status}</VersioningConfiguration>".encode())
        elif "location" in query:
            self._answer(f"<LocationConstraint {_XMLNS}/>".encode())
        else:
            self._answer(self._list(bucket, query))

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def handle_expect_100(self) -> bool:
        """Let the body come, which botocore holds back for a second otherwise."""
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        return True

    def do_PUT(self) -> None:
        bucket, key, query = self._target()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if bucket is None or not key:
            self._refuse(404, "NoSuchBucket")
            return
        if self.headers.get("If-None-Match") == "*" and key in bucket.objects:
            self._refuse(412, "PreconditionFailed")
            return
        if "tagging" in query:
            self._answer(b"")
            return
        metadata = {
            name.lower(): text
            for name, text in self.headers.items()
            if name.lower().startswith("x-amz-meta-")
        }
        stored = bucket.put(key, body, metadata)
        self._answer(b"", {"ETag": f'"{stored.etag}"', "x-amz-version-id": stored.version})

    def _target(self) -> tuple[Bucket | None, str, dict[str, str]]:
        parts = urlsplit(self.path)
        name, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        return self.buckets.get(name), key, query

    def _give(self, bucket: Bucket, key: str) -> None:
        stored = bucket.objects.get(key)
        if stored is None:
            self._refuse(404, "NoSuchKey")
            return
        headers = {
            "ETag": f'"{stored.etag}"',
            "x-amz-version-id": stored.version,
            "Last-Modified": formatdate(usegmt=True),
        }
        self._answer(stored.body, headers | stored.metadata, "application/octet-stream")

    def _list(self, bucket: Bucket, query: dict[str, str]) -> bytes:
        """Return a page of objects, or of versions, with or without a delimiter."""
        is_versions = "versions" in query
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = next(
            (
                query[name]
                for name in ("continuation-token", "start-after", "key-marker", "marker")
                if name in query
            ),
            "",
        )
        keys, limit = bucket.keys, min(int(query.get("max-keys", 1000)), 1000)
        place = max(bisect_right(keys, after), bisect_left(keys, prefix))
        parts: list[bytes] = []
        last, is_cut = "", False
        while place < len(keys) and keys[place].startswith(prefix):
            if len(parts) == limit:
                is_cut = True
                break
            last = keys[place]
            rest = last.removeprefix(prefix)
            if delimiter and delimiter in rest:
                folder = prefix + rest.partition(delimiter)[0] + delimiter
                parts.append(
                    f"<CommonPrefixes><Prefix>{escape(quote(folder))}</Prefix></CommonPrefixes>".encode()
                )
                last = folder + "\U0010ffff"
                place = bisect_left(keys, last)
                continue
            stored = bucket.objects[last]
            parts.append(stored.in_versions if is_versions else stored.in_objects)
            place += 1
        return _format_page(parts, last if is_cut else "", is_versions=is_versions)

    def _refuse(self, status: int, code: str) -> None:
        self._answer(f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode(), status=status)

    def _answer(
        self,
        body: bytes,
        headers: dict[str, str] | None = None,
        content_type: str = "application/xml",
        *,
        status: int = 200,
    ) -> None:
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Write no log."""


def main(port_file: str, *counts: str) -> None:
    """Serve until the process is ended."""
    Handler.buckets = {
        name: Bucket(COPIES if name == "vault" else "", int(count))
        for name, count in zip(counts[::2], counts[1::2], strict=True)
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Path(port_file).write_text(str(server.server_port))
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
