"""Verifies copies in a vault elsewhere without their private key: each is there, locked, and unchanged."""

from collections.abc import Iterator
from datetime import UTC, datetime

from core.failure import Failure
from recovery.catalogue import Verification
from recovery.elsewhere.copies import BackupCopy
from recovery.elsewhere.vault import ElsewhereVault
from recovery.manifest import StoredObject
from recovery.vault.vault import VaultClient


def verify_copy(vault: ElsewhereVault, copy: BackupCopy) -> Verification:
    """Read every encrypted object of a copy, and compare it with the copy's document."""
    return Verification(
        backup=copy.backup,
        manifest_sha256=copy.manifest.sha256,
        at=datetime.now(UTC),
        deep=False,
        problems=tuple(find_problems(vault, copy)),
    )


def find_problems(vault: ElsewhereVault, copy: BackupCopy) -> Iterator[str]:
    """Yield one phrase for each difference between the stored objects and the copy's document."""
    for copied in copy.all_objects:
        try:
            yield from _check_object(vault.stored, copied.encrypted)
        except Failure as failure:
            yield str(failure)


def _check_object(vault: VaultClient, stored: StoredObject) -> Iterator[str]:
    mode, until = vault.read_object_lock(stored.key, stored.version)
    if stored.locked_until and (not until or until < stored.locked_until):
        yield f"{stored.key} is locked for less time than when it was stored"
    if mode != "COMPLIANCE":
        yield f"{stored.key} is not locked in mode COMPLIANCE"
    for _ in vault.read(stored.key, stored.version, sha256=stored.sha256, expected_bytes=stored.bytes):
        pass
