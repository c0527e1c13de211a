"""One object read as a stream, over broken connections, and never handed out whole if it is damaged."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ConnectionError as BrokenConnectionError
from botocore.exceptions import HTTPClientError, IncompleteReadError
from botocore.response import StreamingBody
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from recovery.vault.client import Damaged, explained
from recovery.vault.upload import MIB

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

_CHUNK_BYTES: Final = MIB
_ATTEMPTS: Final = 8
"""For each chunk; back-off is random up to 2^n / 2 s, at most 20 s."""


class _TruncatedError(IncompleteReadError):
    """The answer ended before the object did."""


_BROKEN: Final = (BrokenConnectionError, HTTPClientError, IncompleteReadError)


class Download:
    """An object's bytes, from wherever the last connection broke."""

    def __init__(self, client: S3Client, request: GetObjectRequestTypeDef, name: str) -> None:
        self._client, self._request, self._name = client, request, name
        self._body: StreamingBody | None = None
        self._etag = ""
        self._offset = 0
        self._partial = bytearray()
        self.bytes: int | None = None
        """What the vault says that the object has; None before the first answer."""

    def next(self) -> bytes:
        """Return the next chunk; nothing at the end."""
        return Retrying(
            retry=retry_if_exception_type(_BROKEN),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(0.5, max=20),
            reraise=True,
        )(self._read)

    def open(self) -> None:
        """
        Ask for what is still to come; the client itself repeats requests that fail.

        Raises:
            Failure: where it is refused, or is another object than before.
        """
        request = self._request.copy()
        if self._offset:
            request["Range"], request["IfMatch"] = f"bytes={self._offset}-", self._etag
        with explained(f"Reading {self._name}"):
            answer = self._client.get_object(**request)
        start = f"bytes {self._offset}-"
        if self._offset and not answer.get("ContentRange", "").startswith(start):
            raise Damaged(
                f"Reading {self._name} failed: the vault does not continue where asked.", "read it again."
            )
        self.bytes = self._offset + answer["ContentLength"]
        self._etag, self._body = answer["ETag"], answer["Body"]

    def close(self) -> None:
        """Drop the connection, with what is on its way."""
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
                got = self._body.read(_CHUNK_BYTES - len(self._partial))
                if not got:
                    raise _TruncatedError(actual_bytes=self._offset, expected_bytes=self.bytes)
                self._partial += got
                self._offset += len(got)
        except _BROKEN:
            self.close()
            raise
        chunk = bytes(self._partial)
        self._partial.clear()
        return chunk


def checked(
    source: Download, name: str, *, sha256: str | None, expected_bytes: int | None
) -> Iterator[bytes]:
    """
    Yield the chunks of `source`, the last one only after all of them were found to be what they must be.

    Raises:
        Failure: before the first chunk, where the vault has none or another size; before the last, where the
            bytes are not those that were stored; anywhere, where the connection breaks again and again.
    """
    digest, held = hashlib.sha256(), b""
    try:
        with explained(f"Reading {name}"):
            source.open()
        if expected_bytes is not None and source.bytes != expected_bytes:
            raise _damaged(name, f"it has {source.bytes:,} bytes, and {expected_bytes:,} were stored")
        while True:
            with explained(f"Reading {name}"):
                chunk = source.next()
            if not chunk:
                break
            digest.update(chunk)
            if held:
                yield held
            held = chunk
        if sha256 is not None and digest.hexdigest() != sha256:
            raise _damaged(name, f"its SHA-256 is {digest.hexdigest()}, and {sha256} was stored")
        if held:
            yield held
    finally:
        source.close()


def _damaged(name: str, how: str) -> Damaged:
    return Damaged(
        f"{name} is damaged: {how}.",
        "use another backup, or the other vault's copy (--vault replica); keep this one for the inquiry.",
    )
