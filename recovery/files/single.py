"""
Copies one object by this program's own client: what rclone can't address, and what did not arrive by it.

An object's bytes are then taken as the source hands them out, and where they are not what it lists (Supabase
rewrites the addresses in HTML on their way: supabase/supabase#45584) the item says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as BrokenConnectionError
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from recovery.files.item import Item
from recovery.files.places import place
from recovery.files.source import Listed, Source, explained
from recovery.vault.failures import code
from recovery.vault.parts import MIB
from recovery.vault.upload import Digest
from recovery.vault.vault import Vault
from recovery.vault.writing import told_with
from toolchain.failure import Failure

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ATTEMPTS: Final = 5
_GONE: Final = frozenset(("NoSuchKey", "404"))


class _UnsteadyError(Exception):
    """The source's answer ended early, or was of another object than the one before."""


@dataclass
class _Read:
    """What was read of an object."""

    etag: str = ""
    bytes: int = 0
    md5: Digest = field(default_factory=lambda: hashlib.md5(usedforsecurity=False))


def copy_one(client: S3Client, source: Source, listed: Listed, vault: Vault) -> Item | None:
    """
    Copy an object to its place; None where the source has it no more.

    One that changes meanwhile is copied as it is by then.

    Raises:
        Failure: for whatever keeps it from arriving, with the object's name.
    """
    name = f"{listed.key!r} of the bucket {listed.bucket}"
    try:
        with explained(f"Reading {name}"):
            return Retrying(
                retry=retry_if_exception_type(
                    (_UnsteadyError, BrokenConnectionError, HTTPClientError, IncompleteReadError)
                ),
                stop=stop_after_attempt(_ATTEMPTS),
                wait=wait_random_exponential(0.2, max=10),
            )(_copied, client, listed, vault)
    except RetryError:
        raise Failure(
            f"Reading {name} from {source.host} failed: the answer ended early each time.",
            "read that object by hand; without it there is no backup of the files.",
        ) from None


def _copied(client: S3Client, listed: Listed, vault: Vault) -> Item | None:
    try:
        answer = client.get_object(Bucket=listed.bucket, Key=listed.key)
    except ClientError as error:
        if code(error) in _GONE:
            return None
        raise
    read = _Read(etag=answer.get("ETag", "").strip('"'))
    stored = vault.store(
        place(listed.bucket, listed.key),
        _chunks(answer, read),
        expected_bytes=listed.bytes,
        how=told_with(answer),
    )
    etag = read.etag or listed.etag
    is_md5 = len(etag) == 32
    return Item(
        bucket=listed.bucket,
        key=listed.key,
        version=stored.version,
        bytes=stored.bytes,
        sha256=stored.sha256,
        # One that has changed since it was listed is then listed with this etag, and the size that came.
        etag=etag,
        listed=listed.bytes if etag == listed.etag else read.bytes,
        modified=listed.modified if etag == listed.etag else answer.get("LastModified", listed.modified),
        locked_until=stored.locked_until,
        altered=(etag == listed.etag and read.bytes != listed.bytes)
        or (is_md5 and read.md5.hexdigest() != etag),
    )


def _chunks(answer: Any, read: _Read) -> Iterator[bytes]:
    body = answer["Body"]
    try:
        while chunk := body.read(MIB):
            read.bytes += len(chunk)
            read.md5.update(chunk)
            yield chunk
    finally:
        body.close()
    promised = answer.get("ContentLength")
    if promised is not None and promised != read.bytes:
        raise _UnsteadyError
