"""The snapshot of the twin's AWS account on disk."""

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

SERVICES = ("s3", "s3control", "kms", "iam", "sts", "secretsmanager", "sns", "events", "cloudtrail")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS object (
    bucket TEXT NOT NULL, key TEXT NOT NULL, versions BLOB NOT NULL, PRIMARY KEY (bucket, key)) WITHOUT ROWID
"""


class UnreadableSnapshotError(Exception):
    """The snapshot can't be read; the text has the reason and the next step."""


class AccountSnapshot:
    """
    moto's backends in one SQLite file: one pickle, and a row per key for the object versions.

    moto has no persistence: its server loses everything when it ends, and its recorder replays requests,
    with new key ids, version ids and dates. With rows, the cost of a write does not depend on the number of
    objects. A write is a transaction, so an interrupted one leaves the previous snapshot. Not thread-safe.
    """

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._path = path
        self._moto_version = version("moto")  # which Python searches its whole path for
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._rows: dict[tuple[str, str], bytes | None] = {}
        self._account = b""
        self._unreferenced_bodies: list[str] = []

    def collect(self) -> None:
        """Pickle the changes since the last `write` that succeeded. Nothing may change meanwhile."""
        for bucket in _list_buckets():
            index = _object_index(bucket)
            for key in index.touched:
                versions = index.getlist(key)
                self._rows[bucket.name, key] = _pickle(versions) if versions else None
            index.touched.clear()
        self._account = _pickle(
            {name: {id_: dict(regions) for id_, regions in get_backend(name).items()} for name in SERVICES}
        )
        self._unreferenced_bodies += ObjectVersion.unreferenced_bodies
        ObjectVersion.unreferenced_bodies.clear()

    def write(self) -> None:
        """Write the collected changes to disk, then remove the bodies that no version refers to."""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            for (bucket, key), versions in self._rows.items():
                if versions is None:
                    execute("DELETE FROM object WHERE bucket = ? AND key = ?", (bucket, key))
                else:
                    execute("INSERT OR REPLACE INTO object VALUES (?, ?, ?)", (bucket, key, versions))
            execute("INSERT OR REPLACE INTO account VALUES ('moto', ?)", (self._moto_version,))
            execute("INSERT OR REPLACE INTO account VALUES ('services', ?)", (self._account,))
            execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
        self._rows.clear()
        while self._unreferenced_bodies:
            (ObjectVersion.folder / self._unreferenced_bodies.pop()).unlink(missing_ok=True)

    def restore(self) -> None:
        """
        Load the snapshot into moto's backends, and remove bodies that no version refers to.

        Raises:
            UnreadableSnapshotError: another version of moto wrote the snapshot, or it can't be read.
        """
        try:
            self._load()
        except UnreadableSnapshotError:
            raise
        except Exception as error:
            raise self._unreadable_error(
                f"cannot be read ({type(error).__name__})", "as it was before"
            ) from error
        referred = {
            body
            for bucket in _list_buckets()
            for body in _object_index(bucket).bodies() | _list_part_bodies(bucket)
        }
        for file in ObjectVersion.folder.iterdir():
            if file.name not in referred:
                file.unlink()

    def _load(self) -> None:
        # WAL without fsync survives the end of the process. The twin need not survive a power cut.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(_SCHEMA)
        rows: dict[str, Any] = dict(self._connection.execute("SELECT name, value FROM account"))
        if rows and rows["moto"] != self._moto_version:
            reason = f"was written by moto {rows['moto']} and this is moto {self._moto_version}"
            raise self._unreadable_error(reason, rows["moto"])
        # The twin wrote the file, in a folder of mode 0700, so unpickling runs no foreign code.
        unpickle: Callable[[bytes], Any] = pickle.loads
        for name, accounts in unpickle(rows["services"]).items() if rows else ():
            for account, regions in accounts.items():
                get_backend(name)[account].update(regions)
        buckets = {bucket.name: bucket for bucket in _list_buckets()}
        for bucket in buckets.values():
            s3_backends.bucket_accounts[bucket.name] = (bucket.partition, bucket.account_id)
        for name, key, versions in self._connection.execute("SELECT bucket, key, versions FROM object"):
            dict.__setitem__(_object_index(buckets[name]), key, unpickle(versions))

    def _unreadable_error(self, reason: str, moto: str) -> UnreadableSnapshotError:
        return UnreadableSnapshotError(
            f"{self._path} {reason}. Install moto {moto}, or stop the twin and remove {self._path.parent} to "
            "begin with an empty AWS account."
        )


def _load_private_key(encoded: bytes) -> Any:
    return serialization.load_der_private_key(encoded, None)


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        match obj:
            case ObjectIndex():
                return ObjectIndex, ()  # the versions are rows
            case RSAPrivateKey() | EllipticCurvePrivateKey():
                encoded = obj.private_bytes(
                    serialization.Encoding.DER,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
                return _load_private_key, (encoded,)
            case _:
                return NotImplemented


def _pickle(value: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


def _list_buckets() -> list[FakeBucket]:
    backends = [backend for _, _, backend in s3_backends.iter_backends() if isinstance(backend, S3Backend)]
    return [bucket for backend in backends for bucket in backend.buckets.values()]


def _object_index(bucket: FakeBucket) -> ObjectIndex:
    index = bucket.keys
    if not isinstance(index, ObjectIndex):
        raise TypeError("a bucket was made before store_bodies_in was called")
    return index


def _list_part_bodies(bucket: FakeBucket) -> set[str]:
    parts = [part for upload in bucket.multiparts.values() for part in upload.parts.values()]
    return {part.body for part in parts if isinstance(part, ObjectVersion)}
