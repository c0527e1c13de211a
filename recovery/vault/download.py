"""Download of one object as a stream: resumed after broken connections, verified before the last chunk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ConnectionError as BrokenConnectionError
from botocore.exceptions import HTTPClientError, IncompleteReadError
from botocore.response import StreamingBody
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from recovery.vault.client import Damaged, explain_errors
from recovery.vault.upload import MIB

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

_CHUNK_BYTES: Final = MIB
_ATTEMPTS: Final = 8
"""Attempts per chunk. Back-off is random up to 2^n / 2 s, at most 20 s."""


class _TruncatedError(IncompleteReadError):
    """The response ended before the end of the object."""


_RETRIED_ERRORS: Final = (BrokenConnectionError, HTTPClientError, IncompleteReadError)


class Download:
    """The bytes of an object, read in chunks; a new connection continues where the last one broke."""

    def __init__(self, client: S3Client, request: GetObjectRequestTypeDef, name: str) -> None:
        self._client, self._request, self._name = client, request, name
        self._body: StreamingBody | None = None
        self._etag = ""
        self._offset = 0
        self._partial = bytearray()
        self.bytes: int | None = None
        """Size of the object as the vault reports it; None before the first response."""

    def next_chunk(self) -> bytes:
        """Return the next chunk; empty at the end."""
        return Retrying(
            retry=retry_if_exception_type(_RETRIED_ERRORS),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(0.5, max=20),
            reraise=True,
        )(self._read)

    def open(self) -> None:
        """
        Request the rest of the object; the client itself repeats requests that fail.

        Raises:
            Failure: the request is refused, or the object is not the one of the first request.
        """
        request = self._request.copy()
        if self._offset:
            request["Range"], request["IfMatch"] = f"bytes={self._offset}-", self._etag
        with explain_errors(f"Reading {self._name}"):
            response = self._client.get_object(**request)
        start = f"bytes {self._offset}-"
        if self._offset and not response.get("ContentRange", "").startswith(start):
            raise Damaged(
                f"Reading {self._name} failed: the vault does not continue where asked.", "read it again."
            )
        self.bytes = self._offset + response["ContentLength"]
        self._etag, self._body = response["ETag"], response["Body"]

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._body is not None:
            self._body.close()
        self._body = None

    def _read(self) -> bytes:
        if self._body is None:
            self.open()
        assert self._body is not None  # noqa: S101 - for the type checker
        assert self.bytes is not None  # noqa: S101
        try:
            while len(self._partial) < _CHUNK_BYTES and self._offset < self.bytes:
                data = self._body.read(_CHUNK_BYTES - len(self._partial))
                if not data:
                    raise _TruncatedError(actual_bytes=self._offset, expected_bytes=self.bytes)
                self._partial += data
                self._offset += len(data)
        except _RETRIED_ERRORS:
            self.close()
            raise
        chunk = bytes(self._partial)
        self._partial.clear()
        return chunk


def read_verified(
    source: Download, name: str, *, sha256: str | None, expected_bytes: int | None
) -> Iterator[bytes]:
    """
    Yield the chunks of `source`. The last chunk follows only after size and SHA-256 are verified.

    Raises:
        Failure: before the first chunk, if there is no such object or its size is another one; before the
            last, if the SHA-256 is another one; at any chunk, if the connection breaks at every attempt.
    """
    try:
        with explain_errors(f"Reading {name}"):
            source.open()
        if expected_bytes is not None and source.bytes != expected_bytes:
            raise _damage_failure(name, f"it has {source.bytes:,} bytes, and {expected_bytes:,} were stored")
        yield from hold_back_last(_read_chunks(source, name), name, sha256=sha256)
    finally:
        source.close()


def hold_back_last(
    chunks: Iterable[bytes], name: str, *, sha256: str | None, expected_bytes: int | None = None
) -> Iterator[bytes]:
    """
    Yield the chunks of an object, the last one only after size and SHA-256 are verified.

    Raises:
        Damaged: before the last chunk, if one of them is another one.
    """
    digest, pending, count = hashlib.sha256(), b"", 0
    for chunk in chunks:
        digest.update(chunk)
        count += len(chunk)
        if pending:
            yield pending
        pending = chunk
    if expected_bytes is not None and count != expected_bytes:
        raise _damage_failure(name, f"it has {count:,} bytes, and {expected_bytes:,} were stored")
    if sha256 is not None and digest.hexdigest() != sha256:
        raise _damage_failure(name, f"its SHA-256 is {digest.hexdigest()}, and {sha256} was stored")
    if pending:
        yield pending


def _read_chunks(source: Download, name: str) -> Iterator[bytes]:
    while True:
        with explain_errors(f"Reading {name}"):
            chunk = source.next_chunk()
        if not chunk:
            return
        yield chunk


def _damage_failure(name: str, reason: str) -> Damaged:
    return Damaged(
        f"{name} is damaged: {reason}.",
        "use another backup, or the other vault's copy (--vault replica); keep this one for the inquiry.",
    )
