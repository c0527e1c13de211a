"""
Key layout of a vault: where each object and document lies.

Components derive lifecycles and permissions from it, and recovery reads and writes by it. What is stored
under these keys is locked: a key never changes its meaning.
"""

import hashlib
from datetime import datetime
from secrets import token_hex
from typing import Final, Literal

Tier = Literal["daily", "weekly", "monthly"]
"""How long a backup of the database is kept."""

TIERS: Final[tuple[Tier, ...]] = ("monthly", "weekly", "daily")
"""The tier that is kept longest comes first."""

DATABASE: Final = "database/"
STATE: Final = "state/"
EVIDENCE: Final = "evidence/"
DRILLS: Final = f"{EVIDENCE}drills/"
VERIFICATIONS: Final = f"{EVIDENCE}verifications/"

FILES: Final = "files/"
"""Copies of files. A changed file becomes another version of its key."""

FILE_COPIES: Final = f"{FILES}objects/"
LONG_FILE_COPIES: Final = f"{FILES}long/"
"""Copies under the SHA-256 of their key, which under `FILE_COPIES` would be longer than S3 takes."""

MANIFESTS: Final = "manifests/"
"""Documents that name the versions which belong to a backup of the files. Each is written once."""

FILE_MANIFESTS: Final = f"{MANIFESTS}files/"
FILE_LEASE: Final = f"{MANIFESTS}leases/files/"

DELETED_AT_SOURCE_TAG: Final = ("bulwark-gone", "yes")
"""Tag, as name and value, of a copy whose original was deleted; the vault's lifecycle expires such copies."""

MANIFEST: Final = "manifest.json"
"""Last part of the key of a backup's manifest."""

_KEY_BYTES: Final = 1024
"""S3 user guide, "Naming Amazon S3 objects"."""


def new_id(now: datetime) -> str:
    """Return the id of a backup or a drill. Ids sort by time, and two of one second differ."""
    return f"{now:%Y%m%dT%H%M%SZ}-{token_hex(2)}"


def database_tier(tier: Tier) -> str:
    """Return the prefix of all backups of a tier."""
    return f"{DATABASE}{tier}/"


def database_backup(tier: Tier, backup: str) -> str:
    """Return the prefix of all objects of one backup of the database."""
    return f"{database_tier(tier)}{backup}/"


def state_backup(backup: str) -> str:
    """Return the prefix of all objects of one backup of the stack's state."""
    return f"{STATE}{backup}/"


def verification(backup: str, at: datetime) -> str:
    """Return the key of the record that a backup was verified at a moment."""
    return f"{VERIFICATIONS}{backup}/{at:%Y%m%dT%H%M%SZ}.json"


def drill(drill_id: str) -> str:
    """Return the key of a drill's evidence."""
    return f"{DRILLS}{drill_id}.json"


def file_copy(bucket: str, key: str) -> str:
    """Return the key of the copy of a file."""
    whole = f"{FILE_COPIES}{bucket}/{key}"
    if len(whole.encode()) <= _KEY_BYTES:
        return whole
    return f"{LONG_FILE_COPIES}{bucket}/{hashlib.sha256(key.encode()).hexdigest()}"


def file_backup(backup: str) -> str:
    """Return the prefix of all documents of one backup of the files."""
    return f"{FILE_MANIFESTS}{backup}/"


def file_listing(backup: str) -> str:
    """Return the key of the list of all files of a backup."""
    return f"{file_backup(backup)}listing.jsonl.zst"


def file_journal(backup: str, number: int) -> str:
    """Return the key of what one batch has copied, for the next run if this one is cut short."""
    return f"{file_backup(backup)}copied-{number:05d}.jsonl.zst"


def file_backup_of(key: str) -> tuple[str, bool]:
    """Return the id of the backup of the files that a document belongs to, and whether it is a journal."""
    backup, _, name = key.removeprefix(FILE_MANIFESTS).partition("/")
    return backup, name.startswith("copied-")
