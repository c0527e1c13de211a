"""Read requests to a vault: the metadata of one object version, and listings of versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress, takewhile
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast, get_args

from botocore.exceptions import ClientError

from recovery.manifest import LockMode
from recovery.vault.client import Missing, error_code, explain_errors, failure_of
from recovery.vault.listing_pages import list_object_columns, list_version_columns
from recovery.vault.upload import TOKEN, PutResult

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectRequestTypeDef

_NO_RETENTION_CODES: Final = frozenset(("NoSuchObjectLockConfiguration", "InvalidRequest", "NotImplemented"))
"""Error codes of GetObjectRetention for an object without a lock, or from a server without Object Lock."""


@dataclass(frozen=True)
class ObjectInfo:
    """Metadata of one version of an object, as the vault reports it."""

    key: str
    version: str
    """Empty on a server without versions; a vault of a stack always has them."""

    bytes: int
    modified: datetime
    lock_mode: LockMode | None
    locked_until: datetime | None
    replication: str | None
    """PENDING, COMPLETED or FAILED in the primary vault, REPLICA in the replica."""

    crc32: str | None
    sha256: str | None
    """S3's checksum of the whole object, base64: SHA-256 of an object of one part, else CRC-32."""

    token: str = ""
    older_versions: int = 0
    """Number of other versions of the key, of an object that was just written and was never deleted."""


class VersionEntry(NamedTuple):
    """One version of an object, or a delete marker, in a listing."""

    key: str
    version: str
    """Empty on a server without versions; a vault of a stack always has them."""

    bytes: int
    """0 for a delete marker."""

    modified: datetime
    is_latest: bool
    """Whether a read without a version gets it. False after another version or a delete marker was added."""

    is_delete_marker: bool = False

    is_overwritten: bool = False
    """Of an original: whether another content was put over it."""


class NewestVersions(NamedTuple):
    """The newest versions of consecutive keys, as columns of texts; none of a key under a delete marker."""

    keys: Sequence[str]
    versions: Sequence[str]
    """Empty texts on a server without versions."""

    sizes: Sequence[str]
    modified: Sequence[str]

    def read(self, index: int) -> VersionEntry:
        """Return one of them."""
        return VersionEntry(
            self.keys[index],
            self.versions[index],
            int(self.sizes[index]),
            datetime.fromisoformat(self.modified[index]),
            is_latest=True,
        )


def object_label(key: str, version: str, bucket: str) -> str:
    return f"{key}{f' (version {version})' if version else ''} in vault {bucket}"


def head_object(client: S3Client, bucket: str, key: str, version: str) -> ObjectInfo:
    """
    Return an object's metadata by HEAD.

    Raises:
        Failure: there is no such object, or the request fails; see `VaultClient.head`.
    """
    action = f"Looking at {object_label(key, version, bucket)}"
    with explain_errors(action):
        try:
            return _request_head(client, bucket, key, version)
        except ClientError as error:
            # The response to a HEAD has no body and so no error code. The response to a listing has one.
            client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
            if error_code(error) == "405":
                raise Missing(
                    f"{action} failed: it is a delete marker.", "name the version under it."
                ) from None
            raise failure_of(error, action) from None


def find_written(
    client: S3Client, bucket: str, key: str, result: PutResult, *, with_lock: bool
) -> ObjectInfo:
    """
    Return the metadata of an object that was just written, without the right to read the object.

    The role that writes dumps can't read them. Size and version come from a listing, the lock from
    GetObjectRetention if it is asked for, the checksums from the write's `result`.

    Raises:
        Failure: the newest version is not the written one, or a request fails.
    """
    listing = list_entries(client, bucket, key, versions=True)
    versions = list(takewhile(lambda entry: entry.key == key, listing))
    newest = versions[0] if versions else None
    if not newest or newest.is_delete_marker or result.version not in {"", newest.version}:
        raise Missing(
            f"{object_label(key, result.version, bucket)} is not what is newest there, though it was just "
            "written.",
            "run this again; if it goes on, find out who else writes there.",
        )
    mode, until = (
        read_retention(client, bucket, key, newest.version) if with_lock and newest.version else (None, None)
    )
    was_deleted = any(entry.is_delete_marker for entry in versions)
    return ObjectInfo(
        key=key,
        version=newest.version,
        bytes=newest.bytes,
        modified=newest.modified,
        lock_mode=mode,
        locked_until=until,
        replication=None,
        crc32=result.crc32 or None,
        sha256=result.sha256 or None,
        older_versions=0 if was_deleted else len(versions) - 1,
    )


