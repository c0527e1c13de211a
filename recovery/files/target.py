"""The destinations of a restore of files: an empty folder, or an empty bucket."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol
from urllib.parse import urlsplit

from core.failure import Failure
from recovery.files.copy import original_metadata
from recovery.files.manifest import FileEntry, format_line
from recovery.vault.client import AccessKey, create_client, explain_errors
from recovery.vault.objects import list_entries
from recovery.vault.upload import PutOptions
from recovery.vault.vault import VaultClient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import DeleteObjectRequestTypeDef

_ODD_NAMES: Final = "odd-names"
_MARK: Final = "unfinished-restore"
"""
File or object in a target while a restore writes into it. A target that has it was empty before, and its
restore never ended: the next one empties it and begins anew.
"""

_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_NAME_BYTES: Final = 255
"""Longest name of a file (ext4, XFS, APFS)."""


class RestoreTarget(Protocol):
    """A destination of objects; several threads write to it at a time."""

    def put(self, entry: FileEntry, chunks: Iterator[bytes], options: PutOptions) -> None:
        """Write one object completely, or raise. `options` has its headers and metadata."""
        ...

    def complete(self) -> None:
        """Take the mark of an unfinished restore away, after the last object."""
        ...

    def close(self) -> None:
        """Let another restore write to the target."""
        ...


class FolderTarget:
    """
    A folder with the paths `<bucket>/<key>`, which this user alone can read: folders 0700, files 0600.

    An object that can't have this path is in `odd-names/`, under the SHA-256 of its name, and is listed in
    `odd-names.jsonl`. Such keys have empty segments, dots or too long names, or have another key as a parent.
    """

    def __init__(self, path: Path, mark: BinaryIO) -> None:
        self.path = path
        self.odd_names = 0
        self._names_lock = threading.Lock()
        self._mark = mark
        """Holds the lock of the folder, which the kernel releases however this process ends."""

    @classmethod
    def open_empty(cls, path: Path) -> FolderTarget:
        """
        Open an empty folder, or create it. What a restore has left that was killed is removed.

        Raises:
            Failure: it is not empty, can't be created, or another restore writes into it.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            names = {each.name for each in path.iterdir()}
            if names and _MARK not in names:
                raise Failure(f"The folder {path} is not empty: {min(names)} is in it.", "name an empty one.")
            mark = open(path / _MARK, "ab", opener=_open_private)  # noqa: SIM115 - open until `complete`
            try:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                mark.close()
                raise
            for name in names - {_MARK}:
                leftover = path / name
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        except BlockingIOError:
            raise Failure(f"Another restore writes into the folder {path}.", "name another one.") from None
        except OSError as error:
            raise Failure(
                f"The folder {path} can't be used: {error.strerror}.", "name another one."
            ) from None
        return cls(path, mark)

    def complete(self) -> None:
        (self.path / _MARK).unlink()

    def close(self) -> None:
        self._mark.close()

    def put(self, entry: FileEntry, chunks: Iterator[bytes], options: PutOptions) -> None:
        del options  # a file has no headers
        path = self._plain_path(entry)
        if path is None or path.is_dir() or not self._make_folders(path.parent):
            path = self._claim_odd_path(entry)
        try:
            file = _create_file(path)
        except FileExistsError:  # on a file system that ignores case
            path = self._claim_odd_path(entry)
            file = _create_file(path)
        except OSError as error:
            raise _write_failure(path, error) from None
        try:
            with file:
                for chunk in chunks:
                    file.write(chunk)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise _write_failure(path, error) from None
            raise
        moment = entry.modified.timestamp()
        os.utime(path, (moment, moment))

    def find(self, entry: FileEntry) -> Path | None:
        """Return the path of a restored object; None if it is missing."""
        path = self._plain_path(entry)
        candidates = (self._odd_path(entry), path)
        return next((candidate for candidate in candidates if candidate and candidate.is_file()), None)

    def list_files(self) -> Iterator[Path]:
        """Yield the path of every restored object."""
        for folder, _, names in os.walk(self.path):
            yield from (Path(folder) / name for name in names if Path(folder) != self.path)

    def _plain_path(self, entry: FileEntry) -> Path | None:
        segments = [entry.bucket, *entry.key.split("/")]
        fits = all(
            segment not in {"", ".", ".."} and "\0" not in segment and len(segment.encode()) <= _NAME_BYTES
            for segment in segments
        )
        return self.path.joinpath(*segments) if fits and entry.bucket not in {_ODD_NAMES, _MARK} else None

    def _make_folders(self, folder: Path) -> bool:
        """Create a folder and its parents; return False if the object of a shorter key is a file there."""
        if folder.is_dir():
            return True
        path = [folder, *folder.parents]
        try:
            for each in reversed(path[: path.index(self.path)]):
                each.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            return False
        except OSError as error:
            raise _write_failure(folder, error) from None
        return True

    def _odd_path(self, entry: FileEntry) -> Path:
        return self.path / _ODD_NAMES / sha256(f"{entry.bucket}/{entry.key}".encode()).hexdigest()

    def _claim_odd_path(self, entry: FileEntry) -> Path:
        path = self._odd_path(entry)
        with self._names_lock:
            path.parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            self.odd_names += 1
            with open(self.path / f"{_ODD_NAMES}.jsonl", "ab", opener=_open_private) as names:
                names.write(format_line(entry))
        return path


