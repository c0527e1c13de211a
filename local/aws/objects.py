"""S3 object versions whose bodies are files, and an index that knows which of its keys a snapshot lacks."""

import copy
import hashlib
import threading
import uuid
from pathlib import Path
from typing import Any, ClassVar, Self

from moto.s3 import models
from moto.s3.models import FakeKey
from moto.s3.utils import (
    _VersionedKeyStore,  # pyright: ignore[reportPrivateUsage] - moto's index of a bucket has no public name
)


class ObjectVersion(FakeKey):
    """
    One version of an object (or one uploaded part), with its body in a file of `folder`.

    moto keeps bodies in spooled temporary files, which die with the process and would have to be copied into
    every snapshot. A body's file is named at random and never changed, so a snapshot holds just its name.
    """

    folder: ClassVar[Path]
    released: ClassVar[list[str]] = []
    """Bodies that nothing refers to any more; their files go once a snapshot without them is durable."""

    body: str
    contentsize: int
    _etag: str | None

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Skip moto's list of all instances (for its dashboard), which would keep deleted ones for ever."""
        return object.__new__(cls)

    @property
    def value(self) -> bytes:
        return (self.folder / self.body).read_bytes()

    @value.setter
    def value(self, new_value: bytes | str) -> None:  # moto passes text for access logs
        content = new_value.encode() if isinstance(new_value, str) else new_value
        self.body = uuid.uuid4().hex
        (self.folder / self.body).write_bytes(content)
        self.contentsize = len(content)
        if self._etag is None:
            self._etag = hashlib.md5(content, usedforsecurity=False).hexdigest()

    def dispose(self, garbage: bool = False) -> None:
        """Give up the body; a mere copy of this object that is collected (`garbage`) gives up nothing."""
        if not garbage and not self.disposed:
            self.disposed = True
            self.released.append(self.body)
            if self.multipart:
                self.multipart.dispose()

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        return copy.copy(self)  # moto copies every version that it lists; bodies are shared

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in {"_value_buffer", "lock"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.lock = threading.Lock()


class ObjectIndex(_VersionedKeyStore):
    """
    A bucket's object versions by key, noting each key that is changed or that a change looks up.

    To change a version in place (retention, metadata, ACL) moto must look it up first, so `touched` misses
    nothing; a note too many costs one needless write.
    """

    noting: ClassVar[bool] = False
    """Whether the request at work may change state; set by the service, where requests take turns."""

    def __init__(self) -> None:
        super().__init__()
        self.touched: set[str] = set()

    def __sgetitem__(self, key: str) -> list[Any]:
        if self.noting:
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


def keep_bodies_in(folder: Path) -> None:
    """Make moto's S3 use these classes from here on; call it before the first bucket exists."""
    folder.mkdir(mode=0o700, exist_ok=True)
    ObjectVersion.folder = folder
    models.FakeKey = ObjectVersion
    models.__dict__["_VersionedKeyStore"] = ObjectIndex
