"""Backups of the stack's Pulumi state, so that the loss of the state backend is survivable."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, StringConstraints

from core import vault_layout
from core.documents import DocumentError, parse_json, read_json
from core.failure import Failure
from core.moment import WrittenTime, is_moment
from recovery.attestation import put_attested
from recovery.context import RecoveryContext
from recovery.manifest import BackupManifest, Count, ManifestModel, StoredObject
from recovery.store import STATE, StoreKind, StoreName
from recovery.vault.clock import require_right_clock
from recovery.vault.documents import read_body, unreadable
from recovery.vault.vault import VaultClient

STATE_FILE: Final = "state.json"
"""Name of the file that the engine imports."""

ADMINISTRATOR_FILE: Final = "administrator.json"
"""Name of the same for the administrator's stack, which a backup may lack."""

_MAX_BYTES: Final = 64 << 20
"""Limit of a state; 117 resources have 1 MB."""

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]*$", max_length=100)]
"""No path, so that a restore writes into its folder only."""

_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - marks a secret, and is none
"""A secret's value of the key `4dabf18193072939515e22adb298388d` (Pulumi SDK, sdk/go/common/resource/sig)."""


def _require_state(files: dict[str, StoredObject]) -> dict[str, StoredObject]:
    if STATE_FILE not in files:
        raise ValueError(f"must have {STATE_FILE}")
    return files


@dataclass(frozen=True)
class StateExport:
    """A stack's exported state, with encrypted secrets, and its settings."""

    state: bytes
    """What the engine exports."""

    files: Mapping[str, bytes]
    """
    `Pulumi.yaml`; the stack's own file, which holds the salt or the key of its secrets; and the state of the
    administrator's stack.
    """

    engine: str
    """Version of the Pulumi CLI."""

    @property
    def states(self) -> list[bytes]:
        """The exported states of both programs, in the order in which they are deployed."""
        return [*([self.files[ADMINISTRATOR_FILE]] if ADMINISTRATOR_FILE in self.files else []), self.state]


class SecretsProvider(ManifestModel):
    """The secrets provider of a state, which can decrypt its secrets."""

    type: str
    """Such as `passphrase`, `cloud` (a KMS key) or `service` (Pulumi Cloud)."""

    state: dict[str, Any]
    """Its salt or the name of its key. Decryption also takes the passphrase or the right to use the key."""


class _DeploymentManifest(BaseModel, defer_build=True):
    time: WrittenTime
    """The year 1 before the first deployment."""


class _Resource(BaseModel, defer_build=True):
    urn: Annotated[str, StringConstraints(pattern=r"^urn:pulumi:[^:]+::[^:]+::")]
    """`urn:pulumi:<stack>::<project>::...`."""


class _Deployment(BaseModel, defer_build=True):
    """What is read of an exported state; the engine's format has much more."""

    manifest: _DeploymentManifest
    resources: tuple[_Resource, ...] | None = None
    secrets_providers: SecretsProvider | None = None


class _StateDocument(BaseModel, defer_build=True):
    deployment: _Deployment | None


class StateManifest(BackupManifest):
    """One backup of the stack's state."""

    KIND: ClassVar[StoreKind] = "state"
    ATTESTED_BY: ClassVar[Literal["backup", "state"]] = "state"
    PREFIX: ClassVar[str] = vault_layout.STATE
    KEYS: ClassVar[re.Pattern[str]] = re.compile(
        rf"{vault_layout.STATE}(?P<id>[^/]+)/{vault_layout.MANIFEST}"
    )

    schema_version: Literal["bulwark-state-1"] = "bulwark-state-1"
    store: Annotated[StoreName, StringConstraints(pattern=f"^{STATE.name}$")]
    project: str
    secrets_provider: SecretsProvider
    resources: Count
    files: Annotated[dict[FileName, StoredObject], AfterValidator(_require_state)]
    """File name -> object with the file's content."""

    @property
    def folder(self) -> str:
        return vault_layout.state_backup(self.id)

    @property
    def objects(self) -> tuple[StoredObject, ...]:
        return tuple(self.files.values())

    @property
    def summary(self) -> str:
        return f"{self.resources} resources"


