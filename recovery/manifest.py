"""Manifests of backups. A manifest is written last and once: a backup without a manifest does not exist."""

import re
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from core import vault_layout
from core.moment import Moment
from core.vault_layout import Tier
from recovery.store import DeclaredStoreName, StoreKind, StoreName

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, lt=1 << 63)]
"""A number of bytes, rows or other things."""

BigInt = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
"""A value of PostgreSQL's type bigint."""

RunId = Annotated[str, StringConstraints(pattern=f"^{vault_layout.ID}$")]
"""Id of a backup or a drill, from `vault_layout.new_id`."""

LockMode = Literal["GOVERNANCE", "COMPLIANCE"]

DumpContent = Literal["all", "schema", "data"]
"""Content of a dump: everything, the definitions alone, or the rows alone."""


class ManifestModel(BaseModel):
    """Base of all stored documents: frozen, and without unknown fields."""

    # Built when a document is read or written: most commands load many of them and use few.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class StoredObject(ManifestModel):
    """One object in the vault, with the metadata that the vault returned after the upload."""

    key: str
    version: str
    bytes: Count
    sha256: Sha256
    """Of the object's bytes, computed during the upload."""

    lock_mode: LockMode | None
    locked_until: Moment | None


class BackupManifest(ManifestModel):
    """Base of the manifests of all stores."""

    KIND: ClassVar[StoreKind]
    PREFIX: ClassVar[str]
    """Prefix of the keys of all manifests of this kind of store."""

    KEYS: ClassVar[re.Pattern[str]]
    """
    Pattern of a manifest's key, with the group `id`; where there can be several stores `store`, and where
    there are tiers `tier`.
    """

    ATTESTED_BY: ClassVar[Literal["backup", "state"]] = "backup"
    """The job whose attestation counts (recovery/attestation.py)."""

    id: RunId
    """Sorts by time: `20300115T021700Z-3f9a`."""

    store: StoreName
    stack: str
    started: Moment
    snapshot_at: Moment
    """The moment of the backed-up state; no later change is in the backup."""

    finished: Moment
    tools: dict[str, str]
    """Program -> version."""

    @classmethod
    def list_prefixes(cls, store: StoreName | None) -> tuple[str, ...]:
        """Return the prefixes of the keys of one store's manifests; None: of all stores."""
        del store
        return (cls.PREFIX,)

    @property
    def folder(self) -> str:
        """Prefix of the keys that belong to this backup alone."""
        raise NotImplementedError

    @property
    def objects(self) -> tuple[StoredObject, ...]:
        """All objects that a restore needs beside the manifest."""
        raise NotImplementedError

    @property
    def summary(self) -> str:
        """The amount of data as a phrase, such as "43 tables, 1,000 rows"."""
        raise NotImplementedError

    @property
    def is_complete(self) -> bool:
        """Whether the backup holds the whole store."""
        return True

    @property
    def key(self) -> str:
        return f"{self.folder}{vault_layout.MANIFEST}"

    @property
    def bytes(self) -> int:
        return sum(stored.bytes for stored in self.objects)

    @property
    def locked_until(self) -> datetime | None:
        """When the first lock on one of the objects ends; None if an object has no lock."""
        locks = [stored.locked_until for stored in self.objects]
        return min(filter(None, locks)) if all(locks) else None


RowsDigest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,64}$")]
"""A sum of hashes in hexadecimal."""


class Table(ManifestModel):
    """Count and digest of a table's rows. A partitioned table has no rows of its own; its partitions have."""

    schema_name: str
    name: str
    rows: Count
    digest: RowsDigest
    """Of all rows, independent of their order: see recovery.postgres.digest."""


class Partition(ManifestModel):
    """A partition whose rows a restore may put into another one of the same root."""

    schema_name: str
    name: str
    root: tuple[str, str]
    """Schema and name of the table that is partitioned by the hash of an enum, at any level above it."""


class Sequence(ManifestModel):
    """A sequence's position."""

    schema_name: str
    name: str
    last_value: BigInt
    is_called: bool
    increment: BigInt = 1
    """A negative one counts down."""


