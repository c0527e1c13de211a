"""The platform's file store: buckets behind the S3 protocol, which are only read."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from core.failure import Failure
from recovery.vault.client import AccessKey, create_client, error_code
from recovery.vault.listing_pages import list_object_columns

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_KEY_CODES: Final = frozenset(
    ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "403", "401")
)
_BUSY_CODES: Final = frozenset(
    ("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "502", "503", "504", "544")
)
_COLUMNS: Final = ("Key", "Size", "ETag", "LastModified")
_MD5_DIGITS: Final = 32


class SourceFailure(Failure):
    """A request to the file store failed; `reason` is why, as the end of a sentence."""

    def __init__(self, cause: str, next_step: str, reason: str, detail: str = "") -> None:
        super().__init__(cause, next_step, detail)
        self.reason = reason


class SourceObject(NamedTuple):
    """An object in a listing of the source."""

    bucket: str
    key: str
    bytes: int
    etag: str
    modified: datetime


class ListedObjects(NamedTuple):
    """Consecutive objects in a listing of a bucket, as columns of texts."""

    bucket: str
    keys: Sequence[str]
    sizes: Sequence[str]
    etags: Sequence[str]
    modified: Sequence[str]

    def read(self, index: int) -> SourceObject:
        """Return one of the objects. Raise SourceFailure if the listing has no time of it."""
        try:
            modified = datetime.fromisoformat(self.modified[index]).astimezone(UTC)
        except (ValueError, OverflowError):
            raise SourceFailure(
                f"The file store lists {self.keys[index]!r} of the bucket {self.bucket} with no time.",
                "ask the vendor; nothing was changed in the vault.",
                "the listing has no time of it",
            ) from None
        return SourceObject(
            self.bucket, self.keys[index], int(self.sizes[index]), self.etags[index], modified
        )


@dataclass(frozen=True)
class InventoryAddress:
    """Where S3 writes the inventories of the source's buckets. They are read with the source's key."""

    bucket: str
    name: str
    """That of the inventory's configuration, the same for each of the source's buckets."""

    prefix: str = ""

    def folder(self, bucket: str) -> str:
        """Return the prefix of a bucket's inventories."""
        return "/".join(filter(None, (self.prefix.strip("/"), bucket, self.name))) + "/"


@dataclass(frozen=True)
class FileSource:
    """The buckets that are backed up. Their service keeps no versions: overwritten content is lost there."""

    endpoint: str
    region: str
    buckets: tuple[str, ...]
    access_key: AccessKey = field(repr=False)
    inventory: InventoryAddress | None = None
    """What is read in place of S3's listing; None: the buckets are listed."""

    def create_client(self) -> S3Client:
        """Return a new client of the file store."""
        return create_client(self.region, self.endpoint, access_key=self.access_key)

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).hostname or self.endpoint

    def require_answers(self, bucket: str) -> None:
        """Raise SourceFailure if the bucket can't be listed: then no object of it can be read."""
        with explain_source_errors(f"Listing the bucket {bucket} of {self.host}"):
            self.create_client().list_objects_v2(Bucket=bucket, MaxKeys=1)

    def list_objects(self, bucket: str) -> Iterator[ListedObjects]:
        """
        Yield the objects of a bucket, page by page, in the service's order.

        Raises:
            Failure: there is no such bucket, or it can't be listed.
        """
        with explain_source_errors(f"Listing the bucket {bucket} of {self.host}"):
            client = self.create_client()
            for columns in list_object_columns(client, bucket, _COLUMNS):
                yield ListedObjects(bucket, *columns)


def is_md5(etag: str) -> bool:
    """Return whether an ETag is the MD5 of the content; that of a multipart upload is longer."""
    return len(etag) == _MD5_DIGITS


@contextmanager
def explain_source_errors(action: str) -> Generator[None]:
    """Convert errors of botocore into SourceFailure, without their text, which may hold URLs."""
    try:
        yield
    except ClientError as error:
        raise _failure_of_code(error_code(error), action) from None
    except BotoCoreError as error:
        raise SourceFailure(
            f"{action} failed: the file store can't be reached, or the connection broke each time.",
            "check the network and the vendor's status page, then run this again; what is copied is kept.",
            "the connection broke each time",
            type(error).__name__,
        ) from None


def _failure_of_code(error_code: str, action: str) -> SourceFailure:
    reason = f"the file store answered {error_code}"
    if error_code == "NoSuchBucket":
        return SourceFailure(
            f"{action} failed: there is no such bucket. No backup was made, and none was touched.",
            "if it was deleted, restore it from the last backup; if it was renamed, change bulwark:stores.",
            reason,
        )
    if error_code in _KEY_CODES:
        return SourceFailure(
            f"{action} failed: the access key is not accepted ({error_code}).",
            "make a new S3 access key at the vendor, set it as the secrets files_access_key_id and "
            "files_secret_access_key, and deploy.",
            reason,
        )
    if error_code in _BUSY_CODES:
        return SourceFailure(
            f"{action} failed: the file store answered that it is overloaded or failing, each time.",
            "wait some minutes, then run this again; what is copied is kept.",
            reason,
        )
    return SourceFailure(f"{action} failed: {reason}.", "look into what that means.", reason)