def list_entries(
    client: S3Client, bucket: str, prefix: str, *, versions: bool, after: str = ""
) -> Iterator[VersionEntry]:
    """
    Yield one entry per key, in the order of keys: its newest content, also under a delete marker.

    With `versions` yield older versions and delete markers too; within a page markers come after versions.
    `after` skips the keys up to that one, in the order of UTF-8 bytes, which is S3's.
    """
    with explain_errors(f"Listing {prefix or 'all'} in vault {bucket}"):
        try:
            yield from _list_versions(client, bucket, prefix, after, versions=versions)
        except ClientError as error:
            # From S3-compatible servers without versions; never from AWS.
            if error_code(error) != "NotImplemented":
                raise
            yield from _list_objects(client, bucket, prefix, after)


def list_newest(client: S3Client, bucket: str, prefix: str, *, after: str = "") -> Iterator[NewestVersions]:
    """Yield what a read without a version gets, in the order of keys, page by page, from `after` on."""
    with explain_errors(f"Listing {prefix} in vault {bucket}"):
        try:
            names = ("Key", "VersionId", "Size", "LastModified", "IsLatest")
            more = {"KeyMarker": after} if after else {}
            for *columns, latest in list_version_columns(client, bucket, names, Prefix=prefix, **more):
                is_latest = [text == "true" for text in latest]
                yield NewestVersions(*([*compress(column, is_latest)] for column in columns))
        except ClientError as error:
            if error_code(error) != "NotImplemented":  # as in list_entries
                raise
            names, more = ("Key", "Size", "LastModified"), {"StartAfter": after} if after else {}
            for keys, *columns in list_object_columns(client, bucket, names, Prefix=prefix, **more):
                yield NewestVersions(keys, ("",) * len(keys), *columns)


def _request_head(client: S3Client, bucket: str, key: str, version: str) -> ObjectInfo:
    request: HeadObjectRequestTypeDef = {"Bucket": bucket, "Key": key, "ChecksumMode": "ENABLED"}
    if version:
        request["VersionId"] = version
    response = client.head_object(**request)
    is_whole = response.get("ChecksumType") != "COMPOSITE"
    metadata = {name.lower(): value for name, value in response["Metadata"].items()}
    return ObjectInfo(
        key=key,
        version=response.get("VersionId", version),
        bytes=response["ContentLength"],
        modified=response["LastModified"],
        lock_mode=response.get("ObjectLockMode"),
        locked_until=response.get("ObjectLockRetainUntilDate"),
        replication=response.get("ReplicationStatus"),
        crc32=response.get("ChecksumCRC32") if is_whole else None,
        sha256=response.get("ChecksumSHA256") if is_whole else None,
        token=metadata.get(TOKEN, ""),
    )


def read_retention(
    client: S3Client, bucket: str, key: str, version: str
) -> tuple[LockMode | None, datetime | None]:
    """Return mode and end of a version's lock; None where it has none. Raise Failure if it can't be read."""
    with explain_errors(f"Looking at the lock of {object_label(key, version, bucket)}"):
        try:
            response = client.get_object_retention(Bucket=bucket, Key=key, VersionId=version)
        except ClientError as error:
            if error_code(error) in _NO_RETENTION_CODES:
                return None, None
            raise
    retention = response.get("Retention", {})
    return _to_mode(retention.get("Mode")), retention.get("RetainUntilDate")


def _to_mode(name: str | None) -> LockMode | None:
    """Return a mode by its name, of which not every service minds the case (docs.wasabi.com, Object Lock)."""
    return next((mode for mode in get_args(LockMode) if mode == (name or "").upper()), None)


def _list_versions(
    client: S3Client, bucket: str, prefix: str, after: str, *, versions: bool
) -> Iterator[VersionEntry]:
    pages = cast(
        "Iterable[Any]",
        # The stubs don't know a paginator's parameters for the first key.
        cast("Any", client.get_paginator("list_object_versions")).paginate(
            Bucket=bucket, Prefix=prefix, **({"KeyMarker": after} if after else {})
        ),
    )
    key = ""
    for page in pages:
        # Versions of a key follow each other, the newest first (S3 API, ListObjectVersions).
        for item in page.get("Versions", ()):
            if versions or item["Key"] != key:
                key = item["Key"]
                yield VersionEntry(
                    key, item["VersionId"], item["Size"], item["LastModified"], item["IsLatest"]
                )
        for item in page.get("DeleteMarkers", ()) if versions else ():
            yield VersionEntry(
                item["Key"],
                item["VersionId"],
                0,
                item["LastModified"],
                item["IsLatest"],
                is_delete_marker=True,
            )


def _list_objects(client: S3Client, bucket: str, prefix: str, after: str) -> Iterator[VersionEntry]:
    pages = cast(
        "Iterable[Any]",
        client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=after),
    )
    for page in pages:
        for item in page.get("Contents", ()):
            yield VersionEntry(item["Key"], "", item["Size"], item["LastModified"], is_latest=True)
