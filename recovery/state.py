"""The stack's own state beside the data, so that the loss of the engine's backend is survivable."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import StringConstraints

from core import vault_layout
from core.failure import Failure
from recovery.context import RecoveryContext
from recovery.manifest import BackupManifest, ManifestModel, Stored, StoreName
from recovery.vault.vault import VaultClient

STATE: Final = "state.json"
"""What `pulumi stack import --file` takes."""

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]*$")]
"""No path: a restore writes into its folder and nowhere else."""

_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the engine's mark of a secret, and none itself
"""Value of the key `4dabf18193072939515e22adb298388d` (Pulumi SDK, sdk/go/common/resource/sig)."""


@dataclass(frozen=True)
class Exported:
    """What the engine knows of a stack, as it gives it away: secrets encrypted."""

    state: bytes
    """Output of `pulumi stack export`."""

    files: Mapping[str, bytes]
    """`Pulumi.yaml` and the stack's own file, in which salt or key of its secrets stand."""

    engine: str
    """Version of the CLI."""


class SecretsProvider(ManifestModel):
    """Who can read the secrets in a state."""

    type: str
    """Such as `passphrase`, `cloud` (a KMS key) or `service` (Pulumi Cloud)."""

    state: dict[str, Any]
    """What it needs beside the passphrase or the right to its key: its salt, or its key's name."""


class StateManifest(BackupManifest):
    """One backup of the stack's state."""

    STORE: ClassVar[StoreName] = "state"
    PREFIX: ClassVar[str] = vault_layout.STATE
    KEYS: ClassVar[re.Pattern[str]] = re.compile(
        rf"{vault_layout.STATE}(?P<id>[^/]+)/{vault_layout.MANIFEST}"
    )

    schema_version: Literal["bulwark-state-1"] = "bulwark-state-1"
    store: Literal["state"]
    project: str
    secrets_provider: SecretsProvider
    resources: int
    files: dict[FileName, Stored]
    """File's name -> the object that it is in."""

    @property
    def folder(self) -> str:
        return vault_layout.state_backup(self.id)

    @property
    def objects(self) -> tuple[Stored, ...]:
        return tuple(self.files.values())

    @property
    def holds(self) -> str:
        return f"{self.resources} resources"


def back_up_state(site: RecoveryContext, exported: Exported) -> StateManifest:
    """
    Store the stack's state in the primary vault, its manifest last.

    Raises:
        Failure: where there is nothing to be stored, or a secret in it is in clear.
    """
    started = datetime.now(UTC)
    deployment = _deployment(exported.state)
    vault, backup = site.vaults["primary"], vault_layout.new_id(started)
    folder = vault_layout.state_backup(backup)
    stored = {
        name: vault.put(f"{folder}{name}", body)
        for name, body in {STATE: exported.state, **exported.files}.items()
    }
    taken = deployment["manifest"]["time"]
    manifest = StateManifest(
        id=backup,
        store="state",
        stack=site.stack,
        project=_project(deployment),
        started=started,
        snapshot_at=taken,
        finished=datetime.now(UTC),
        tools={"bulwark": metadata.version("bulwark"), "pulumi": exported.engine},
        secrets_provider=SecretsProvider.model_validate(deployment["secrets_providers"]),
        resources=len(deployment["resources"]),
        files=stored,
    )
    vault.put(manifest.key, manifest.model_dump_json(indent=2).encode())
    return manifest


def restore_state(manifest: StateManifest, vault: VaultClient, folder: Path) -> list[Path]:
    """
    Write a state and its files into an empty folder, which is made where it isn't there.

    Raises:
        Failure: for a folder that is not empty, or a damaged backup; then nothing is left in it.
    """
    _refuse_filled(folder)
    bodies = {
        name: b"".join(vault.read(stored.key, stored.version, sha256=stored.sha256))
        for name, stored in manifest.files.items()
    }
    _deployment(bodies[STATE])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
    return [folder / name for name in bodies]


def verify_state(manifest: StateManifest, vault: VaultClient) -> list[str]:
    """Read a state back and say what is wrong with it."""
    stored = manifest.files[STATE]
    try:
        deployment = _deployment(b"".join(vault.read(stored.key, stored.version, sha256=stored.sha256)))
    except Failure as failure:
        return [str(failure)]
    found = len(deployment["resources"])
    if found != manifest.resources:
        return [f"{stored.key} has {found} resources; its manifest says {manifest.resources}"]
    return []


def _deployment(state: bytes) -> dict[str, Any]:
    """
    Return what an export says of the stack.

    Raises:
        Failure: where it says nothing, or has a secret in clear.
    """
    try:
        deployment = json.loads(state).get("deployment") or {}
    except (ValueError, AttributeError):
        raise Failure("The stack's state is no export of the engine.", "see `pulumi stack export`.") from None
    if not deployment.get("resources"):
        raise Failure("The stack has no resources, so there is no state.", "deploy it first: ./bulwark up.")
    if not deployment.get("secrets_providers"):
        raise Failure(
            "The stack's state names nobody who encrypts its secrets.",
            "give it a secrets provider: pulumi stack change-secrets-provider.",
        )
    if clear := next(_in_clear(deployment), None):
        raise Failure(
            f"The stack's state has a secret in clear, in {clear}.",
            "export it without --show-secrets; it was not stored.",
        )
    return deployment


def _in_clear(value: Any, where: str = "its resources") -> Iterator[str]:
    """Yield where secrets are that are not encrypted."""
    if isinstance(value, dict):
        if _SECRET in value.values() and not value.get("ciphertext"):
            yield where
        for name, inner in value.items():
            yield from _in_clear(inner, str(value.get("urn", where)) if name != "urn" else where)
    elif isinstance(value, list):
        for inner in value:
            yield from _in_clear(inner, where)


def _project(deployment: dict[str, Any]) -> str:
    """Return the project that every URN names: `urn:pulumi:<stack>::<project>::...`."""
    return deployment["resources"][0]["urn"].split("::")[1]


def _refuse_filled(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Failure(f"{folder} is not empty.", "name a folder that is, or one that doesn't exist yet.")
