"""What a vault knows of an object that it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import ClientError

from recovery.manifest import LockMode
from recovery.vault.client import Missing, code, explained, failure_of
from recovery.vault.upload import TOKEN, PutResult

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectRequestTypeDef
if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_UNLOCKED: Final = frozenset(("NoSuchObjectLockConfiguration", "InvalidRequest", "NotImplemented"))
"""Answers to the question for a lock that mean that there is none, the last of them in no such bucket."""


@dataclass(frozen=True)
class ObjectInfo:
    """What the vault knows of one version of an object."""

    key: str
    version: str
    """Empty where the server keeps none; a vault of ours always does."""

    bytes: int
    modified: datetime
    lock_mode: LockMode | None
    locked_until: datetime | None
    replication: str | None
    """PENDING, COMPLETED or FAILED in the primary vault, REPLICA in the other one."""

    crc32: str | None
    sha256: str | None
    """The whole object's checksum as S3 keeps it, base64; of a small object SHA-256, else CRC-32."""

    token: str = ""


def look(client: S3Client, bucket: str, key: str, version: str) -> ObjectInfo:
    """
    Ask for an object's head.

    Raises:
        Failure: where there is none, or it can't be known; see `Vault.head`.
    """
    doing = f"Looking at {named(key, version, bucket)}"
    with explained(doing):
        try:
            return _asked(client, bucket, key, version)
        except ClientError as error:
            # The answer to a HEAD has no body and so no reason. A listing of the same has one.
            client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
            if code(error) == "405":
                raise Missing(
                    f"{doing} failed: it is a delete marker.", "name the version under it."
                ) from None
            raise failure_of(error, doing) from None


def written(client: S3Client, bucket: str, key: str, answer: PutResult) -> ObjectInfo:
    """
    Ask what became of a write, without the right to read what was written: the writer of dumps has none.

    Size and version come from a listing, the lock from its own question, checksums from the write's `answer`.

    Raises:
        Failure: where there is no such version, or it can't be known.
    """
    found = next((one for one in entries(client, bucket, key, versions=True) if one.key == key), None)
    if not found or found.marker or answer.version not in {"", found.version}:
        raise Missing(
            f"{named(key, answer.version, bucket)} is not what is newest there, though it was just written.",
            "run this again; if it goes on, find out who else writes there.",
        )
    mode, until = _lock(client, bucket, found) if found.version else (None, None)
    return ObjectInfo(
        key=key,
        version=found.version,
        bytes=found.bytes,
        modified=found.modified,
        lock_mode=mode,
        locked_until=until,
        replication=None,
        crc32=answer.crc32 or None,
        sha256=answer.sha256 or None,
    )


def _lock(client: S3Client, bucket: str, found: VersionEntry) -> tuple[LockMode | None, datetime | None]:
    with explained(f"Looking at the lock of {named(found.key, found.version, bucket)}"):
        try:
            answer = client.get_object_retention(Bucket=bucket, Key=found.key, VersionId=found.version)
        except ClientError as error:
            if code(error) in _UNLOCKED:
                return None, None
            raise
    retention = answer.get("Retention", {})
    return retention.get("Mode"), retention.get("RetainUntilDate")


def named(key: str, version: str, bucket: str) -> str:
    return f"{key}{f' (version {version})' if version else ''} in vault {bucket}"


def _asked(client: S3Client, bucket: str, key: str, version: str) -> ObjectInfo:
    request: HeadObjectRequestTypeDef = {"Bucket": bucket, "Key": key, "ChecksumMode": "ENABLED"}
    if version:
        request["VersionId"] = version
    answer = client.head_object(**request)
    whole = answer.get("ChecksumType") != "COMPOSITE"
    metadata = {name.lower(): value for name, value in answer["Metadata"].items()}
    return ObjectInfo(
        key=key,
        version=answer.get("VersionId", version),
        bytes=answer["ContentLength"],
        modified=answer["LastModified"],
        lock_mode=answer.get("ObjectLockMode"),
        locked_until=answer.get("ObjectLockRetainUntilDate"),
        replication=answer.get("ReplicationStatus"),
        crc32=answer.get("ChecksumCRC32") if whole else None,
        sha256=answer.get("ChecksumSHA256") if whole else None,
        token=metadata.get(TOKEN, ""),
    )


@dataclass(frozen=True)
class VersionEntry:
    """One version of an object, or a delete marker."""

    key: str
    version: str
    """Empty where the server keeps no versions; a vault of ours always does."""

    bytes: int
    """0 of a delete marker."""

    modified: datetime
    latest: bool
    """Whether it is what a reader gets who names no version. False: something was put over it."""

    marker: bool = False
    """Whether it is a delete marker, which has no content."""


def entries(
    client: S3Client, bucket: str, prefix: str, *, versions: bool, after: str = ""
) -> Iterator[VersionEntry]:
    """
    Yield entries by key, page by page: of each key its newest content, also under a delete marker.

    `after` leaves out what comes up to that key, in the order of UTF-8 bytes, which is S3's.

    With `versions` also older versions and delete markers; in one page markers come after versions.
    """
    with explained(f"Listing {prefix or 'all'} in vault {bucket}"):
        try:
            yield from _versions(client, bucket, prefix, after, versions=versions)
        except ClientError as error:
            # S3-compatible servers without versions say so; AWS never does.
            if code(error) != "NotImplemented":
                raise
            yield from _objects(client, bucket, prefix, after)


def _versions(
    client: S3Client, bucket: str, prefix: str, after: str, *, versions: bool
) -> Iterator[VersionEntry]:
    pages = cast(
        "Iterable[Any]",
        # The stubs don't know that a paginator may be told where to begin.
        cast("Any", client.get_paginator("list_object_versions")).paginate(
            Bucket=bucket, Prefix=prefix, **({"KeyMarker": after} if after else {})
        ),
    )
    key = ""
    for page in pages:
        # Versions of a key follow each other, the newest first (S3 API, ListObjectVersions).
        for found in page.get("Versions", ()):
            if versions or found["Key"] != key:
                key = found["Key"]
                yield VersionEntry(
                    key, found["VersionId"], found["Size"], found["LastModified"], found["IsLatest"]
                )
        for found in page.get("DeleteMarkers", ()) if versions else ():
            yield VersionEntry(
                found["Key"], found["VersionId"], 0, found["LastModified"], found["IsLatest"], marker=True
            )


def _objects(client: S3Client, bucket: str, prefix: str, after: str) -> Iterator[VersionEntry]:
    pages = cast(
        "Iterable[Any]",
        client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=after),
    )
    for page in pages:
        for found in page.get("Contents", ()):
            yield VersionEntry(found["Key"], "", found["Size"], found["LastModified"], latest=True)
