"""What exists in the twin's AWS account, on disk."""

import io
import pickle
import sqlite3
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from moto.backends import get_backend
from moto.s3.models import FakeBucket, S3Backend, s3_backends

from twin.aws.objects import ObjectIndex, ObjectVersion

SERVICES = ("s3", "s3control", "kms", "iam", "sts")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS object (
    bucket TEXT NOT NULL, key TEXT NOT NULL, versions BLOB NOT NULL, PRIMARY KEY (bucket, key)) WITHOUT ROWID
"""


class UnreadableSnapshotError(Exception):
    """The snapshot cannot be taken up; the text says why and what to do."""


class AccountSnapshot:
    """
    moto's backends in one SQLite file: pickled as a whole, but for the object versions, a row for each key.

    moto has no persistence: its server forgets everything when it ends, and its recorder replays requests,
    which draws new key ids, version ids and dates. Rows keep the cost of a write independent of the number of
    objects. A write is a transaction, so an interrupted one leaves the previous snapshot. Not thread-safe.
    """

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._path = path
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._rows: dict[tuple[str, str], bytes | None] = {}
        self._account = b""
        self._released: list[str] = []

    def collect(self) -> None:
        """Pickle what has changed; nothing may change meanwhile. What a failed `write` left is kept."""
        for bucket in _buckets():
            index = _index(bucket)
            for key in index.touched:
                versions = index.getlist(key)
                self._rows[bucket.name, key] = _pickled(versions) if versions else None
            index.touched.clear()
        self._account = _pickled(
            {name: {id_: dict(regions) for id_, regions in get_backend(name).items()} for name in SERVICES}
        )
        self._released += ObjectVersion.released
        ObjectVersion.released.clear()

    def write(self) -> None:
        """Make durable what was collected, then remove the bodies that it no longer refers to."""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            for (bucket, key), versions in self._rows.items():
                if versions is None:
                    execute("DELETE FROM object WHERE bucket = ? AND key = ?", (bucket, key))
                else:
                    execute("INSERT OR REPLACE INTO object VALUES (?, ?, ?)", (bucket, key, versions))
            execute("INSERT OR REPLACE INTO account VALUES ('moto', ?)", (version("moto"),))
            execute("INSERT OR REPLACE INTO account VALUES ('services', ?)", (self._account,))
            execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
        self._rows.clear()
        while self._released:
            (ObjectVersion.folder / self._released.pop()).unlink(missing_ok=True)

    def restore(self) -> None:
        """
        Put everything back into moto's backends, and remove bodies that no version refers to.

        Raises:
            UnreadableSnapshotError: another version of moto wrote it, or it cannot be read.
        """
        try:
            self._load()
        except UnreadableSnapshotError:
            raise
        except Exception as cause:
            raise self._unreadable(f"cannot be read ({type(cause).__name__})", "as it was before") from cause
        referred = {body for bucket in _buckets() for body in _index(bucket).bodies() | _parts(bucket)}
        for file in ObjectVersion.folder.iterdir():
            if file.name not in referred:
                file.unlink()

    def _load(self) -> None:
        # WAL without fsync outlives the process, killed or not; a power cut is not the twin's concern.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(_SCHEMA)
        saved: dict[str, Any] = dict(self._connection.execute("SELECT name, value FROM account"))
        if saved and saved["moto"] != version("moto"):
            reason = f"was written by moto {saved['moto']} and this is moto {version('moto')}"
            raise self._unreadable(reason, saved["moto"])
        # The file is the twin's own, in a folder of mode 0700, so unpickling runs nobody else's code.
        unpickled: Callable[[bytes], Any] = pickle.loads
        for name, accounts in unpickled(saved["services"]).items() if saved else ():
            for account, regions in accounts.items():
                get_backend(name)[account].update(regions)
        buckets = {bucket.name: bucket for bucket in _buckets()}
        for bucket in buckets.values():
            s3_backends.bucket_accounts[bucket.name] = (bucket.partition, bucket.account_id)
        for name, key, versions in self._connection.execute("SELECT bucket, key, versions FROM object"):
            dict.__setitem__(_index(buckets[name]), key, unpickled(versions))

    def _unreadable(self, reason: str, moto: str) -> UnreadableSnapshotError:
        return UnreadableSnapshotError(
            f"{self._path} {reason}. Install moto {moto}, or stop the twin and remove {self._path.parent} to "
            "begin with an empty AWS account."
        )


def _private_key(encoded: bytes) -> Any:
    return serialization.load_der_private_key(encoded, None)


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        match obj:
            case ObjectIndex():
                return ObjectIndex, ()  # its versions are rows
            case RSAPrivateKey() | EllipticCurvePrivateKey():
                encoded = obj.private_bytes(
                    serialization.Encoding.DER,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
                return _private_key, (encoded,)
            case _:
                return NotImplemented


def _pickled(value: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


def _buckets() -> list[FakeBucket]:
    backends = [backend for _, _, backend in s3_backends.iter_backends() if isinstance(backend, S3Backend)]
    return [bucket for backend in backends for bucket in backend.buckets.values()]


def _index(bucket: FakeBucket) -> ObjectIndex:
    index = bucket.keys
    if not isinstance(index, ObjectIndex):
        raise TypeError("a bucket was made before keep_bodies_in was called")
    return index


def _parts(bucket: FakeBucket) -> set[str]:
    parts = [part for upload in bucket.multiparts.values() for part in upload.parts.values()]
    return {part.body for part in parts if isinstance(part, ObjectVersion)}
