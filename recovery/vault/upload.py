"""One multipart upload: parts in flight, completion that writes a key once, and giving up cleanly."""

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

import structlog
from botocore.exceptions import ClientError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from core.failure import Failure
from recovery.vault.client import DAMAGE_CODES, code, explained

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef


@dataclass(frozen=True)
class PutOptions:
    """`ONCE` is for all but the copies of files, which change with their originals."""

    once: bool = True
    """Whether the key must be free; else what lies there becomes an older version."""

    headers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Such as ContentType, by boto3's names."""

    metadata: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def condition(self) -> dict[str, Any]:
        """Return the parameter that makes S3 refuse a key that is taken."""
        return {"IfNoneMatch": "*"} if self.once else {}


CREATE_ONLY: Final = PutOptions()
_KEPT: Final = ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")


def options_from_head(answer: Mapping[str, Any]) -> PutOptions:
    """Return how to write another copy of what S3 has answered with; as another version, if one is there."""
    return PutOptions(
        once=False,
        headers={header: answer[header] for header in _KEPT if answer.get(header)},
        # botocore takes ASCII alone.
        metadata={name: text for name, text in answer.get("Metadata", {}).items() if text.isascii()},
    )


MIB: Final = 1 << 20
MAX_PARTS: Final = 10_000
MAX_PART_BYTES: Final = 5 << 30
MAX_OBJECT_BYTES: Final = 5 * 10**12
"""What must fit; S3 takes 10,000 parts of 5 MiB to 5 GiB (S3 user guide, "Multipart upload limits")."""

FIRST_PART_BYTES: Final = 16 * MIB
_PARTS_OF_A_SIZE: Final = 1_250
_PARTS_FOR_EXPECTED: Final = 7_500
_BEYOND_EXPECTED_BYTES: Final = 2 << 30


