"""What a backup says of itself. Without its manifest there is no backup: it is written last, and once."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Tier = Literal["daily", "weekly", "monthly"]
LockMode = Literal["GOVERNANCE", "COMPLIANCE"]


class Model(BaseModel):
    """Part of a manifest; frozen, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Stored(Model):
    """One object in the vault, as the vault itself tells of it after the upload."""

    key: str
    version: str
    bytes: int
    sha256: Sha256
    """Of the object's bytes, taken on their way there."""

    lock_mode: LockMode | None
    locked_until: AwareDatetime | None


class Table(Model):
    """A table's rows at the snapshot. A partitioned table has none of its own; its partitions have."""

    schema_name: str
    name: str
    rows: int
    digest: str
    """Of all rows, in whatever order they come: see recovery.postgres.digest."""


class Sequence(Model):
    """A sequence's state."""

    schema_name: str
    name: str
    last_value: int
    is_called: bool
    increment: int = 1
    """Its sign tells which way is ahead."""


class Figures(Model):
    """What is in a database, to be compared with what comes out of its backup."""

    tables: tuple[Table, ...]
    sequences: tuple[Sequence, ...]
    large_objects: int
    large_objects_digest: str
    definitions: dict[str, str]
    """Kind of object (columns, constraints, indexes, triggers, ...) -> SHA-256 of all its definitions."""

    extensions: dict[str, str]
    """Name -> version."""


class Server(Model):
    """The server that was backed up."""

    version: str
    """Such as 17.2."""

    major: int
    system_identifier: str
    """pg_control_system(); a Neon branch shares its project's, so it alone does not tell copies apart."""

    database: str
    encoding: str
    collation: str


class Manifest(Model):
    """One backup of the database."""

    schema_version: Literal["bulwark-backup-1"] = "bulwark-backup-1"
    id: str
    """Sorts by time: `20300115T021700Z-3f9a`."""

    store: Literal["database"]
    stack: str
    tier: Tier
    started: AwareDatetime
    snapshot_at: AwareDatetime
    """The moment that the backup shows; nothing committed later is in it."""

    snapshot_lsn: str
    finished: AwareDatetime
    server: Server
    tools: dict[str, str]
    """Program -> version."""

    selected: tuple[str, ...]
    """Patterns of the tables that were chosen; empty: all."""

    content: Literal["all", "schema", "data"]
    dump: Stored
    dump_bytes: int
    """Size of the dump before it was compressed."""

    cluster: Stored
    """What a dump leaves out: roles, memberships, grants, settings (recovery.postgres.cluster)."""

    figures: Figures
