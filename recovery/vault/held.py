"""What a vault knows of an object that it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from recovery.manifest import LockMode
from recovery.vault.failures import Missing, code, explained, failure_of
from recovery.vault.listing import Entry, entries
from recovery.vault.upload import TOKEN, Answer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectRequestTypeDef

_UNLOCKED: Final = frozenset(("NoSuchObjectLockConfiguration", "InvalidRequest", "NotImplemented"))
"""Answers to the question for a lock that mean that there is none, the last of them in no such bucket."""


@dataclass(frozen=True)
class Held:
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


def look(client: S3Client, bucket: str, key: str, version: str) -> Held:
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


def written(client: S3Client, bucket: str, key: str, answer: Answer) -> Held:
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
    return Held(
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


def _lock(client: S3Client, bucket: str, found: Entry) -> tuple[LockMode | None, datetime | None]:
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


def _asked(client: S3Client, bucket: str, key: str, version: str) -> Held:
    request: HeadObjectRequestTypeDef = {"Bucket": bucket, "Key": key, "ChecksumMode": "ENABLED"}
    if version:
        request["VersionId"] = version
    answer = client.head_object(**request)
    whole = answer.get("ChecksumType") != "COMPOSITE"
    metadata = {name.lower(): value for name, value in answer["Metadata"].items()}
    return Held(
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