def part_bytes(number: int, expected_bytes: int | None = None, first: int = FIRST_PART_BYTES) -> int:
    """
    Return how many bytes part `number` (from 1) takes.

    Of unknown size: doubling every 1,250, so that 5 TB fit into 10,000. S3 wants a part's length before its
    bytes, and all of it again if the connection breaks, so a part is in memory while it is sent: an object
    reaches 293 GiB before its parts are larger than 128 MiB. With an expected size parts are even (expected
    960 GiB: 128 MiB); the last quarter of them takes what comes beyond it, up to 5 TB.
    """
    if expected_bytes is None:
        return min(first << (number - 1) // _PARTS_OF_A_SIZE, MAX_PART_BYTES)
    even = min(max(first, -(-expected_bytes // _PARTS_FOR_EXPECTED)), MAX_PART_BYTES)
    return even if number <= _PARTS_FOR_EXPECTED else max(even, _BEYOND_EXPECTED_BYTES)


def cut(chunks: Iterable[bytes], size: Callable[[int], int]) -> Iterator[tuple[io.BytesIO, bool]]:
    """
    Yield each part and whether more comes after it; the last one may be full, or empty if nothing came.

    The next part is begun only when it is asked for.
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


TOKEN: Final = "bulwark-upload"  # noqa: S105 - the name of a field
"""Metadata that tells our own object from another when an answer was lost and the request is repeated."""

_IN_FLIGHT: Final = 3
_HELD_BYTES: Final = 128 * MIB
"""Parts in memory, in flight and being filled. A larger part than that is held alone."""

_GIVE_UP_SECONDS: Final = 20.0
_LANDING_SECONDS: Final = 3.0
_SENDS: Final = 3

_log = structlog.get_logger("vault")
_T = TypeVar("_T")


class StreamDigest(Protocol):
    """What hashlib's constructors return."""

    def update(self, data: bytes | memoryview, /) -> None: ...
    def digest(self) -> bytes: ...
    def hexdigest(self) -> str: ...


def md5(data: io.BytesIO) -> str:
    """Return a Content-MD5: the one checksum that every S3-protocol server checks before it takes a body."""
    with data.getbuffer() as view:
        return base64.b64encode(hashlib.md5(view, usedforsecurity=False).digest()).decode()


def _base64(checksum: int) -> str:
    """Write a checksum as S3 does."""
    return base64.b64encode(checksum.to_bytes(4)).decode()


@dataclass(frozen=True)
class PutResult:
    """What the vault said when it had taken an object; all is empty where it said nothing."""

    version: str = ""
    crc32: str = ""
    sha256: str = ""

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        return cls(*(answer.get(name, "") for name in ("VersionId", "ChecksumCRC32", "ChecksumSHA256")))


class MultipartUpload:
    """
    An upload that is not an object yet.

    Its checksum is the CRC-32 of the whole, of which S3 makes sure at completion; S3's default would be a
    checksum of the parts' checksums, which says nothing to anyone who does not know how it was cut.
    """

    def __init__(  # noqa: PLR0917 - the vault's own
        self, client: S3Client, bucket: str, key: str, token: str, doing: str, how: PutOptions
    ) -> None:
        self._client, self._bucket, self._key, self._doing = client, bucket, key, doing
        self._how = how
        self._flying: dict[Future[CompletedPartTypeDef], int] = {}
        self._parts: list[CompletedPartTypeDef] = []
        self._crc = 0
        self._completed = False
        self.parts = 0
        self.bytes = 0
        """Handed over so far, as the parts were."""

        self.sha256: StreamDigest = hashlib.sha256()

        self.confirmed_bytes = 0
        with explained(doing):
            self._id = client.create_multipart_upload(
                Bucket=bucket,
                Key=key,
                Metadata={**how.metadata, TOKEN: token},
                **how.headers,
                ChecksumAlgorithm="CRC32",
                ChecksumType="FULL_OBJECT",
            )["UploadId"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, reason: BaseException | None, trace: object) -> None:
        if reason and not self._completed:
            self._give_up(reason)

    def make_room(self, size: int) -> None:
        """Wait until a part of `size` bytes may be filled; fail if one of those under way has failed."""
        self._wait_for(
            lambda: len(self._flying) < _IN_FLIGHT and sum(self._flying.values()) + size <= _HELD_BYTES
        )

    def send(self, part: io.BytesIO) -> None:
        """Send a part in the background; it must not be touched any more."""
        with part.getbuffer() as view:
            size = len(view)
            self.sha256.update(view)
            self._crc = zlib.crc32(view, self._crc)
        self.parts += 1
        self.bytes += size
        if self.parts > MAX_PARTS or self.bytes > MAX_OBJECT_BYTES:
            raise Failure(
                f"{self._doing} failed: it is larger than 5 TB.", "back it up in several runs, by tables."
            )
        number = self.parts
        self._flying[_started(lambda: self._sent(number, part))] = size

    def land(self) -> None:
        """Wait for all parts to have arrived."""
        self._wait_for(lambda: not self._flying)

    def complete(self) -> PutResult:
        """Make it an object. Raises what botocore raises."""
        answer = self._client.complete_multipart_upload(
            Bucket=self._bucket,
            Key=self._key,
            UploadId=self._id,
            MultipartUpload={"Parts": sorted(self._parts, key=lambda part: part.get("PartNumber", 0))},
            **self._how.condition,
            MpuObjectSize=self.bytes,
            ChecksumType="FULL_OBJECT",
            ChecksumCRC32=self.crc32,
        )
        self._completed = True
        return PutResult.of(answer)

    def is_gone(self) -> bool:
        """Tell whether it is no more: it became an object, though no answer said so."""
        try:
            self._client.list_parts(Bucket=self._bucket, Key=self._key, UploadId=self._id, MaxParts=1)
        except ClientError as error:
            return code(error) == "NoSuchUpload"
        return False

    @property
    def crc32(self) -> str:
        """Of all bytes."""
        return _base64(self._crc)

    def _give_up(self, reason: BaseException) -> None:
        """Remove what was sent, in bounded time, and leave a word about it with `reason`."""
        removal = _started(self._removed)
        wait((removal,), _GIVE_UP_SECONDS)
        gone = removal.done() and not removal.exception() and removal.result()
        fate = "its parts were removed" if gone else "its parts stay until the vault's lifecycle removes them"
        reason.add_note(f"The unfinished upload of {self._key} was given up; {fate}.")
        _log.warning("upload given up", key=self._key, bytes=self.bytes, parts_removed=gone)

    def _sent(self, number: int, part: io.BytesIO) -> CompletedPartTypeDef:
        with part.getbuffer() as view:
            checksum = _base64(zlib.crc32(view))
        digest = md5(part)

        def sent() -> CompletedPartTypeDef:
            part.seek(0)
            answer = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._id,
                PartNumber=number,
                Body=part,
                ContentMD5=digest,
                ChecksumCRC32=checksum,
            )
            return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC32": checksum}

        return unless_damaged(sent)

    def _wait_for(self, enough: Callable[[], bool]) -> None:
        while True:
            for future in [one for one in self._flying if one.done()]:
                size = self._flying.pop(future)
                with explained(self._doing):
                    self._parts.append(future.result())
                self.confirmed_bytes += size
            if not self._flying or enough():
                return
            wait(self._flying, return_when=FIRST_COMPLETED)

    def _removed(self) -> bool:
        """
        Abort, and abort again what was still arriving; tell whether it is gone.

        AWS says to make sure with a listing of parts (S3 API, AbortMultipartUpload).
        """
        for _ in range(3):
            with suppress(self._client.exceptions.NoSuchUpload):
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._id)
            wait(self._flying, _LANDING_SECONDS)
            if self.is_gone():
                return True
        return False


def unless_damaged(send: Callable[[], _T]) -> _T:
    """Send again what arrived damaged and was refused: the original is still in memory."""
    return Retrying(
        retry=retry_if_exception(lambda error: code(error) in DAMAGE_CODES),
        stop=stop_after_attempt(_SENDS),
        wait=wait_random_exponential(0.2, max=5),
        reraise=True,
    )(send)


def _started(work: Callable[[], _T]) -> Future[_T]:
    """Run it in a daemon thread: unlike an executor's, no process that was told to end waits for it."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, name="upload", daemon=True).start()
    return future
