"""The client of a vault, the locked bucket of backups. It is append-only: no method deletes a version."""

from __future__ import annotations

import base64
import hashlib
import io
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from core.failure import Failure
from core.s3_endpoint import is_aws
from recovery.manifest import LockMode, StoredObject
from recovery.new_key import NewKeyWait, OnWait
from recovery.vault.client import AccessKey, Damaged, Exists, error_code, explain_errors, failure_of
from recovery.vault.download import Download, read_verified
from recovery.vault.objects import (
    NewestVersions,
    ObjectInfo,
    VersionEntry,
    find_written,
    head_object,
    list_entries,
    list_newest,
    object_label,
    read_retention,
)
from recovery.vault.upload import (
    CREATE_ONLY,
    FIRST_PART_BYTES,
    MultipartUpload,
    PutOptions,
    PutResult,
    StreamDigest,
    content_md5,
    options_from_head,
    part_bytes,
    retry_damaged,
    split_parts,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        GetObjectRequestTypeDef,
        HeadObjectRequestTypeDef,
        ObjectLockConfigurationTypeDef,
    )

_TAKEN_CODES: Final = frozenset(("PreconditionFailed", "ConditionalRequestConflict"))
_AMBIGUOUS_CODES: Final = _TAKEN_CODES | {"NoSuchUpload", ""}
"""Error codes of a repeated write whose first attempt may have succeeded; `""` means no response."""

_NO_LOCK_CODES: Final = frozenset(("ObjectLockConfigurationNotFoundError", "NotImplemented"))


@dataclass(frozen=True)
class Lock:
    """The default retention of a vault: the lock of each new version."""

    mode: LockMode
    period: timedelta


@dataclass(frozen=True)
class VaultProtection:
    """What keeps the objects of a vault from being lost."""

    has_versions: bool
    """Whether what is overwritten or deleted stays as an older version."""

    has_object_lock: bool
    """Whether a version can be locked."""

    lock: Lock | None
    """The lock that a version gets by itself; None if it gets none."""


