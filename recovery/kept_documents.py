"""Documents of evidence in a vault: each is written once, locked, and attested by one job."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from core import vault_layout
from recovery.attestation import AttestingJob, Trust, pair_with_attestations
from recovery.catalogue import read_attested
from recovery.vault.objects import VersionEntry
from recovery.vault.vault import VaultClient


@dataclass(frozen=True)
class KeptDocument:
    """One document, which its name says the id of."""

    id: str
    body: bytes
    unreadable: str = ""
    """Why it was not read; empty if it was."""

    doubt: str = ""
    """Why it is not attested; empty if it is."""

    stored_at: datetime | None = None
    """When the vault took it."""


def read_documents(
    vault: VaultClient, trust: Trust, prefix: str, job: AttestingJob
) -> Iterator[KeptDocument]:
    """
    Yield the documents below a prefix, the newest first by the vault's time; each is read on demand.

    Args:
        vault: The vault.
        trust: Whose attestations count.
        prefix: What their keys begin with.
        job: The job that may attest them.

    Raises:
        Failure: the vault can't be read.
    """
    versions: dict[str, list[VersionEntry]] = defaultdict(list)
    for entry in vault.list_entries(prefix, versions=True):
        name = entry.key.removeprefix(prefix)
        if not entry.is_delete_marker and name.endswith(".json"):
            versions[name.removesuffix(".json")].append(entry)
    attestations = {
        entry.key: attestation for entry, attestation in pair_with_attestations(vault.list_entries(prefix))
    }
    for name in sorted(versions, key=lambda name: (versions[name][0].modified, name), reverse=True):
        entry, *others = versions[name]
        if others:
            unreadable = f"has {len(others) + 1} versions; evidence is written once"
            yield KeptDocument(name, b"", unreadable)
            continue
        body, doubt = read_attested(vault, entry, attestations.get(entry.key), trust, job)
        is_named = vault_layout.is_id(name)
        yield KeptDocument(name, body, "" if is_named else "has no id as its name", doubt, entry.modified)
