"""S3 object versions with their bodies in files, and an index that tracks the keys a snapshot lacks."""

import base64
import copy
import functools
import hashlib
import mmap
import shutil
import threading
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

from flask import has_request_context, request
from moto.s3 import models
from moto.s3.exceptions import EntityTooSmall, InvalidPart, MalformedXML, S3ClientError
from moto.s3.models import FakeKey, FakeMultipart, MultipartChecksumBuilder
from moto.s3.utils import (
    _VersionedKeyStore,
)
from moto.settings import S3_UPLOAD_PART_MIN_SIZE


class ObjectVersion(FakeKey):
    """
    One version of an object (or one uploaded part), with its body in a file of `folder`.

    moto keeps bodies in spooled temporary files, which die with the process and would have to be copied into
    every snapshot. A body's file is named at random and never changed, so a snapshot holds just its name.
    """

    folder: ClassVar[Path]
    unreferenced_bodies: ClassVar[list[str]] = []
    """Bodies that no version refers to; their files are removed once a snapshot without them is durable."""

    replication: str | None = None
    """PENDING, COMPLETED or FAILED for the source of a replication, REPLICA for its copy, None otherwise."""

    body: str
    contentsize: int
    _etag: str | None

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Skip moto's list of all instances (for its dashboard), which would keep deleted ones in memory."""
        return object.__new__(cls)

    @property
    def value(self) -> Any:
        """
        Return the body, or a memory map of the file for a request of a range.

        moto slices ranges out of whole bodies: parallel downloads would read a large body many times.
        """
        with (self.folder / self.body).open("rb") as file:
            if self.contentsize and _wants_range():
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return file.read()

    @value.setter
    def value(self, new_value: "bytes | str | UploadParts") -> None:  # moto passes text for access logs
        self.body = uuid.uuid4().hex
        path = self.folder / self.body
        if isinstance(new_value, UploadParts):
            new_value.join(path)
            self.contentsize = path.stat().st_size
            return
        content = new_value.encode() if isinstance(new_value, str) else new_value
        path.write_bytes(content)
        self.contentsize = len(content)
        if self._etag is None:
            self._etag = hashlib.md5(content, usedforsecurity=False).hexdigest()

    @property
    def response_dict(self) -> dict[str, Any]:
        """Return the headers of GET and HEAD, with the replication status, which moto lacks."""
        status = {"x-amz-replication-status": self.replication} if self.replication else {}
        return super().response_dict | status

    def dispose(self, garbage: bool = False) -> None:
        """Give up the body, except when a copy of this object is garbage-collected (`garbage`)."""
        if not garbage and not self.disposed:
            self.disposed = True
            self.unreferenced_bodies.append(self.body)
            if self.multipart:
                self.multipart.dispose()

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        return copy.copy(self)  # moto copies every version that it lists; bodies are shared

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in {"_value_buffer", "lock"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.lock = threading.Lock()


class UploadParts(list[ObjectVersion]):
    """The parts of an upload in order, in place of the joined bytes that moto holds in memory."""

    def join(self, path: Path) -> None:
        with path.open("wb") as whole:
            for part in self:
                with (part.folder / part.body).open("rb") as file:
                    shutil.copyfileobj(file, whole)

    def etag(self) -> str:
        """Return the ETag of the whole object: the MD5 of the parts' MD5s, and the number of parts."""
        sums = b"".join(bytes.fromhex(part.etag.strip('"')) for part in self)
        return f"{hashlib.md5(sums, usedforsecurity=False).hexdigest()}-{len(self)}"

    def crc32(self) -> str:
        total = functools.reduce(lambda crc, part: zlib.crc32(part.value, crc), self, 0)
        return base64.b64encode(total.to_bytes(4, "big")).decode()


class DurableUpload(FakeMultipart):
    """
    A multipart upload that joins files; moto needs five times the object's size in memory.

    It has the lock that the upload was begun with, which moto forgets.
    """

    lock_mode: str | None = None
    lock_until: str | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_request_context():
            self.lock_mode = request.headers.get("x-amz-object-lock-mode")
            self.lock_until = request.headers.get("x-amz-object-lock-retain-until-date")

    def complete(self, body: Iterator[tuple[int, str]]) -> tuple[Any, str, tuple[str, str, int] | None]:
        parts = UploadParts()
        for number, etag in body:
            part = self.parts.get(number)
            if not isinstance(part, ObjectVersion) or part.etag.strip('"') != etag.strip('"'):
                raise InvalidPart
            if parts and parts[-1].contentsize < S3_UPLOAD_PART_MIN_SIZE:
                raise EntityTooSmall
            parts.append(part)
        if not parts:
            raise MalformedXML
        checksum = MultipartChecksumBuilder(
            self.metadata.get("x-amz-checksum-algorithm"), self.metadata.get("x-amz-checksum-type")
        )
        if checksum.checksum_type != "COMPOSITE":  # CRC32, as in moto, which has no other CRC without awscrt
            crc32 = parts.crc32()
            if _expected_crc32() not in {None, crc32}:
                raise S3ClientError("BadDigest", "The CRC32 you specified did not match the calculated one.")
            return parts, parts.etag(), (checksum.checksum_type, crc32, 1)
        for part in parts:
            checksum.addPart(part.value)
        return parts, parts.etag(), checksum.build()


class ObjectIndex(_VersionedKeyStore):
    """
    A bucket's object versions by key. `touched` has each key that a request changed, or looked up to change.

    moto looks a version up before it changes it in place (retention, metadata, ACL), so `touched` is
    complete. A key too many costs one needless write.
    """

    tracking: ClassVar[bool] = False
    """Whether the current request may change state; the service sets it, which runs one request at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.touched: set[str] = set()

    def __sgetitem__(self, key: str) -> list[Any]:
        if self.tracking:
            self.touched.add(key)
        return super().__sgetitem__(key)

    def setlist(self, key: Any, list_: Any) -> Any:
        self.touched.add(key)
        super().setlist(key, list_)

    def pop(self, key: str) -> None:
        self.touched.add(key)
        for version in self.getlist(key, []):
            if isinstance(version, FakeKey):  # moto would fail on a delete marker here
                version.dispose()
        dict.pop(self, key)

    def bodies(self) -> set[str]:
        """Return the names of the files that hold this bucket's objects."""
        versions = [version for versions in dict.values(self) for version in versions]
        return {version.body for version in versions if isinstance(version, ObjectVersion)}


def _wants_range() -> bool:
    """Tell whether the request is for one range with a start, which moto slices."""
    range_ = request.range if has_request_context() else None
    return range_ is not None and len(range_.ranges) == 1 and (range_.ranges[0][0] or 0) >= 0


def _expected_crc32() -> str | None:
    """Return the CRC32 of the whole object in a request to complete an upload, which moto ignores."""
    return request.headers.get("x-amz-checksum-crc32") if has_request_context() else None


def store_bodies_in(folder: Path) -> None:
    """Replace moto's S3 classes with these; call it before the first bucket exists."""
    folder.mkdir(mode=0o700, exist_ok=True)
    ObjectVersion.folder = folder
    models.FakeKey = ObjectVersion
    models.FakeMultipart = DurableUpload
    models.__dict__["_VersionedKeyStore"] = ObjectIndex