class VaultClient:
    """
    One vault. `part_bytes` is the size of an upload's first part, at least 5 MiB.

    `access_key` is that of `client`, to be passed to other programs; None if it comes from the environment.
    """

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        *,
        part_bytes: int = FIRST_PART_BYTES,
        access_key: AccessKey | None = None,
    ) -> None:
        self.bucket, self.access_key = bucket, access_key
        self._client = client
        self._first_part_bytes = part_bytes
        self._is_versioned = False
        """Whether the vault is known to keep an object under another one of the same key."""

    def store(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        expected_bytes: int | None = None,
        on_progress: Callable[[int], None] | None = None,
        options: PutOptions = CREATE_ONLY,
    ) -> StoredObject:
        """
        Store a stream of unknown length under a new key, and return the object as the vault reports it.

        `expected_bytes` may be an estimate: a large object takes less memory with it. `on_progress` gets the
        number of bytes that the vault has confirmed. Any exception, also of `chunks` or of a signal's
        handler, first removes what was sent, and nothing is stored.

        Raises:
            Exists: the key is taken, before or after the upload; the existing object is not changed.
            Failure: the object can't be stored whole.
        """
        action = f"Storing {key} in vault {self.bucket}"
        token = secrets.token_hex(16)

        def size(number: int) -> int:
            return part_bytes(number, expected_bytes, self._first_part_bytes)

        parts = split_parts(chunks, size)
        part, more = next(parts)
        if not more:
            info, digest = self._put(key, part, token, action, options, with_lock=True)
            return _confirm(info, action, part.tell(), digest, None, on_progress)
        if options.create_only:
            self._require_free(key)
        with MultipartUpload(self._client, self.bucket, key, token, action, options) as upload:
            upload.send_part(part)
            while more:
                del part  # or it would stay in memory while the next one is filled
                upload.wait_for_room(size(upload.parts + 1))
                if on_progress:
                    on_progress(upload.confirmed_bytes)
                part, more = next(parts)
                upload.send_part(part)
            upload.wait_for_parts()
            info = self._write(
                key,
                action,
                upload.complete,
                lambda: upload.is_gone() or self._has_token(key, token),
                options,
                with_lock=True,
            )
        return _confirm(info, action, upload.bytes, upload.sha256, upload.crc32, on_progress)

    def put(self, key: str, body: bytes) -> StoredObject:
        """Store a small object under a new key, as `store` does."""
        return self.store(key, (body,))

    def put_document(self, key: str, body: bytes) -> None:
        """Store a small object under a new key, as `put` does, without a request for its lock."""
        action = f"Storing {key} in vault {self.bucket}"
        part = io.BytesIO(body)
        info, digest = self._put(key, part, secrets.token_hex(16), action, CREATE_ONLY, with_lock=False)
        _confirm(info, action, len(body), digest, None, None)

    def read(
        self, key: str, version: str, *, sha256: str | None = None, expected_bytes: int | None = None
    ) -> Iterator[bytes]:
        """
        Yield the chunks of one version of an object, resuming after broken connections.

        The last chunk follows only after size and SHA-256 are verified, so no reader gets a whole stream that
        is damaged. Errors are raised while the stream is read.

        Raises:
            Missing: there is no such version.
            Damaged: size or SHA-256 differ from the given ones.
            Failure: it can't be read.
        """
        request: GetObjectRequestTypeDef = {"Bucket": self.bucket, "Key": key}
        if version:
            request["VersionId"] = version
        name = object_label(key, version, self.bucket)
        return read_verified(
            Download(self._client, request, name), name, sha256=sha256, expected_bytes=expected_bytes
        )

    def wait_for_new_key(self, prefix: str, on_wait: OnWait) -> None:
        """
        Let what is denied for the vault's key alone wait until it is allowed, if nothing is in `prefix` yet.

        Raises:
            Failure: the vault can't be listed.
        """
        if next(self.list_entries(prefix), None) is None:
            NewKeyWait(on_wait).watch(self._client)

    def list_entries(self, prefix: str, *, versions: bool = False, after: str = "") -> Iterator[VersionEntry]:
        """
        Yield the newest content of each key, also under a delete marker; with `versions` every version.

        `after` skips the keys up to that one.
        """
        return list_entries(self._client, self.bucket, prefix, versions=versions, after=after)

    def list_newest(self, prefix: str, *, after: str = "") -> Iterator[NewestVersions]:
        """Yield what a read without a version gets, a thousand at a time; `after` is as in `list_entries`."""
        return list_newest(self._client, self.bucket, prefix, after=after)

    def list_originals(self, prefix: str) -> Iterator[VersionEntry]:
        """
        Yield the oldest content of each key, for objects that are written once.

        Whoever may add objects can put another version or a delete marker over one, and it is the original
        that its lock keeps.
        """
        entries = self.list_entries(prefix, versions=True)
        content = (entry for entry in entries if not entry.is_delete_marker)
        for _, group in groupby(content, key=lambda entry: entry.key):
            # A listing has the newest version of a key first, and times in whole seconds.
            versions = [*reversed([*group])]
            original = min(versions, key=lambda entry: entry.modified)
            yield original._replace(is_overwritten=len(versions) > 1)

    @property
    def endpoint(self) -> str | None:
        """The URL of the S3 service; None for AWS."""
        url = self._client.meta.endpoint_url
        return None if is_aws(url) else url

    @property
    def region(self) -> str:
        return self._client.meta.region_name

    def read_clock(self) -> datetime:
        """
        Return the time of the vault's server, to the second.

        Raises:
            Failure: it does not answer, or its answer has no time.
        """
        with explain_errors(f"Looking at the clock of vault {self.bucket}"):
            response = self._client.list_objects_v2(Bucket=self.bucket, MaxKeys=1)
        headers = response["ResponseMetadata"].get("HTTPHeaders", {})
        try:
            return parsedate_to_datetime(headers["date"])
        except (KeyError, ValueError):
            raise Failure(
                f"The server of vault {self.bucket} does not say what time it is.",
                "use an S3 service that sends the header Date.",
            ) from None

    def read_lock(self) -> Lock | None:
        """Return the lock that a new version gets; None if it gets none."""
        lock = _default_lock(self._read_lock_configuration())
        if lock:
            self._is_versioned = True  # Object Lock needs it
        return lock

    def read_protection(self) -> VaultProtection:
        """
        Return whether the vault keeps versions, and how it locks a new one.

        Raises:
            Forbidden: the credentials may not read the vault's configuration.
            Failure: the vault can't be asked.
        """
        configuration = self._read_lock_configuration()
        # A bucket with Object Lock always keeps versions, and not every role may ask for them.
        has_object_lock = configuration.get("ObjectLockEnabled") == "Enabled"
        has_versions = has_object_lock or self._keeps_versions()
        return VaultProtection(has_versions, has_object_lock, _default_lock(configuration))

    def _read_lock_configuration(self) -> ObjectLockConfigurationTypeDef:
        """Return the configuration of Object Lock; empty if the bucket or the service has none."""
        with explain_errors(f"Looking at the lock of vault {self.bucket}"):
            try:
                response = self._client.get_object_lock_configuration(Bucket=self.bucket)
            except ClientError as error:
                if error_code(error) in _NO_LOCK_CODES:
                    return {}
                raise
        return response.get("ObjectLockConfiguration", {})

    def _keeps_versions(self) -> bool:
        with explain_errors(f"Looking at the versions of vault {self.bucket}"):
            try:
                return self._client.get_bucket_versioning(Bucket=self.bucket).get("Status") == "Enabled"
            except ClientError as error:
                if error_code(error) in _NO_LOCK_CODES:
                    return False
                raise

    def give_up_uploads(self, prefix: str) -> int:
        """
        Abort the unfinished uploads below a prefix that no other run writes to; return their number.

        A killed run leaves them. A vault that can't list them keeps them until its lifecycle ends them.
        """
        count = 0
        with suppress(ClientError, BotoCoreError):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.bucket, Prefix=prefix
            )
            for page in pages:
                for upload in page.get("Uploads", ()):
                    self._client.abort_multipart_upload(
                        Bucket=self.bucket, Key=upload.get("Key", ""), UploadId=upload.get("UploadId", "")
                    )
                    count += 1
        return count

    def tag(self, key: str, version: str, name: str, value: str) -> None:
        """Tag a version, for a rule of the vault's lifecycle."""
        with explain_errors(f"Tagging {object_label(key, version, self.bucket)}"):
            self._client.put_object_tagging(
                Bucket=self.bucket,
                Key=key,
                VersionId=version,
                Tagging={"TagSet": [{"Key": name, "Value": value}]},
            )

    def head(self, key: str, version: str = "") -> ObjectInfo:
        """
        Return the metadata of an object; without a version, of the one that a read without a version gets.

        Raises:
            Missing: there is no such object, or its latest version is a delete marker.
            Forbidden: the credentials do not permit it.
            Failure: the request fails.
        """
        return head_object(self._client, self.bucket, key, version)

    def read_object_lock(self, key: str, version: str) -> tuple[LockMode | None, datetime | None]:
        """
        Return mode and end of a version's lock; None where it has none.

        Not every S3 service tells of a lock in its answer to a HEAD, as `head` reads it from AWS.

        Raises:
            Failure: there is no such version, or the request fails.
        """
        return read_retention(self._client, self.bucket, key, version)

    def extend_lock(self, key: str, version: str, until: datetime) -> datetime | None:
        """
        Lock a version in mode COMPLIANCE until a later moment, and return when its lock then ends.

        Raises:
            Missing: there is no such version.
            Failure: the request fails.
        """
        with explain_errors(f"Locking {object_label(key, version, self.bucket)}"):
            self._client.put_object_retention(
                Bucket=self.bucket,
                Key=key,
                VersionId=version,
                Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
            )
        mode, ends = self.read_object_lock(key, version)
        return ends if mode == "COMPLIANCE" else None

    def read_options(self, key: str, version: str = "") -> PutOptions:
        """Return the headers and metadata of an object, such as its content type, for a copy elsewhere."""
        request: HeadObjectRequestTypeDef = {"Bucket": self.bucket, "Key": key}
        if version:
            request["VersionId"] = version
        with explain_errors(f"Looking at {object_label(key, version, self.bucket)}"):
            return options_from_head(self._client.head_object(**request))

    def _put(
        self, key: str, body: io.BytesIO, token: str, action: str, options: PutOptions, *, with_lock: bool
    ) -> tuple[ObjectInfo, StreamDigest]:
        """Put an object in one request; return its metadata and its SHA-256. `body` is then at its end."""
        digest = hashlib.sha256(body.getbuffer())
        if options.create_only and not self._is_versioned:
            self._require_free(key)

        def put() -> PutResult:
            body.seek(0)
            response = self._client.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body,
                Metadata=options.metadata_with(token),
                **options.headers,
                **options.condition,
                ContentMD5=content_md5(body),
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=base64.b64encode(digest.digest()).decode(),
            )
            return PutResult.from_response(response)

        info = self._write(
            key,
            action,
            lambda: retry_damaged(put),
            lambda: self._has_token(key, token),
            options,
            with_lock=with_lock,
        )
        body.seek(0, io.SEEK_END)
        return info, digest

    def _write(
        self,
        key: str,
        action: str,
        write: Callable[[], PutResult],
        is_ours: Callable[[], bool],
        options: PutOptions,
        *,
        with_lock: bool,
    ) -> ObjectInfo:
        """
        Write, and return the object's metadata. `is_ours` tells whether an unclear write has succeeded.

        A vault that ignores the condition of a new key has then two versions of it.
        """
        result = PutResult()
        try:
            result = write()
        except (ClientError, BotoCoreError) as error:
            name = error_code(error)
            if name not in _AMBIGUOUS_CODES or not is_ours():
                if name in _TAKEN_CODES:
                    raise _taken_failure(key, self.bucket) from None
                raise failure_of(error, action) from None
        self._is_versioned = self._is_versioned or result.version not in {"", "null"}
        info = find_written(self._client, self.bucket, key, result, with_lock=with_lock)
        if info.older_versions and options.create_only:
            raise _taken_failure(key, self.bucket)
        return info

    def _has_token(self, key: str, token: str) -> bool:
        """Return whether the object has this token; False without the right to read it."""
        try:
            return self.head(key).token == token
        except Failure:
            return False

    def _require_free(self, key: str) -> None:
        """Raise Exists before anything is sent, if the key is taken."""
        entry = next(self.list_entries(key), None)
        if entry and entry.key == key and entry.is_latest:
            raise _taken_failure(key, self.bucket)