def back_up_state(context: RecoveryContext, export: StateExport) -> StateManifest:
    """
    Back up the stack's state into the primary vault and return the manifest, which was stored last.

    Raises:
        Failure: the state is empty or holds a secret in clear.
    """
    started = datetime.now(UTC)
    deployment = parse_state(export.state)
    if administrator := export.files.get(ADMINISTRATOR_FILE):
        parse_state(administrator)
    vault, backup_id = context.primary, vault_layout.new_id(started)
    require_right_clock(vault)
    folder = vault_layout.state_backup(backup_id)
    stored = {
        name: vault.put(f"{folder}{name}", body)
        for name, body in {STATE_FILE: export.state, **export.files}.items()
    }
    manifest = StateManifest(
        id=backup_id,
        store=STATE.name,
        stack=context.stack,
        project=deployment.project,
        started=started,
        snapshot_at=deployment.time,
        finished=datetime.now(UTC),
        tools={"bulwark": metadata.version("bulwark"), "pulumi": export.engine},
        secrets_provider=deployment.secrets_provider,
        resources=deployment.resources,
        files=stored,
    )
    put_attested(vault, manifest.key, manifest.model_dump_json(indent=2).encode(), context.issue_token)
    return manifest


def restore_state(manifest: StateManifest, vault: VaultClient, folder: Path) -> list[Path]:
    """
    Write the files of a backup into an empty folder, which is created if it is missing; return their paths.

    Raises:
        Failure: the folder is not empty, or the backup is damaged; nothing is written then.
    """
    _require_empty_folder(folder)
    bodies = {name: _read(vault, stored) for name, stored in manifest.files.items()}
    parse_state(bodies[STATE_FILE])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
    return [folder / name for name in bodies]


def verify_state(manifest: StateManifest, vault: VaultClient) -> list[str]:
    """Read the state of a backup; return one phrase per problem."""
    stored = manifest.files[STATE_FILE]
    try:
        deployment = parse_state(_read(vault, stored))
    except Failure as failure:
        return [str(failure)]
    if deployment.resources != manifest.resources:
        return [f"{stored.key} has {deployment.resources} resources; its manifest says {manifest.resources}"]
    return []


def _read(vault: VaultClient, stored: StoredObject) -> bytes:
    try:
        return read_body(vault, stored, max_bytes=_MAX_BYTES)
    except DocumentError as error:
        raise unreadable(stored.key, error) from None


@dataclass(frozen=True)
class DeployedState:
    """What an exported state says of itself."""

    time: datetime
    """Of the last deployment."""

    project: str
    resources: int
    secrets_provider: SecretsProvider


def parse_state(state: bytes) -> DeployedState:
    """
    Return the deployment in an exported state.

    Raises:
        Failure: the export is invalid, has no resources or no secrets provider, or holds a secret in clear.
    """
    try:
        deployment = read_json(state, _StateDocument, max_bytes=_MAX_BYTES).deployment
        document = parse_json(state, max_bytes=_MAX_BYTES)
    except DocumentError as error:
        raise Failure(
            "The stack's state is no export of the engine.",
            "see `./bulwark pulumi stack export`.",
            str(error),
        ) from None
    if not deployment or not deployment.resources:
        raise Failure("The stack has no resources, so there is no state.", "deploy it first: ./bulwark up.")
    if not deployment.secrets_providers:
        raise Failure(
            "The stack's state names nobody who encrypts its secrets.",
            "give it a secrets provider: `./bulwark pulumi stack change-secrets-provider`.",
        )
    if not is_moment(deployment.manifest.time):
        raise Failure("The stack's state has no time of its deployment.", "deploy it again: ./bulwark up.")
    if place := next(_plaintext_secrets(document), None):
        raise Failure(
            f"The stack's state has a secret in clear, in {place}.",
            "export it without --show-secrets; it was not stored.",
        )
    return DeployedState(
        time=deployment.manifest.time,
        project=deployment.resources[0].urn.split("::")[1],
        resources=len(deployment.resources),
        secrets_provider=deployment.secrets_providers,
    )


def list_resources(state: bytes) -> list[dict[str, Any]]:
    """Return the resources in an exported state, as the engine writes them; none of what is no export."""
    document = parse_json(state, max_bytes=_MAX_BYTES)
    deployment = document.get("deployment") if isinstance(document, dict) else None
    return (deployment or {}).get("resources") or []


def read_deployment_time(state: bytes) -> datetime | None:
    """Return when an exported state was deployed last; None if it does not say."""
    try:
        deployment = read_json(state, _StateDocument, max_bytes=_MAX_BYTES).deployment
    except DocumentError:
        return None
    return deployment.manifest.time if deployment and is_moment(deployment.manifest.time) else None


def _plaintext_secrets(value: Any, where: str = "its resources") -> Iterator[str]:
    """Yield the place of each secret that is not encrypted."""
    if isinstance(value, dict):
        if _SECRET in value.values() and not (value.get("ciphertext") and "plaintext" not in value):
            yield where
        for name, inner in value.items():
            yield from _plaintext_secrets(inner, str(value.get("urn", where)) if name != "urn" else where)
    elif isinstance(value, list):
        for inner in value:
            yield from _plaintext_secrets(inner, where)


def _require_empty_folder(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Failure(f"{folder} is not empty.", "name a folder that is, or one that doesn't exist yet.")
