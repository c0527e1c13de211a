"""What lies in a vault, by the versions of its objects: a delete marker hides nothing here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from recovery.vault.failures import code, explained

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Entry:
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
) -> Iterator[Entry]:
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


def _versions(client: S3Client, bucket: str, prefix: str, after: str, *, versions: bool) -> Iterator[Entry]:
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
                yield Entry(key, found["VersionId"], found["Size"], found["LastModified"], found["IsLatest"])
        for found in page.get("DeleteMarkers", ()) if versions else ():
            yield Entry(
                found["Key"], found["VersionId"], 0, found["LastModified"], found["IsLatest"], marker=True
            )


def _objects(client: S3Client, bucket: str, prefix: str, after: str) -> Iterator[Entry]:
    pages = cast(
        "Iterable[Any]",
        client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=after),
    )
    for page in pages:
        for found in page.get("Contents", ()):
            yield Entry(found["Key"], "", found["Size"], found["LastModified"], latest=True)