def _default_lock(configuration: ObjectLockConfigurationTypeDef) -> Lock | None:
    rule = configuration.get("Rule", {}).get("DefaultRetention")
    if not rule:
        return None
    days = rule.get("Days") or 365 * rule.get("Years", 0)
    return Lock(rule.get("Mode", "GOVERNANCE"), timedelta(days=days))


def _confirm(  # noqa: PLR0917 - private
    info: ObjectInfo,
    action: str,
    size: int,
    sha256: StreamDigest,
    crc32: str | None,
    on_progress: Callable[[int], None] | None,
) -> StoredObject:
    """Compare the stored object with what was sent, and return it."""
    sha256_base64 = base64.b64encode(sha256.digest()).decode()
    if info.bytes != size:
        difference = f"it has {info.bytes:,} bytes, and {size:,} were sent"
    elif (info.crc32 and info.crc32 != crc32 and crc32) or (info.sha256 and info.sha256 != sha256_base64):
        difference = "its checksum is not that of what was sent"
    else:
        if on_progress:
            on_progress(size)
        return StoredObject(
            key=info.key,
            version=info.version,
            bytes=size,
            sha256=sha256.hexdigest(),
            lock_mode=info.lock_mode,
            locked_until=info.locked_until,
        )
    raise Damaged(
        f"{action} failed: {difference}.",
        "run this again; what arrived has no manifest, so that nothing will ever restore it.",
    )


def _taken_failure(key: str, bucket: str) -> Exists:
    return Exists(
        f"Storing {key} in vault {bucket} failed: the key is taken, and what lies there was left as it is.",
        "run this again, which takes a new key; if it goes on, find out who else writes there.",
    )
