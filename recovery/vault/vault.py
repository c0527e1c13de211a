"""The locked bucket that backups go into. Append-only by nature: nothing here takes a version away."""

from __future__ import annotations

import base64
import hashlib
import io
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from core.failure import Failure
from recovery.manifest import LockMode, Stored
from recovery.vault.client import AccessKey, Damaged, Exists, code, explained, failure_of
from recovery.vault.download import Download, checked
from recovery.vault.objects import ObjectInfo, VersionEntry, entries, look, named, written
from recovery.vault.upload import (
    CREATE_ONLY,
    FIRST_PART_BYTES,
    TOKEN,
    MultipartUpload,
    PutOptions,
    PutResult,
    StreamDigest,
    cut,
    md5,
    options_from_head,
    part_bytes,
    unless_damaged,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef, HeadObjectRequestTypeDef

_TAKEN: Final = frozenset(("PreconditionFailed", "ConditionalRequestConflict"))
_UNCLEAR: Final = _TAKEN | {"NoSuchUpload", ""}
"""Answers to a repeated request that may mean that its first one had succeeded; `""`: no answer at all."""


_UNLOCKED: Final = frozenset(("ObjectLockConfigurationNotFoundError", "NotImplemented"))


@dataclass(frozen=True)
class Lock:
    """What a new version gets."""

    mode: LockMode
    period: timedelta


class VaultClient:
    """
    One vault. `part_bytes` is the size of an upload's first part, at least 5 MiB.

    `key` is the client's, for other programs; None where it is the environment's.
    """

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        *,
        part_bytes: int = FIRST_PART_BYTES,
        key: AccessKey | None = None,
    ) -> None:
        self.bucket, self.key = bucket, key
        self._client = client
        self._first = part_bytes

    def store(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        expected_bytes: int | None = None,
        progress: Callable[[int], None] | None = None,
        how: PutOptions = CREATE_ONLY,
    ) -> Stored:
        """
        Store a stream of unknown length under a new key, and return what the vault then says of it.

        `expected_bytes` may be a guess: a large object takes less memory with it. `progress` is told how many
        bytes the vault has confirmed. Whatever is raised, also by `chunks` or by a signal's handler: what was
        sent is removed first, and nothing is stored.

        Raises:
            Exists: where the key is taken, before or after the upload; what lies there is left as it is.
            Failure: for whatever else keeps it from being stored whole.
        """
        doing = f"Storing {key} in vault {self.bucket}"
        if how.once:
            self._refuse_taken(key)
        token = secrets.token_hex(16)

        def size(number: int) -> int:
            return part_bytes(number, expected_bytes, self._first)

        parts = cut(chunks, size)
        part, more = next(parts)
        if not more:
            return self._put(key, part, token, doing, progress, how)
        with MultipartUpload(self._client, self.bucket, key, token, doing, how) as upload:
            upload.send(part)
            while more:
                del part  # or it would stay in memory while the next one is filled
                upload.make_room(size(upload.parts + 1))
                if progress:
                    progress(upload.confirmed_bytes)
                part, more = next(parts)
                upload.send(part)
            upload.land()
            held = self._written(
                key, doing, upload.complete, lambda: upload.is_gone() or self._bears(key, token)
            )
        return _confirmed(held, doing, upload.bytes, upload.sha256, upload.crc32, progress)

    def put(self, key: str, body: bytes) -> Stored:
        """Store a small document under a new key, as `store` does."""
        return self.store(key, (body,))

    def read(
        self, key: str, version: str, *, sha256: str | None = None, expected_bytes: int | None = None
    ) -> Iterator[bytes]:
        """
        Stream one version of an object, resuming where a connection broke.

        The last chunk comes only after length and SHA-256 were found right: nobody ends up with a whole
        stream that is damaged.

        Raises:
            Missing: where there is no such version.
            Damaged: where it is not what was stored.
            Failure: for whatever else keeps it from being read. All of them when the stream is read.
        """
        request: GetObjectRequestTypeDef = {"Bucket": self.bucket, "Key": key}
        if version:
            request["VersionId"] = version
        name = named(key, version, self.bucket)
        return checked(
            Download(self._client, request, name), name, sha256=sha256, expected_bytes=expected_bytes
        )

    def listed(self, prefix: str, *, versions: bool = False, after: str = "") -> Iterator[VersionEntry]:
        """
        Yield the newest content of each key, also under a delete marker; with `versions` all there is.

        `after` leaves out the keys up to that one.
        """
        return entries(self._client, self.bucket, prefix, versions=versions, after=after)

    @property
    def endpoint(self) -> str | None:
        """The address of the S3 service, where it is not AWS's own."""
        url = self._client.meta.endpoint_url
        return (
            None if (urlsplit(url).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn")) else url
        )

    @property
    def region(self) -> str:
        return self._client.meta.region_name

    def lock(self) -> Lock | None:
        """Return the lock that the vault puts on each new version; None where it puts none."""
        with explained(f"Looking at the lock of vault {self.bucket}"):
            try:
                answer = self._client.get_object_lock_configuration(Bucket=self.bucket)
            except ClientError as error:
                if code(error) in _UNLOCKED:
                    return None
                raise
        rule = answer.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention")
        if not rule:
            return None
        days = rule.get("Days") or 365 * rule.get("Years", 0)
        return Lock(rule.get("Mode", "GOVERNANCE"), timedelta(days=days))

    def tag(self, key: str, version: str, name: str, value: str) -> None:
        """Give a version a tag, by which the vault's lifecycle may know it."""
        with explained(f"Tagging {named(key, version, self.bucket)}"):
            self._client.put_object_tagging(
                Bucket=self.bucket,
                Key=key,
                VersionId=version,
                Tagging={"TagSet": [{"Key": name, "Value": value}]},
            )

    def head(self, key: str, version: str = "") -> ObjectInfo:
        """
        Return what the vault knows of an object; without a version, of the one that readers get.

        Raises:
            Missing: where there is none, or a delete marker lies over it.
            Forbidden: where the credentials may not look.
            Failure: for whatever else keeps it from being known.
        """
        return look(self._client, self.bucket, key, version)

    def about(self, key: str, version: str = "") -> PutOptions:
        """Return what is told with an object, such as its content type, for another place that takes it."""
        request: HeadObjectRequestTypeDef = {"Bucket": self.bucket, "Key": key}
        if version:
            request["VersionId"] = version
        with explained(f"Looking at {named(key, version, self.bucket)}"):
            return options_from_head(self._client.head_object(**request))

    def _put(  # noqa: PLR0917 - private
        self,
        key: str,
        body: io.BytesIO,
        token: str,
        doing: str,
        progress: Callable[[int], None] | None,
        how: PutOptions,
    ) -> Stored:
        digest = hashlib.sha256(body.getbuffer())

        def put() -> PutResult:
            body.seek(0)
            answer = self._client.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body,
                Metadata={**how.metadata, TOKEN: token},
                **how.headers,
                **how.condition,
                ContentMD5=md5(body),
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=base64.b64encode(digest.digest()).decode(),
            )
            return PutResult.of(answer)

        size = body.seek(0, io.SEEK_END)
        held = self._written(key, doing, lambda: unless_damaged(put), lambda: self._bears(key, token))
        return _confirmed(held, doing, size, digest, None, progress)

    def _written(
        self, key: str, doing: str, write: Callable[[], PutResult], ours: Callable[[], bool]
    ) -> ObjectInfo:
        """Write, find out whether it was our own writing that took the key, and ask what is there."""
        answer = PutResult()
        try:
            answer = write()
        except (ClientError, BotoCoreError, HTTPClientError) as error:
            why = code(error)
            if why not in _UNCLEAR or not ours():
                if why in _TAKEN:
                    raise _taken(key, self.bucket) from None
                raise failure_of(error, doing) from None
        return written(self._client, self.bucket, key, answer)

    def _bears(self, key: str, token: str) -> bool:
        """Tell whether what is there bears our token; who may not read it is told nothing."""
        try:
            return self.head(key).token == token
        except Failure:
            return False

    def _refuse_taken(self, key: str) -> None:
        """Refuse before anything is sent what would be refused at the end."""
        found = next(self.listed(key), None)
        if found and found.key == key and found.latest:
            raise _taken(key, self.bucket)


def _confirmed(  # noqa: PLR0917 - private
    held: ObjectInfo,
    doing: str,
    size: int,
    sha256: StreamDigest,
    crc32: str | None,
    progress: Callable[[int], None] | None,
) -> Stored:
    """Compare what the vault has with what was sent."""
    whole = base64.b64encode(sha256.digest()).decode()
    if held.bytes != size:
        differs = f"it has {held.bytes:,} bytes, and {size:,} were sent"
    elif (held.crc32 and held.crc32 != crc32 and crc32) or (held.sha256 and held.sha256 != whole):
        differs = "its checksum is not that of what was sent"
    else:
        if progress:
            progress(size)
        return Stored(
            key=held.key,
            version=held.version,
            bytes=size,
            sha256=sha256.hexdigest(),
            lock_mode=held.lock_mode,
            locked_until=held.locked_until,
        )
    raise Damaged(
        f"{doing} failed: {differs}.",
        "run this again; what arrived has no manifest, so that nothing will ever restore it.",
    )


def _taken(key: str, bucket: str) -> Exists:
    return Exists(
        f"Storing {key} in vault {bucket} failed: the key is taken, and what lies there was left as it is.",
        "run this again, which takes a new key; if it goes on, find out who else writes there.",
    )
