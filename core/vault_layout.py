"""
Key layout of a vault: the prefix or key of each object and document.

Components derive lifecycles and permissions from it, and recovery reads and writes by it. The objects under
these keys are locked, so a key never changes its meaning. A store's name is a level below the prefixes, so
that lifecycles and permissions are the same for any number of stores.
"""

import hashlib
import os
import re
from datetime import datetime
from typing import Final, Literal

Tier = Literal["daily", "weekly", "monthly"]
"""The tier of a database backup, which decides how long the vault keeps it."""

TIERS: Final[tuple[Tier, ...]] = ("monthly", "weekly", "daily")
"""The tier that the vault keeps longest comes first."""

DATABASE: Final = "database/"
STATE: Final = "state/"
EVIDENCE: Final = "evidence/"
DRILLS: Final = f"{EVIDENCE}drills/"
VERIFICATIONS: Final = f"{EVIDENCE}verifications/"
DISOWNMENTS: Final = f"{EVIDENCE}disowned/"
RESPONSES: Final = f"{EVIDENCE}responses/"
READINESS: Final = f"{EVIDENCE}readiness/"

FILES: Final = "files/"
"""Copies of files. A changed file becomes another version of its key."""

FILE_COPIES: Final = f"{FILES}objects/"
LONG_FILE_COPIES: Final = f"{FILES}long/"
"""Copies named by the SHA-256 of their key, which under `FILE_COPIES` would be too long for S3."""

MANIFESTS: Final = "manifests/"
"""Documents that name the versions of a file backup. Each key is written once."""

FILE_MANIFESTS: Final = f"{MANIFESTS}files/"
FILE_LEASES: Final = f"{MANIFESTS}leases/files/"
"""Leases of file backups: of each store a chain of documents."""

BACKUPS: Final = (DATABASE, STATE, FILE_MANIFESTS)
"""Prefixes with the manifests of all backups."""

ISSUER_KEYS: Final = "trust/issuer-keys/"
"""Public keys of the issuer of attestations. The role that deploys writes them; that of backups can't."""

COPIES: Final = "copies/"
"""In a vault elsewhere: a document for each backup that was copied there."""

COPIED_FILES: Final = "copied-files/"
"""In a vault elsewhere: the parts of the lists that name the encrypted objects of files."""

_ENCRYPTED: Final = ".age"

DELETED_AT_SOURCE_TAG: Final = ("bulwark-gone", "yes")
"""(name, value) of the tag of copies whose original was deleted. The vault's lifecycle expires them."""

MANIFEST: Final = "manifest.json"
"""Last part of the key of a backup's manifest."""

_ATTESTATION: Final = ".attestation"

_MAX_KEY_BYTES: Final = 1024
"""Longest key in bytes; S3 user guide, "Naming Amazon S3 objects"."""


ID: Final = "[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}"
"""Regular expression of an id of a backup, a drill or a report. A key with another one is nobody's here."""

STORE: Final = "[a-z][a-z0-9-]{0,29}"
"""Regular expression of a store's name, which is a part of keys."""

_ID: Final = re.compile(ID)
_LEASE: Final = re.compile(f"{FILE_LEASES}({STORE})/[0-9]+")


def is_id(text: str) -> bool:
    """Return whether a text, such as a part of a key in a vault, has the form of an id."""
    return _ID.fullmatch(text) is not None


def new_id(now: datetime) -> str:
    """Return a new id of a backup or a drill. Ids sort by time; two ids of the same second differ."""
    return f"{now:%Y%m%dT%H%M%SZ}-{os.urandom(2).hex()}"


def database_tier(tier: Tier) -> str:
    """Return the prefix of all database backups of a tier."""
    return f"{DATABASE}{tier}/"


def database_store(tier: Tier, store: str) -> str:
    """Return the prefix of all backups of one database of a tier."""
    return f"{database_tier(tier)}{store}/"


def database_backup(tier: Tier, store: str, backup: str) -> str:
    """Return the prefix of the objects of one database backup."""
    return f"{database_store(tier, store)}{backup}/"


def state_backup(backup: str) -> str:
    """Return the prefix of the objects of one state backup."""
    return f"{STATE}{backup}/"


