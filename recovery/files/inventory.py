"""
Reading what a bucket has from an S3 Inventory, which AWS writes into another bucket each day or week.

The format is that of AWS's documentation ("Locating your inventory list", "Amazon S3 Inventory list",
docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html). An inventory is of an earlier
moment, and may lack objects: what it does not name is asked of the bucket itself.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Annotated, Final
from urllib.parse import unquote_plus

from botocore.exceptions import ConnectionError as BrokenConnectionError
from botocore.exceptions import HTTPClientError, IncompleteReadError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from core.documents import DocumentError, read_json
from core.failure import Failure
from recovery.files.columns import sort_blocks
from recovery.files.source import FileSource, InventoryAddress, ListedObjects, explain_source_errors
from recovery.vault.listing_pages import list_object_columns
from recovery.vault.upload import MIB

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LONGEST_AGE: Final = timedelta(days=9)
"""A weekly inventory, and the two days that AWS may take for one."""

_MAX_MANIFEST_BYTES: Final = 16 * MIB
_MAX_LINE_CHARACTERS: Final = 1 << 14
_BLOCK_ROWS: Final = 1000
_ATTEMPTS: Final = 5
_COLUMNS: Final = ("Bucket", "Key", "Size", "ETag", "LastModifiedDate")
_MANIFEST: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}Z/manifest\.json")
_SIZE: Final = re.compile(r"[0-9]{1,18}")
_Md5 = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{32}$")]


class _InventoryPart(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)

    key: str
    size: Annotated[int, Field(ge=0)]
    md5: Annotated[_Md5, Field(alias="MD5checksum")]


class _InventoryManifest(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)

    source: Annotated[str, Field(alias="sourceBucket")]
    destination: Annotated[str, Field(alias="destinationBucket")]
    created: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,14}$"), Field(alias="creationTimestamp")]
    format: Annotated[str, Field(alias="fileFormat")]
    columns: Annotated[str, Field(alias="fileSchema")]
    files: tuple[_InventoryPart, ...]


@dataclass(frozen=True)
class BucketInventory:
    """One inventory of a bucket, whose manifest is verified."""

    bucket: str
    key: str
    """Of its manifest."""

    created: datetime
    """When AWS began it, by its manifest, at the latest when its bucket took that."""

    columns: tuple[str, ...]
    files: tuple[_InventoryPart, ...]


def find_inventory(source: FileSource, address: InventoryAddress, bucket: str) -> BucketInventory:
    """
    Return the newest inventory of a bucket.

    Raises:
        Failure: there is none, or it is old, damaged, or not of this bucket.
    """
    client, folder = source.create_client(), address.folder(bucket)
    with explain_source_errors(f"Looking for the inventory {folder} in the bucket {address.bucket}"):
        found = {
            key: time
            for keys, times in list_object_columns(
                client, address.bucket, ("Key", "LastModified"), Prefix=f"{folder}2"
            )
            for key, time in zip(keys, times, strict=True)
        }
    key = max((key for key in found if _MANIFEST.fullmatch(key.removeprefix(folder))), default="")
    if not key:
        raise Failure(
            f"The bucket {address.bucket} has no inventory {folder}.",
            "AWS writes the first one within two days. Only S3 of AWS has inventories: for another service "
            "take the setting `inventory` out.",
        )
    body = _read_small(client, address.bucket, key)
    checksum = _read_small(client, address.bucket, key.removesuffix("json") + "checksum")
    if hashlib.md5(body, usedforsecurity=False).hexdigest().encode() != checksum.strip().lower():
        raise _refuse(key, "its manifest.checksum is of another manifest")
    try:
        manifest = read_json(body, _InventoryManifest, max_bytes=_MAX_MANIFEST_BYTES)
        created = min(
            datetime.fromtimestamp(int(manifest.created) / 1000, UTC), datetime.fromisoformat(found[key])
        )
    except (DocumentError, ValueError, OverflowError, OSError) as error:
        raise _refuse(key, f"its manifest is none: {error}") from None
    _require_right(manifest, key, address, bucket, created)
    return BucketInventory(
        bucket, key, created, tuple(map(str.strip, manifest.columns.split(","))), manifest.files
    )


def _require_right(
    manifest: _InventoryManifest, key: str, address: InventoryAddress, bucket: str, created: datetime
) -> None:
    missing = set(_COLUMNS) - set(map(str.strip, manifest.columns.split(",")))
    if manifest.source != bucket:
        raise _refuse(key, f"it is of the bucket {manifest.source[:63]!r}")
    if manifest.destination.rpartition(":")[2] != address.bucket:
        raise _refuse(key, f"it was written for the bucket {manifest.destination[:99]!r}")
    if manifest.format != "CSV":
        raise _refuse(key, f"its format is {manifest.format[:20]!r}, and CSV is read")
    if missing:
        raise _refuse(key, f"it has no {', '.join(sorted(missing))}")
    if datetime.now(UTC) - created > _LONGEST_AGE:
        raise _refuse(key, f"it is of {created:%Y-%m-%d %H:%M} UTC, older than {_LONGEST_AGE.days} days")


def list_inventory(
    source: FileSource, address: InventoryAddress, inventory: BucketInventory, folder: Path
) -> Iterator[ListedObjects]:
    """
    Yield the objects that an inventory names, by their keys.

    Nothing is yielded before all of its files are there and have the MD5 that its manifest names. They are
    sorted in a file of the folder.

    Raises:
        Failure: a file is missing, damaged, or has what is no row of this bucket.
    """
    return sort_blocks(ListedObjects, _read_files(source, address, inventory, folder), folder)


def _read_files(
    source: FileSource, address: InventoryAddress, inventory: BucketInventory, folder: Path
) -> Iterator[ListedObjects]:
    client = source.create_client()
    with TemporaryDirectory(dir=folder) as private:
        path = Path(private) / "part"
        for part in inventory.files:
            _download(client, address.bucket, inventory, part, path)
            rows = _read_rows(inventory, part, path)
            while block := list(islice(rows, _BLOCK_ROWS)):
                yield ListedObjects(inventory.bucket, *map(list, zip(*block, strict=True)))


def _download(
    client: S3Client, bucket: str, inventory: BucketInventory, part: _InventoryPart, path: Path
) -> None:
    def download() -> tuple[int, str]:
        digest, count = hashlib.md5(usedforsecurity=False), 0
        body = client.get_object(Bucket=bucket, Key=part.key)["Body"]
        with path.open("wb") as file:
            while count <= part.size and (chunk := body.read(MIB)):
                digest.update(chunk)
                count += len(chunk)
                file.write(chunk)
        body.close()
        return count, digest.hexdigest()

    with explain_source_errors(f"Reading {part.key} of the bucket {bucket}"):
        found = Retrying(
            retry=retry_if_exception_type((BrokenConnectionError, HTTPClientError, IncompleteReadError)),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(0.2, max=10),
            reraise=True,
        )(download)
    if found != (part.size, part.md5.lower()):
        raise _refuse(inventory.key, f"its file {part.key[-80:]!r} is not the one that its manifest names")


def _read_rows(
    inventory: BucketInventory, part: _InventoryPart, path: Path
) -> Iterator[tuple[str, str, str, str]]:
    """Yield key, size, ETag and time of the newest versions in a file."""
    named = {name: index for index, name in enumerate(inventory.columns)}
    bucket, key, size, etag, modified = (named[name] for name in _COLUMNS)
    latest, marker = named.get("IsLatest"), named.get("IsDeleteMarker")
    wrong = _refuse(inventory.key, f"its file {part.key[-80:]!r} has what is no row of this bucket")
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.reader(_read_lines(file), strict=True):
                if len(row) != len(named) or row[bucket] != inventory.bucket:
                    raise wrong
                if (latest is not None and row[latest] != "true") or (
                    marker is not None and row[marker] == "true"
                ):
                    continue
                if not _SIZE.fullmatch(row[size]):
                    raise wrong
                yield unquote_plus(row[key], errors="strict"), row[size], row[etag].strip('"'), row[modified]
    except (csv.Error, EOFError, OSError, ValueError, zlib.error):
        raise wrong from None


def _read_lines(file: IO[str]) -> Iterator[str]:
    """Yield the lines of a file. Raise ValueError for one that is too long for a row."""
    while line := file.readline(_MAX_LINE_CHARACTERS):
        if len(line) == _MAX_LINE_CHARACTERS:
            raise ValueError("a line is too long")
        yield line


def _read_small(client: S3Client, bucket: str, key: str) -> bytes:
    with explain_source_errors(f"Reading {key} of the bucket {bucket}"):
        response = client.get_object(Bucket=bucket, Key=key)
        if response["ContentLength"] > _MAX_MANIFEST_BYTES:
            raise _refuse(key, "it is too large")
        return response["Body"].read()


def _refuse(key: str, why: str) -> Failure:
    return Failure(
        f"The inventory {key} is not used: {why}. Nothing was changed in the vault.",
        "correct the inventory's configuration and wait for the next one, or take the setting `inventory` "
        "out: the bucket is then listed by S3's API.",
    )
