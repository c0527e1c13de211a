"""The platform's files where they live: buckets behind the S3 protocol, read and never written."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from core.failure import Failure
from recovery.vault.client import AccessKey, client, code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_KEY_CODES: Final = frozenset(
    ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "403", "401")
)
_BUSY_CODES: Final = frozenset(
    ("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "502", "503", "504", "544")
)


@dataclass(frozen=True)
class Listed:
    """An object as the source lists it."""

    bucket: str
    key: str
    bytes: int
    etag: str
    modified: datetime


@dataclass(frozen=True)
class Source:
    """The buckets that are backed up. Their service keeps no versions: what is overwritten there is gone."""

    endpoint: str
    region: str
    buckets: tuple[str, ...]
    key: AccessKey = field(repr=False)

    def client(self) -> S3Client:
        """Return a client of its own."""
        return client(self.region, self.endpoint, key=self.key)

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).hostname or self.endpoint

    def listed(self, bucket: str) -> Iterator[Listed]:
        """
        Yield the objects of a bucket, page by page, in whatever order the service has.

        Raises:
            Failure: where there is no such bucket, or it can't be listed.
        """
        with explained(f"Listing the bucket {bucket} of {self.host}"):
            pages = cast(
                "Iterable[Any]", self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    yield Listed(
                        bucket, found["Key"], found["Size"], found["ETag"].strip('"'), found["LastModified"]
                    )


@contextmanager
def explained(doing: str) -> Generator[None]:
    """Raise what botocore raises as a Failure that says what to do; its text may hold URLs."""
    try:
        yield
    except ClientError as error:
        raise _answered(code(error), doing) from None
    except (BotoCoreError, HTTPClientError) as error:
        raise Failure(
            f"{doing} failed: the file store can't be reached, or the connection broke each time.",
            "check the network and the vendor's status page, then run this again; what is copied is kept.",
            type(error).__name__,
        ) from None


def _answered(what: str, doing: str) -> Failure:
    if what == "NoSuchBucket":
        return Failure(
            f"{doing} failed: there is no such bucket. No backup was made, and none was touched.",
            "if it was deleted, restore it from the last backup; if it was renamed, change "
            "bulwark:files.buckets.",
        )
    if what in _KEY_CODES:
        return Failure(
            f"{doing} failed: the access key is not accepted ({what}).",
            "make a new S3 access key at the vendor, set it as the secrets files_access_key_id and "
            "files_secret_access_key, and deploy.",
        )
    if what in _BUSY_CODES:
        return Failure(
            f"{doing} failed: the file store answered that it is overloaded or failing, each time.",
            "wait some minutes, then run this again; what is copied is kept.",
        )
    return Failure(f"{doing} failed: the file store answered {what}.", "look into what that means.")
