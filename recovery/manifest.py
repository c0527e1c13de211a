"""What a backup says of itself. Without its manifest there is no backup: it is written last, and once."""

import re
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from core import vault_layout
from core.vault_layout import Tier

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
LockMode = Literal["GOVERNANCE", "COMPLIANCE"]
StoreName = Literal["database", "files", "state"]
"""What is backed up."""


class ManifestModel(BaseModel):
    """Part of a manifest; frozen, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Stored(ManifestModel):
    """One object in the vault, as the vault itself tells of it after the upload."""

    key: str
    version: str
    bytes: int
    sha256: Sha256
    """Of the object's bytes, taken on their way there."""

    lock_mode: LockMode | None
    locked_until: AwareDatetime | None


class BackupManifest(ManifestModel):
    """What the manifest of any store says."""

    STORE: ClassVar[StoreName]
    PREFIX: ClassVar[str]
    """Where in a vault all manifests of the store are."""

    KEYS: ClassVar[re.Pattern[str]]
    """The manifests' keys in a vault, with the groups `id` and, of a store that has tiers, `tier`."""

    id: str
    """Sorts by time: `20300115T021700Z-3f9a`."""

    stack: str
    started: AwareDatetime
    snapshot_at: AwareDatetime
    """The moment that the backup shows; nothing that changed later is in it."""

    finished: AwareDatetime
    tools: dict[str, str]
    """Program -> version."""

    @property
    def folder(self) -> str:
        """Prefix of everything that belongs to this backup and to no other."""
        raise NotImplementedError

    @property
    def objects(self) -> tuple[Stored, ...]:
        """Return everything that a restore needs beside the manifest."""
        raise NotImplementedError

    @property
    def holds(self) -> str:
        """How much is in it, in words."""
        raise NotImplementedError

    @property
    def whole(self) -> bool:
        """Whether all of the store is in it."""
        return True

    @property
    def key(self) -> str:
        return f"{self.folder}{vault_layout.MANIFEST}"

    @property
    def bytes(self) -> int:
        return sum(stored.bytes for stored in self.objects)

    @property
    def locked_until(self) -> datetime | None:
        """Until then all of it is locked; None where something is not."""
        locks = [stored.locked_until for stored in self.objects]
        return min(filter(None, locks)) if all(locks) else None


class Table(ManifestModel):
    """A table's rows at the snapshot. A partitioned table has none of its own; its partitions have."""

    schema_name: str
    name: str
    rows: int
    digest: str
    """Of all rows, in whatever order they come: see recovery.postgres.digest."""


class Sequence(ManifestModel):
    """A sequence's state."""

    schema_name: str
    name: str
    last_value: int
    is_called: bool
    increment: int = 1
    """Its sign tells which way is ahead."""


class Checksums(ManifestModel):
    """What is in a database, to be compared with what comes out of its backup."""

    tables: tuple[Table, ...]
    sequences: tuple[Sequence, ...]
    large_objects: int
    large_objects_digest: str
    definitions: dict[str, str]
    """Kind of object (columns, constraints, indexes, triggers, ...) -> SHA-256 of all its definitions."""

    extensions: dict[str, str]
    """Name -> version."""


class ServerInfo(ManifestModel):
    """The server that was backed up."""

    version: str
    """Such as 17.2."""

    major: int
    system_identifier: str
    """pg_control_system(); a Neon branch shares its project's, so it alone does not tell copies apart."""

    database: str
    encoding: str
    collation: str


class Manifest(BackupManifest):
    """One backup of the database."""

    STORE: ClassVar[StoreName] = "database"
    PREFIX: ClassVar[str] = vault_layout.DATABASE
    KEYS: ClassVar[re.Pattern[str]] = re.compile(
        rf"{vault_layout.DATABASE}(?P<tier>{'|'.join(vault_layout.TIERS)})/(?P<id>[^/]+)/{vault_layout.MANIFEST}"
    )

    schema_version: Literal["bulwark-backup-1"] = "bulwark-backup-1"
    store: Literal["database"]
    tier: Tier
    snapshot_lsn: str
    server: ServerInfo
    selected: tuple[str, ...]
    """Patterns of the tables that were chosen; empty: all."""

    content: Literal["all", "schema", "data"]
    dump: Stored
    dump_bytes: int
    """Size of the dump before it was compressed."""

    cluster: Stored
    """What a dump leaves out: roles, memberships, grants, settings (recovery.postgres.globals_restore)."""

    figures: Checksums

    @property
    def folder(self) -> str:
        return vault_layout.database_backup(self.tier, self.id)

    @property
    def objects(self) -> tuple[Stored, ...]:
        return self.dump, self.cluster

    @property
    def holds(self) -> str:
        rows = sum(table.rows for table in self.figures.tables)
        return f"{len(self.figures.tables)} tables, {rows:,} rows"

    @property
    def whole(self) -> bool:
        return self.content == "all" and not self.selected
