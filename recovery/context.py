"""What recovery needs to know, from a stack's outputs or a recovery file."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from core.failure import Failure
from recovery.attestation import IssueToken, Trust
from recovery.files.source import FileSource
from recovery.store import StoreName
from recovery.vault.vault import VaultClient

if TYPE_CHECKING:
    from recovery.elsewhere.vault import ElsewhereVault

VaultName = Literal["primary", "replica", "elsewhere"]
"""`elsewhere`: the encrypted copies at another cloud (recovery/elsewhere)."""


@dataclass(frozen=True)
class RecoveryContext:
    """The vaults and monitors of a stack, or of a recovery file, and one of its stores."""

    stack: str
    """The name that manifests have."""

    vaults: Mapping[VaultName, VaultClient]
    """Clients with the run's credentials: the writer's for backups, the restorer's for what only reads. A
    recovery file may name the vault elsewhere alone."""

    heartbeat_urls: Mapping[str, str] = field(repr=False)
    """Job, such as a store's name -> URL that is called after each success."""

    checkin_urls: Mapping[str, str] = field(repr=False)
    """Job -> URL that is called at each start and end."""

    trust: Trust
    """Whose attestations count."""

    issue_token: IssueToken | None = field(default=None, repr=False)
    """Attests what this run writes; None: nothing of it will count."""

    store: StoreName = ""
    """Name of the store; empty in a context of the vaults alone."""

    database_url: str = field(default="", repr=False)
    """Of a database: of the direct host, with the backup role's password; empty if it is not known."""

    database_project: str = ""
    """Of a database: id of its project at its vendor."""

    connections: int | None = None
    """Of a database: the largest number of connections that a backup reads rows with; None is the default."""

    files: FileSource | None = field(default=None, repr=False)
    """Of files: the buckets that they are in."""

    writer_vault: VaultClient | None = None
    """The primary vault with the writer's credentials, if the run has those of both roles."""

    longest_proof_age: timedelta | None = None
    """How old the last proof of a store's backups may be; None: as old as it is."""

    longest_proof_ages: Mapping[StoreName, timedelta] = field(default_factory=dict[StoreName, timedelta])
    """The same of the stores that have an objective of their own."""

    warnings: tuple[str, ...] = ()
    """What the vaults lack, where the recovery file accepts that."""

    def attest(self, document: bytes) -> str | None:
        """Return this run's attestation of a document; None if nothing attests. Raises Failure."""
        return self.issue_token(hashlib.sha256(document).hexdigest()) if self.issue_token else None

    def find_longest_proof_age(self, store: StoreName) -> timedelta | None:
        """Return how old the last proof of a store's backups may be; None: as old as it is."""
        return self.longest_proof_ages.get(store, self.longest_proof_age)

    def require_store(self) -> StoreName:
        """Return the store's name. Raise ValueError in a context of the vaults alone."""
        if not self.store:
            raise ValueError("this context is of no store")
        return self.store

    @property
    def recording_vault(self) -> VaultClient:
        """The vault to store verifications and evidence in, which only the writer may do."""
        return self.writer_vault or self.primary

    @property
    def primary(self) -> VaultClient:
        """The primary vault. Raises Failure if there is none."""
        return require_vault(self.vaults, "primary")

    @property
    def elsewhere(self) -> "ElsewhereVault":
        """The vault elsewhere. Raises Failure if there is none."""
        from recovery.elsewhere.vault import ElsewhereVault  # noqa: PLC0415 - most runs have none

        vault = self.vaults.get("elsewhere")
        if not isinstance(vault, ElsewhereVault):
            raise Failure(
                "There is no vault elsewhere.",
                "declare one: `elsewhere` of bulwark:backups in the stack's file, or of `vaults` in the "
                "recovery file; docs/production.md says how.",
            )
        return vault


def require_vault(vaults: Mapping[VaultName, VaultClient], name: VaultName) -> VaultClient:
    """
    Return a vault by its name.

    Raises:
        Failure: there is none of this name.
    """
    if name not in vaults:
        raise Failure(f"There is no vault {name}.", "name one in the recovery file, or use another.")
    return vaults[name]


def require_output(outputs: Mapping[str, Any], name: str) -> Any:
    """
    Return an output of the stack.

    Raises:
        Failure: the stack has no output of that name.
    """
    if name not in outputs:
        raise Failure(f"The stack has no output {name}.", "deploy it first: ./bulwark up.")
    return outputs[name]