def verification(backup: str, at: datetime, document: bytes) -> str:
    """Return the key of the verification of a backup at a moment. Another document has another key."""
    return f"{VERIFICATIONS}{backup}/{at:%Y%m%dT%H%M%SZ}-{_digest(document)}.json"


def disownment(backup: str, document: bytes) -> str:
    """Return the key of a document that disowns a backup."""
    return f"{DISOWNMENTS}{backup}/{_digest(document)}.json"


def attestation(key: str) -> str:
    """Return the key of the attestation of a document."""
    return f"{key}{_ATTESTATION}"


def is_attestation(key: str) -> bool:
    return key.endswith(_ATTESTATION)


def encrypted_key(key: str) -> str:
    """Return the key of the encrypted copy of an object, in a vault elsewhere."""
    return f"{key}{_ENCRYPTED}"


def backup_copy(store: str, backup: str, at: datetime, document: bytes) -> str:
    """Return the key of the document of a backup's copy. Another document has another key."""
    return f"{COPIES}{store}/{backup}/{at:%Y%m%dT%H%M%SZ}-{_digest(document)}.json"


def new_copied_file() -> str:
    """Return a new key for the encrypted copy of a file in a vault elsewhere. It says nothing of the file."""
    return encrypted_key(f"{FILES}{os.urandom(16).hex()}")


def copied_files(backup: str) -> str:
    """Return the prefix of the parts of one list of encrypted objects."""
    return f"{COPIED_FILES}{backup}/"


def copied_files_part(backup: str, first: int, document: bytes) -> str:
    """Return the key of a part, whose first object has this number. Another part has another key."""
    return f"{copied_files(backup)}{first:012d}-{_digest(document)}.json.zst"


def issuer_key(issuer: str, thumbprint: str) -> str:
    """Return the key of an issuer's public key; `thumbprint` is that of RFC 7638, base64url."""
    return f"{ISSUER_KEYS}{_digest(issuer.encode())}/{thumbprint}.json"


def drill(drill_id: str) -> str:
    """Return the key of a drill's evidence."""
    return f"{DRILLS}{drill_id}.json"


def readiness(report_id: str) -> str:
    """Return the key of a readiness report."""
    return f"{READINESS}{report_id}.json"


def response(response_id: str) -> str:
    """Return the key of the record of a response to an incident."""
    return f"{RESPONSES}{response_id}.json"


def file_copies(store: str) -> tuple[str, str]:
    """Return the prefixes of the copies of one store's files: of most, and of those with long keys."""
    return f"{FILE_COPIES}{store}/", f"{LONG_FILE_COPIES}{store}/"


def file_copy(store: str, bucket: str, key: str) -> str:
    """Return the key of the copy of a file."""
    copies, long_copies = file_copies(store)
    whole = f"{copies}{bucket}/{key}"
    if len(whole.encode()) <= _MAX_KEY_BYTES:
        return whole
    return f"{long_copies}{bucket}/{hashlib.sha256(key.encode()).hexdigest()}"


def file_lease(store: str) -> str:
    """Return the prefix of the leases of one store's file backups."""
    return f"{FILE_LEASES}{store}/"


def leased_store(key: str) -> str:
    """Return the name of the store whose file backups a lease is of; empty if it is no lease of them."""
    match = _LEASE.fullmatch(key)
    return match[1] if match else ""


def file_manifests(store: str) -> str:
    """Return the prefix of the documents of one store's file backups."""
    return f"{FILE_MANIFESTS}{store}/"


def file_backup(store: str, backup: str) -> str:
    """Return the prefix of the documents of one file backup."""
    return f"{file_manifests(store)}{backup}/"


def file_listing(store: str, backup: str) -> str:
    """Return the key of the listing of a file backup."""
    return f"{file_backup(store, backup)}listing.jsonl.zst"


def file_journal(store: str, backup: str, number: int) -> str:
    """Return the key of the journal of one batch. After an interruption the next run reuses its copies."""
    return f"{file_backup(store, backup)}copied-{number:05d}.jsonl.zst"


def is_file_journal(key: str) -> bool:
    """Return whether a document below `FILE_MANIFESTS` is a journal."""
    return key.rpartition("/")[2].startswith("copied-")


def _digest(document: bytes) -> str:
    """Return the first 16 hex digits of a SHA-256."""
    return hashlib.sha256(document).hexdigest()[:16]
