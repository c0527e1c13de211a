"""Where the data of a stack is, and where its backups go: what the stack's outputs say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.failure import Failure
from recovery.files.source import Source
from recovery.vault.vault import VaultClient

VaultName = Literal["primary", "replica"]


@dataclass(frozen=True)
class RecoveryContext:
    """One stack, as recovery needs it."""

    stack: str
    database_url: str = field(repr=False)
    """Direct, with the backup role's password."""

    vaults: Mapping[VaultName, VaultClient]
    """As whoever runs the command: the writer for backups, the restorer for all that reads."""

    heartbeat_urls: Mapping[str, str] = field(repr=False)
    """Job -> the address that is called after each success."""

    checkin_urls: Mapping[str, str] = field(repr=False)
    """Job -> the address that is told of each start and end."""

    database_project: str = ""
    """Id of the project that the database is in, at its vendor."""

    files: Source | None = field(default=None, repr=False)
    """The buckets of the platform's files."""

    as_writer: VaultClient | None = None
    """The primary vault as the writer, where this run has the credentials of both roles."""

    @property
    def recorder(self) -> VaultClient:
        """Return the vault for recording what was found out; only the writer may."""
        return self.as_writer or self.vaults["primary"]


def require_output(outputs: Mapping[str, Any], name: str) -> Any:
    """
    Return an output of the stack.

    Raises:
        Failure: where the stack has none of that name.
    """
    if name not in outputs:
        raise Failure(f"The stack has no output {name}.", "deploy it first: ./bulwark up.")
    return outputs[name]
