"""Journals of interrupted backups of files: what they copied, and the next backup does not copy again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from core import vault_layout
from recovery.attestation import Trust, pair_with_attestations
from recovery.catalogue import read_attested
from recovery.store import StoreName
from recovery.vault.vault import VaultClient


@dataclass(frozen=True)
class Journal:
    """One journal, which is a compressed listing; it is used only without a fault."""

    key: str
    body: bytes
    fault: str
    """Why it does not count; empty if it does."""


def read_journals(
    vault: VaultClient, trust: Trust, store: StoreName, *, after: datetime | None
) -> Iterator[Journal]:
    """
    Yield the journals of a store that the vault took since `after`, the oldest first.

    `after` is the time of its last backup.
    """
    found = [
        (entry, attestation)
        for entry, attestation in pair_with_attestations(
            vault.list_entries(vault_layout.file_manifests(store))
        )
        if vault_layout.is_file_journal(entry.key) and (after is None or entry.modified >= after)
    ]
    for entry, attestation in sorted(found, key=lambda pair: (pair[0].modified, pair[0].key)):
        yield Journal(entry.key, *read_attested(vault, entry, attestation, trust, "backup"))
