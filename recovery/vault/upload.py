"""
Writing one object: the options and the result of a put, the sizes of parts, and a multipart upload.

An upload sends several parts at a time. It becomes an object on completion, or its parts are removed.
"""

from __future__ import annotations

import base64
import hashlib
import io
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeVar

from botocore.exceptions import ClientError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from core.failure import Failure
from core.log import RunEvents
from recovery.vault.client import DAMAGE_CODES, error_code, explain_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MIB: Final = 1 << 20
MAX_PARTS: Final = 10_000
MAX_PART_BYTES: Final = 5 << 30
MAX_OBJECT_BYTES: Final = 5 * 10**12
"""S3 takes 10,000 parts of 5 MiB to 5 GiB, up to 5 TB (S3 user guide, "Multipart upload limits")."""

FIRST_PART_BYTES: Final = 16 * MIB
_PARTS_OF_A_SIZE: Final = 1_250
_PARTS_FOR_EXPECTED: Final = 7_500
_BEYOND_EXPECTED_BYTES: Final = 2 << 30

TOKEN: Final = "bulwark-upload"  # noqa: S105 - the name of a field
"""Metadata field with a random value per upload: it identifies this upload's object after a lost response."""

COPIED_HEADERS: Final = (
    "ContentType",
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
)

_IN_FLIGHT: Final = 3
_BUFFER_BYTES: Final = 128 * MIB
"""Parts in memory: in flight, and the one being filled. A larger part is in memory alone."""

_ABORT_SECONDS: Final = 20.0
"""Time limit for removing the parts of an abandoned upload."""

_DRAIN_SECONDS: Final = 3.0
"""Time limit, after each abort, for the parts that are still in flight."""

_ATTEMPTS: Final = 3
"""Attempts to send data that arrives damaged."""

_log = RunEvents()
_T = TypeVar("_T")


@dataclass(frozen=True)
class PutOptions:
    """How an object is written: with `CREATE_ONLY`, unless it is a copy of a file, which may change."""

    create_only: bool = True
    """Whether the key must be free. If not, an existing object becomes an older version."""

    headers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Such as ContentType, by boto3's names."""

    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    marked: bool = True
    """Whether the object gets `TOKEN` beside its metadata. Without it a lost response counts as a failure."""

    @property
    def condition(self) -> dict[str, Any]:
        """Return the parameter that makes S3 refuse a key that is taken."""
        return {"IfNoneMatch": "*"} if self.create_only else {}

    def metadata_with(self, token: str) -> dict[str, str]:
        """Return the metadata of an upload."""
        return {**self.metadata, TOKEN: token} if self.marked else dict(self.metadata)


CREATE_ONLY: Final = PutOptions()


def options_from_head(response: Mapping[str, Any]) -> PutOptions:
    """Return the options for a copy of an object from S3's response to a GET or HEAD of the object."""
    return PutOptions(
        create_only=False,
        headers={header: response[header] for header in COPIED_HEADERS if response.get(header)},
        # botocore takes ASCII only.
        metadata={name: text for name, text in response.get("Metadata", {}).items() if text.isascii()},
    )


@dataclass(frozen=True)
class PutResult:
    """The vault's response to a write; all fields are empty if the response was lost."""

    version: str = ""
    crc32: str = ""
    sha256: str = ""

    @classmethod
    def from_response(cls, response: Mapping[str, Any]) -> Self:
        return cls(*(response.get(name, "") for name in ("VersionId", "ChecksumCRC32", "ChecksumSHA256")))


class StreamDigest(Protocol):
    """The return type of hashlib's constructors."""

    def update(self, data: bytes | memoryview, /) -> None: ...
    def digest(self) -> bytes: ...
    def hexdigest(self) -> str: ...


def content_md5(data: io.BytesIO) -> str:
    """Return the header Content-MD5, the one checksum that every S3-protocol server checks."""
    with data.getbuffer() as view:
        return base64.b64encode(hashlib.md5(view, usedforsecurity=False).digest()).decode()