@dataclass(frozen=True)
class BucketAddress:
    """A bucket at an S3 service. Defaults: AWS, and the credentials of the environment."""

    bucket: str
    region: str
    endpoint: str | None = None
    access_key: AccessKey | None = None


class BucketTarget:
    """A bucket, with the objects under their own keys."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client, self._bucket = client, bucket
        self._writer = VaultClient(client, bucket)
        self._mark = client.put_object(Bucket=bucket, Key=_MARK, Body=b"")

    @classmethod
    def open_empty(cls, address: BucketAddress, *, vaults: Collection[VaultClient]) -> BucketTarget:
        """
        Open an empty bucket that is not one of `vaults`. What a killed restore has left is removed.

        Raises:
            Failure: it is not empty, is a vault, or can't be listed.
        """
        if any(
            (vault.bucket, _host(vault.endpoint)) == (address.bucket, _host(address.endpoint))
            for vault in vaults
        ):
            raise Failure(f"The bucket {address.bucket} is a vault.", "name an empty bucket elsewhere.")
        s3_client = create_client(address.region, address.endpoint, access_key=address.access_key)
        with explain_errors(f"Looking into the bucket {address.bucket}"):
            keys = [
                item.get("Key", "")
                for item in s3_client.list_objects_v2(Bucket=address.bucket, MaxKeys=2).get("Contents", ())
            ]
            is_unfinished = bool(keys) and _has_object(s3_client, address.bucket, _MARK)
        if keys and not is_unfinished:
            raise Failure(
                f"The bucket {address.bucket} is not empty: {keys[0]!r} is in it.",
                "name an empty one; nothing is ever restored over what is there.",
            )
        with explain_errors(f"Emptying the bucket {address.bucket} of a restore that did not end"):
            for key in _list_keys(s3_client, address.bucket) if is_unfinished else ():
                s3_client.delete_object(Bucket=address.bucket, Key=key)
        with explain_errors(f"Writing into the bucket {address.bucket}"):
            return cls(s3_client, address.bucket)

    def complete(self) -> None:
        which: DeleteObjectRequestTypeDef = {"Bucket": self._bucket, "Key": _MARK}
        if version := self._mark.get("VersionId"):
            which["VersionId"] = version
        with explain_errors(f"Removing {_MARK} from the bucket {self._bucket}"):
            self._client.delete_object(**which)

    def close(self) -> None:
        pass  # nothing is held

    def put(self, entry: FileEntry, chunks: Iterator[bytes], options: PutOptions) -> None:
        original = replace(
            options, metadata=original_metadata(options.metadata, entry.modified), marked=False
        )
        self._writer.store(entry.key, chunks, expected_bytes=entry.bytes, options=original)


def _create_file(path: Path) -> BinaryIO:
    """Create a file that must not exist."""
    return open(path, "xb", opener=_open_private)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, _FILE_MODE)


def _has_object(client: S3Client, bucket: str, key: str) -> bool:
    found = client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", ())
    return any(item.get("Key") == key for item in found)


def _list_keys(client: S3Client, bucket: str) -> Iterator[str]:
    """Yield the keys of a bucket, the mark of the unfinished restore last: a killed call can go on."""
    for entry in list_entries(client, bucket, "", versions=False):
        if entry.is_latest and entry.key != _MARK:
            yield entry.key
    yield _MARK


def _host(endpoint: str | None) -> str:
    return urlsplit(endpoint).netloc if endpoint else ""


def _write_failure(path: Path, error: OSError) -> Failure:
    return Failure(
        f"Writing {path} failed: {error.strerror}.",
        "see that the disk has room and the folder is yours, then restore into another empty folder.",
    )
