"""The client of a vault elsewhere: it shows the originals of the encrypted copies that are in it."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from core import vault_layout
from core.failure import Failure
from recovery.age import AgeIdentity, DamagedFileError, WrongIdentityError, decrypt
from recovery.attestation import Trust
from recovery.elsewhere.copies import (
    BackupCopy,
    CopiedObject,
    CopyRules,
    ListedCopy,
    choose_newest,
    read_copies,
)
from recovery.elsewhere.file_lookup import FileLookup
from recovery.elsewhere.framed_file import split_head
from recovery.files.manifest import FileEntry
from recovery.manifest import StoredObject
from recovery.vault.client import AccessKey, Damaged, Missing
from recovery.vault.download import hold_back_last
from recovery.vault.objects import ObjectInfo, VersionEntry, object_label
from recovery.vault.upload import PutOptions
from recovery.vault.vault import VaultClient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


_FILES: Final = (vault_layout.FILE_COPIES, vault_layout.LONG_FILE_COPIES)


class ElsewhereVault(VaultClient):
    """
    A vault elsewhere, read as if it were the vault that was copied: the same keys, versions and times.

    Only what an attested document names is there. Listing and verifying need no private key; reading does.
    """

    def __init__(
        self,
        client: "S3Client",
        bucket: str,
        *,
        trust: Trust,
        rules: CopyRules,
        identity: AgeIdentity | None = None,
        access_key: AccessKey | None = None,
    ) -> None:
        super().__init__(client, bucket, access_key=access_key)
        self.stored = VaultClient(client, bucket, access_key=access_key)
        """The vault itself: documents in clear, and encrypted objects."""

        self.rules = rules
        """How backups are copied to it."""

        self._trust, self._identity = trust, identity
        self._lock = threading.Lock()
        self._listed: list[ListedCopy] | None = None
        self._objects: Mapping[tuple[str, str], CopiedObject] | None = None
        self._files = FileLookup(self, self.stored)
        self._listing = ""
        """Key of the listing of files that was read last: its backup's files are looked for first."""

    def list_copies(self) -> list[ListedCopy]:
        """Return all documents of copies, also those that don't count. They are read once."""
        with self._lock:
            if self._listed is None:
                self._listed = read_copies(self.stored, self._trust, self)
            return self._listed

    @property
    def copies(self) -> list[BackupCopy]:
        """The copies that count, one for each backup, the newest backup first."""
        return choose_newest(self.list_copies())

    def list_entries(self, prefix: str, *, versions: bool = False, after: str = "") -> Iterator[VersionEntry]:  # noqa: ARG002 - each key has one version here
        if prefix == vault_layout.ISSUER_KEYS:
            # Whoever fills this vault could record a key of their own. It holds no key that is believed.
            return
        if prefix.startswith(vault_layout.DISOWNMENTS):
            # In clear, as they are in the vault that was copied; only what is attested counts.
            yield from self.stored.list_entries(prefix, after=after)
            return
        for key, version in sorted(self._find_objects()):
            if key.startswith(prefix) and key > after:
                copied = self._find_objects()[key, version]
                yield VersionEntry(key, version, copied.bytes, copied.stored_at, is_latest=True)

    def read(
        self, key: str, version: str, *, sha256: str | None = None, expected_bytes: int | None = None
    ) -> Iterator[bytes]:
        if key.startswith(vault_layout.DISOWNMENTS):
            return self.stored.read(key, version, sha256=sha256, expected_bytes=expected_bytes)
        if key.startswith(_FILES):
            return self._read_file(key, version, sha256=sha256, expected_bytes=expected_bytes)
        copied = self._find(key, version)
        stored = copied.encrypted
        chunks, name = self._decrypt(stored)
        if key.startswith(vault_layout.FILE_MANIFESTS):
            self._listing = key
        if sha256 not in {None, copied.sha256} or expected_bytes not in {None, copied.bytes}:
            raise Damaged(
                f"{name} is the copy of other bytes than those that are named by the manifest.",
                "use another backup; keep this one for the inquiry.",
            )
        return hold_back_last(chunks, name, sha256=copied.sha256, expected_bytes=copied.bytes)

    def read_options(self, key: str, version: str = "") -> PutOptions:
        """Return the headers and metadata of a file's original, which its encrypted copy begins with."""
        head, chunks = split_head(*self._decrypt(self._find_file(key, version)))
        chunks.close()
        return head.options

    def read_copied_file(self, entry: FileEntry, stored: StoredObject) -> Iterator[bytes]:
        """
        Yield the bytes of a file from its encrypted object.

        Raises:
            Damaged: it is the copy of another file or of other bytes.
            Failure: it can't be read.
        """
        chunks, name = self._decrypt(stored)
        head, content = split_head(chunks, name)
        if (head.bucket, head.key) != (entry.bucket, entry.key):
            raise Damaged(f"{name} is the copy of another file.", "use another backup.")
        yield from hold_back_last(content, name, sha256=entry.sha256, expected_bytes=entry.bytes)

    def _read_file(
        self, key: str, version: str, *, sha256: str | None, expected_bytes: int | None
    ) -> Iterator[bytes]:
        chunks, name = self._decrypt(self._find_file(key, version))
        _, content = split_head(chunks, name)
        yield from hold_back_last(content, name, sha256=sha256, expected_bytes=expected_bytes)

    def _find_file(self, key: str, version: str) -> StoredObject:
        copies = [copy for copy in self.copies if copy.files]
        copies.sort(key=lambda copy: all(one.key != self._listing for one in copy.objects))
        stored = self._files.find(key, version, copies)
        if not stored:
            raise self._missing(key)
        return stored

    def _decrypt(self, stored: StoredObject) -> tuple[Iterator[bytes], str]:
        """Return the content of an encrypted object, and what messages call it."""
        if not self._identity:
            raise Failure(
                f"What is in the vault {self.bucket} is encrypted, and no private key was given.",
                "name the identity file of one of its public keys: --identity FILE.",
            )
        chunks = self.stored.read(
            stored.key, stored.version, sha256=stored.sha256, expected_bytes=stored.bytes
        )
        name = object_label(stored.key, stored.version, self.bucket)
        return _decrypt(chunks, self._identity, name), name

    def head(self, key: str, version: str = "") -> ObjectInfo:
        """Return the metadata of an original, with the lock of its copy."""
        copied = self._find(key, version)
        stored = copied.encrypted
        found = self.stored.head(stored.key, stored.version)
        mode, until = self.stored.read_object_lock(stored.key, stored.version)
        return ObjectInfo(
            key=key,
            version=copied.version,
            bytes=copied.bytes,
            modified=copied.stored_at,
            lock_mode=mode,
            locked_until=until,
            replication=None,
            crc32=None,
            sha256=None,
            token=found.token,
        )

    def _find(self, key: str, version: str) -> CopiedObject:
        objects = self._find_objects()
        versions = [version] if version else [known for name, known in objects if name == key]
        copied = next((objects[key, one] for one in versions if (key, one) in objects), None)
        if not copied:
            raise self._missing(key)
        return copied

    def _missing(self, key: str) -> Missing:
        return Missing(
            f"There is no copy of {key} in the vault {self.bucket}.",
            "list what was copied: ./bulwark backups --vault elsewhere.",
        )

    def _find_objects(self) -> Mapping[tuple[str, str], CopiedObject]:
        if self._objects is None:
            self._objects = {(one.key, one.version): one for copy in self.copies for one in copy.all_objects}
        return self._objects


def _decrypt(chunks: Iterable[bytes], identity: AgeIdentity, name: str) -> Iterator[bytes]:
    try:
        yield from decrypt(chunks, identity)
    except WrongIdentityError:
        raise Failure(
            f"{identity.file} holds no private key that opens {name}.",
            "name the identity file of a public key that the copy was encrypted to; "
            "./bulwark backups --vault elsewhere --json lists them.",
        ) from None
    except DamagedFileError:
        raise Damaged(f"{name} is damaged: it is no whole age file.", "use another backup.") from None
