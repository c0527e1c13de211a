"""Where files are restored to: an empty folder, or an empty bucket."""

import os
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from core.failure import Failure
from recovery.files.manifest import FileEntry, line
from recovery.vault.client import AccessKey, client, explained
from recovery.vault.upload import PutOptions
from recovery.vault.vault import VaultClient

_ODD: Final = "odd-names"
_NAME_BYTES: Final = 255
"""What file systems take (ext4, XFS, APFS)."""


class RestoreTarget(Protocol):
    """What takes objects, several at once."""

    def put(self, item: FileEntry, chunks: Iterator[bytes], about: PutOptions) -> None:
        """Take one object; all of it, or it raises. `about` is what S3 tells with it."""
        ...


class FolderTarget:
    """
    A folder: `<bucket>/<key>`, and under `odd-names/` what has no such path, by the SHA-256 of its name.

    Those are listed in `odd-names.jsonl`: keys with empty segments or dots, with names that are too long, and
    keys that continue another one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.odd = 0
        self._naming = threading.Lock()

    @classmethod
    def empty(cls, path: Path) -> "FolderTarget":
        """
        Take an empty folder, or make one.

        Raises:
            Failure: where there is something in it, or it can't be made.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            taken = next(path.iterdir(), None)
        except OSError as error:
            raise Failure(
                f"The folder {path} can't be used: {error.strerror}.", "name another one."
            ) from None
        if taken:
            raise Failure(f"The folder {path} is not empty: {taken.name} is in it.", "name an empty one.")
        return cls(path)

    def put(self, item: FileEntry, chunks: Iterator[bytes], about: PutOptions) -> None:
        del about  # a file system has no place for it
        path = self._path(item)
        if path is None or path.is_dir() or not _made(path.parent):
            path = self._set_aside(item)
        try:
            file = path.open("xb")
        except FileExistsError:  # as on a file system that takes a and A for one
            path = self._set_aside(item)
            file = path.open("xb")
        except OSError as error:
            raise _unwritten(path, error) from None
        try:
            with file:
                for chunk in chunks:
                    file.write(chunk)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise _unwritten(path, error) from None
            raise
        moment = item.modified.timestamp()
        os.utime(path, (moment, moment))

    def find(self, item: FileEntry) -> Path | None:
        """Return the file of an object; None where there is none."""
        path = self._path(item)
        found = [one for one in (self._aside(item), path) if one and one.is_file()]
        return found[0] if found else None

    def files(self) -> Iterator[Path]:
        """Yield every file of an object."""
        for folder, _, names in os.walk(self.path):
            yield from (Path(folder) / name for name in names if Path(folder) != self.path)

    def _path(self, item: FileEntry) -> Path | None:
        segments = [item.bucket, *item.key.split("/")]
        fits = all(
            segment not in {"", ".", ".."} and "\0" not in segment and len(segment.encode()) <= _NAME_BYTES
            for segment in segments
        )
        return self.path.joinpath(*segments) if fits and item.bucket != _ODD else None

    def _aside(self, item: FileEntry) -> Path:
        return self.path / _ODD / sha256(f"{item.bucket}/{item.key}".encode()).hexdigest()

    def _set_aside(self, item: FileEntry) -> Path:
        path = self._aside(item)
        with self._naming:
            path.parent.mkdir(exist_ok=True)
            self.odd += 1
            with (self.path / f"{_ODD}.jsonl").open("ab") as names:
                names.write(line(item))
        return path


@dataclass(frozen=True)
class BucketAddress:
    """A bucket at an S3 service; without an endpoint at AWS, without a key by the environment's."""

    bucket: str
    region: str
    endpoint: str | None = None
    key: AccessKey | None = None


class BucketTarget:
    """A bucket, which takes objects under their own keys."""

    def __init__(self, vault: VaultClient) -> None:
        self._vault = vault

    @classmethod
    def empty(cls, address: BucketAddress, *, vaults: Collection[VaultClient]) -> "BucketTarget":
        """
        Take an empty bucket that is none of the vaults.

        Raises:
            Failure: where there is something in it, it is one of those, or it can't be listed.
        """
        if any(
            (vault.bucket, _host(vault.endpoint)) == (address.bucket, _host(address.endpoint))
            for vault in vaults
        ):
            raise Failure(f"The bucket {address.bucket} is a vault.", "name an empty bucket elsewhere.")
        reached = client(address.region, address.endpoint, key=address.key)
        with explained(f"Looking into the bucket {address.bucket}"):
            there = reached.list_objects_v2(Bucket=address.bucket, MaxKeys=1).get("Contents")
        if there:
            raise Failure(
                f"The bucket {address.bucket} is not empty: {there[0].get('Key', '')!r} is in it.",
                "name an empty one; nothing is ever restored over what is there.",
            )
        return cls(VaultClient(reached, address.bucket))

    def put(self, item: FileEntry, chunks: Iterator[bytes], about: PutOptions) -> None:
        self._vault.store(item.key, chunks, expected_bytes=item.bytes, how=about)


def _made(folder: Path) -> bool:
    """Make a folder; tell whether it is one, and not a file that a shorter key has put there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return False
    except OSError as error:
        raise _unwritten(folder, error) from None
    return True


def _host(endpoint: str | None) -> str:
    return urlsplit(endpoint).netloc if endpoint else ""


def _unwritten(path: Path, error: OSError) -> Failure:
    return Failure(
        f"Writing {path} failed: {error.strerror}.",
        "see that the disk has room and the folder is yours, then restore into another empty folder.",
    )