def _encode_crc32(checksum: int) -> str:
    """Return a checksum in S3's form, base64."""
    return base64.b64encode(checksum.to_bytes(4)).decode()


def part_bytes(number: int, expected_bytes: int | None = None, first: int = FIRST_PART_BYTES) -> int:
    """
    Return the size of part `number` (from 1) in bytes.

    Without an expected size the size of parts doubles every 1,250 parts, so that 5 TB fit into 10,000 parts.
    S3 wants a part's length before its bytes, and the whole part again after a broken connection, so a part
    is in memory while it is sent: an object reaches 293 GiB before its parts are larger than 128 MiB. With an
    expected size the first three quarters of the parts are even (128 MiB if 960 GiB are expected), and the
    last quarter takes what exceeds the expectation, up to 5 TB.
    """
    if expected_bytes is None:
        return min(first << (number - 1) // _PARTS_OF_A_SIZE, MAX_PART_BYTES)
    even = min(max(first, -(-expected_bytes // _PARTS_FOR_EXPECTED)), MAX_PART_BYTES)
    return even if number <= _PARTS_FOR_EXPECTED else max(even, _BEYOND_EXPECTED_BYTES)


def split_parts(chunks: Iterable[bytes], size: Callable[[int], int]) -> Iterator[tuple[io.BytesIO, bool]]:
    """
    Yield each part, and whether another one follows. The last part may be full, and is empty for no chunks.

    Chunks are read only for the part that is requested. `size` returns the size of a part by its number.
    """
    number, part, room = 1, io.BytesIO(), size(1)
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            if not room:
                yield part, True
                number += 1
                part, room = io.BytesIO(), size(number)
            taken = rest[:room]
            part.write(taken)
            room -= len(taken)
            rest = rest[len(taken) :]
    yield part, False


class MultipartUpload:
    """
    A multipart upload, which is not an object until `complete`. As a context it is aborted on an exception.

    Its checksum is the CRC-32 of the whole object, which S3 verifies at completion. S3's default is a
    checksum of the parts' checksums, which can't be compared without knowing the parts' sizes.
    """

    def __init__(  # noqa: PLR0917 - the vault's own
        self, client: S3Client, bucket: str, key: str, token: str, action: str, options: PutOptions
    ) -> None:
        self._client, self._bucket, self._key, self._action = client, bucket, key, action
        self._options = options
        self._in_flight: dict[Future[CompletedPartTypeDef], int] = {}
        """Parts that are being sent, with their sizes."""

        self._parts: list[CompletedPartTypeDef] = []
        self._crc = 0
        self._completed = False
        self.parts = 0
        """Number of parts that were given to `send_part`."""

        self.bytes = 0
        """Their total size."""

        self.sha256: StreamDigest = hashlib.sha256()

        self.confirmed_bytes = 0
        with explain_errors(action):
            self._id = client.create_multipart_upload(
                Bucket=bucket,
                Key=key,
                Metadata=options.metadata_with(token),
                **options.headers,
                ChecksumAlgorithm="CRC32",
                ChecksumType="FULL_OBJECT",
            )["UploadId"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, reason: BaseException | None, trace: object) -> None:
        if reason and not self._completed:
            self._abandon(reason)

    def wait_for_room(self, size: int) -> None:
        """Wait until a part of `size` bytes may be filled; raise the error of a part that failed."""
        self._collect_until(
            lambda: (
                len(self._in_flight) < _IN_FLIGHT and sum(self._in_flight.values()) + size <= _BUFFER_BYTES
            )
        )

    def send_part(self, part: io.BytesIO) -> None:
        """Send a part in the background. The caller must not change it afterwards."""
        with part.getbuffer() as view:
            size = len(view)
            self.sha256.update(view)
            self._crc = zlib.crc32(view, self._crc)
        self.parts += 1
        self.bytes += size
        if self.parts > MAX_PARTS or self.bytes > MAX_OBJECT_BYTES:
            raise Failure(
                f"{self._action} failed: it is larger than 5 TB.", "back it up in several runs, by tables."
            )
        number = self.parts
        self._in_flight[_run_in_thread(lambda: self._send(number, part))] = size

    def wait_for_parts(self) -> None:
        """Wait until all parts have arrived; raise the error of a part that failed."""
        self._collect_until(lambda: not self._in_flight)

    def complete(self) -> PutResult:
        """Turn the parts into an object. Errors are botocore's."""
        response = self._client.complete_multipart_upload(
            Bucket=self._bucket,
            Key=self._key,
            UploadId=self._id,
            MultipartUpload={"Parts": sorted(self._parts, key=lambda part: part.get("PartNumber", 0))},
            **self._options.condition,
            MpuObjectSize=self.bytes,
            ChecksumType="FULL_OBJECT",
            ChecksumCRC32=self.crc32,
        )
        self._completed = True
        return PutResult.from_response(response)

    def is_gone(self) -> bool:
        """Return whether the upload no longer exists: it was aborted, or completed without a response."""
        try:
            self._client.list_parts(Bucket=self._bucket, Key=self._key, UploadId=self._id, MaxParts=1)
        except ClientError as error:
            return error_code(error) == "NoSuchUpload"
        return False

    @property
    def crc32(self) -> str:
        """The checksum of all parts so far, base64."""
        return _encode_crc32(self._crc)

    def _abandon(self, reason: BaseException) -> None:
        """Remove the parts, within `_ABORT_SECONDS`, and add a note about that to the exception `reason`."""
        removal = _run_in_thread(self._abort)
        wait((removal,), _ABORT_SECONDS)
        gone = removal.done() and not removal.exception() and removal.result()
        fate = "its parts were removed" if gone else "its parts stay until the vault's lifecycle removes them"
        reason.add_note(f"The unfinished upload of {self._key} was given up; {fate}.")
        _log.warning("upload given up", key=self._key, bytes=self.bytes, parts_removed=gone)

    def _send(self, number: int, part: io.BytesIO) -> CompletedPartTypeDef:
        with part.getbuffer() as view:
            checksum = _encode_crc32(zlib.crc32(view))
        digest = content_md5(part)

        def send_once() -> CompletedPartTypeDef:
            part.seek(0)
            response = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._id,
                PartNumber=number,
                Body=part,
                ContentMD5=digest,
                ChecksumCRC32=checksum,
            )
            return {"PartNumber": number, "ETag": response["ETag"], "ChecksumCRC32": checksum}

        return retry_damaged(send_once)

    def _collect_until(self, is_enough: Callable[[], bool]) -> None:
        """Take the results of parts until `is_enough()` or no part is in flight."""
        while True:
            for future in [future for future in self._in_flight if future.done()]:
                size = self._in_flight.pop(future)
                with explain_errors(self._action):
                    self._parts.append(future.result())
                self.confirmed_bytes += size
            if not self._in_flight or is_enough():
                return
            wait(self._in_flight, return_when=FIRST_COMPLETED)

    def _abort(self) -> bool:
        """
        Abort the upload, again for parts that arrive meanwhile; return whether it is gone.

        AWS recommends a listing of parts to make sure (S3 API, AbortMultipartUpload).
        """
        for _ in range(3):
            with suppress(self._client.exceptions.NoSuchUpload):
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._id)
            wait(self._in_flight, _DRAIN_SECONDS)
            if self.is_gone():
                return True
        return False


def retry_damaged(send: Callable[[], _T]) -> _T:
    """Call `send`, and call it again if the vault refused the data as damaged: the original is in memory."""
    return Retrying(
        retry=retry_if_exception(lambda error: error_code(error) in DAMAGE_CODES),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random_exponential(0.2, max=5),
        reraise=True,
    )(send)


def _run_in_thread(work: Callable[[], _T]) -> Future[_T]:
    """Run `work` in a daemon thread: unlike an executor's thread, it can't delay the end of the process."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - `Future.result` raises it
            future.set_exception(error)

    threading.Thread(target=run, name="upload", daemon=True).start()
    return future