class Checksums(ManifestModel):
    """Row counts and checksums of a database, for the comparison with a restored copy."""

    tables: tuple[Table, ...]
    sequences: tuple[Sequence, ...]
    large_objects: Count
    large_objects_digest: str
    definitions: dict[str, str]
    """Kind of object (columns, constraints, indexes, triggers, ...) -> SHA-256 of the kind's definitions."""

    extensions: dict[str, str]
    """Name -> version."""

    rehashed: tuple[Partition, ...] = ()
    """Partitions whose rows are compared together. Empty in manifests of earlier versions."""

    row_hash: Literal["text", "columns"] = "text"
    """How rows were digested (recovery.postgres.digest); "text" in manifests of earlier versions."""


class ServerInfo(ManifestModel):
    """The server that was backed up."""

    version: str
    """Such as 17.2."""

    major: Count
    system_identifier: str
    """From pg_control_system(). A Neon branch shares its project's, so it does not tell copies apart."""

    database: str
    encoding: str
    collation: str
    """As one text: LC_COLLATE, or the provider and its locale."""

    # Each is "" if it isn't known, as in the manifests of earlier versions.
    ctype: str = ""
    """LC_CTYPE."""

    locale_provider: Literal["libc", "icu", "builtin", ""] = ""
    locale: str = ""
    """Of ICU or the built-in provider; libc has LC_COLLATE and LC_CTYPE instead."""

    icu_rules: str = ""


class LeftOut(ManifestModel):
    """Something of the store that the backup does not hold."""

    kind: str
    """In the singular, such as "subscription"."""

    name: str
    why: str


class Manifest(BackupManifest):
    """One backup of a database."""

    KIND: ClassVar[StoreKind] = "database"
    PREFIX: ClassVar[str] = vault_layout.DATABASE
    KEYS: ClassVar[re.Pattern[str]] = re.compile(
        rf"{vault_layout.DATABASE}(?P<tier>{'|'.join(vault_layout.TIERS)})/(?P<store>{vault_layout.STORE})/"
        rf"(?P<id>[^/]+)/{vault_layout.MANIFEST}"
    )

    schema_version: Literal["bulwark-backup-1"] = "bulwark-backup-1"
    store: DeclaredStoreName
    tier: Tier
    snapshot_lsn: str
    server: ServerInfo
    selected: tuple[str, ...]
    """Names of the selected tables; empty: all."""

    content: DumpContent
    dump: StoredObject
    dump_bytes: Count
    """Size of the dump before compression."""

    cluster: StoredObject
    """What a dump leaves out: roles, memberships, grants, settings (recovery.postgres.globals)."""

    figures: Checksums
    definitions: StoredObject | None = None
    """The definitions whose hashes are in `figures`; earlier versions did not store them."""

    left_out: tuple[LeftOut, ...] = ()
    """What the backup does not hold. Empty in manifests of earlier versions, which did not look for it."""

    warnings: tuple[str, ...] = ()
    """Of pg_dump, one line each."""

    @classmethod
    def list_prefixes(cls, store: StoreName | None) -> tuple[str, ...]:
        if store is None:
            return (cls.PREFIX,)
        return tuple(vault_layout.database_store(tier, store) for tier in vault_layout.TIERS)

    @property
    def folder(self) -> str:
        return vault_layout.database_backup(self.tier, self.store, self.id)

    @property
    def objects(self) -> tuple[StoredObject, ...]:
        return (self.dump, self.cluster, *((self.definitions,) if self.definitions else ()))

    @property
    def summary(self) -> str:
        rows = sum(table.rows for table in self.figures.tables)
        return f"{len(self.figures.tables)} tables, {rows:,} rows"

    @property
    def is_complete(self) -> bool:
        return self.content == "all" and not self.selected

    @property
    def knows_left_out(self) -> bool:
        """Whether `left_out` was looked for: an earlier version did not."""
        return "left_out" in self.model_fields_set
