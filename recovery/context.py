"""What recovery needs to know of a stack, from the stack's outputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.failure import Failure
from recovery.files.source import FileSource
from recovery.vault.vault import VaultClient

VaultName = Literal["primary", "replica"]


@dataclass(frozen=True)
class RecoveryContext:
    """One stack's database, files, vaults and monitors."""

    stack: str
    database_url: str = field(repr=False)
    """Of the direct host, with the backup role's password."""

    vaults: Mapping[VaultName, VaultClient]
    """Clients with the run's credentials: the writer's for backups, the restorer's for what only reads."""

    heartbeat_urls: Mapping[str, str] = field(repr=False)
    """Job -> URL that is called after each success."""

    checkin_urls: Mapping[str, str] = field(repr=False)
    """Job -> URL that is called at each start and end."""

    database_project: str = ""
    """Id of the database's project at its vendor."""

    files: FileSource | None = field(default=None, repr=False)
    """The buckets with the platform's files."""

    writer_vault: VaultClient | None = None
    """The primary vault with the writer's credentials, if the run has those of both roles."""

    @property
    def recording_vault(self) -> VaultClient:
        """The vault to store verifications and evidence in, which only the writer may do."""
        return self.writer_vault or self.vaults["primary"]


def require_output(outputs: Mapping[str, Any], name: str) -> Any:
    """
    Return an output of the stack.

    Raises:
        Failure: the stack has no output of that name.
    """
    if name not in outputs:
        raise Failure(f"The stack has no output {name}.", "deploy it first: ./bulwark up.")
    return outputs[name]
