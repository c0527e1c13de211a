"""Opens for recovery what a deployed stack's outputs or a recovery file name: stores, vaults, monitors."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from components.settings.platform import OIDC_ISSUER
from core import vault_layout
from core.console import PrintableConsole
from core.failure import Failure
from engine.stack_target import StackTarget, VaultRole
from engine.targets import find_target
from recovery.age import read_identity
from recovery.attestation import Trust
from recovery.context import RecoveryContext, VaultName, require_output
from recovery.files.source import FileSource
from recovery.issuer_keys import record_keys
from recovery.manifest import StoreName
from recovery.recovery_file import RecoveryFile, read_recovery_file
from recovery.recovery_file_context import find_documented_trust, open_recovery_file
from recovery.state import StateExport
from recovery.vault.client import AccessKey, create_client
from recovery.vault.vault import VaultClient


@dataclass(frozen=True)
class DocumentedSource:
    """What a recovery file describes, in place of a stack."""

    path: Path
    content: RecoveryFile

    @property
    def name(self) -> str:
        return self.content.name


RecoverySource = StackTarget | DocumentedSource


def find_source(stack: str | None, *, on_twin: bool, recovery: Path | None) -> RecoverySource:
    """
    Return what a command's options choose: a stack, `local` by default, or what a recovery file describes.

    Raises:
        Failure: both are chosen; the stack has no file, or one of the files is wrong.
    """
    if recovery is None:
        return find_target(stack or "local", on_twin=on_twin)
    if stack or on_twin:
        raise Failure(
            "--recovery names stores and vaults without a stack.",
            f"leave out {'--stack' if stack else '--twin'}, or --recovery.",
        )
    return DocumentedSource(recovery, read_recovery_file(recovery))


def choose_stores(source: RecoverySource, stores: Collection[StoreName]) -> tuple[StoreName, ...]:
    """
    Return the stores that a backup is taken of: the named ones or, without any, all that there are.

    Raises:
        Failure: one of them is not there.
    """
    if isinstance(source, StackTarget):
        return tuple(stores) or ("database", "state", "files")
    known = source.content.store_names
    if missing := [store for store in stores if store not in known]:
        why = (
            "Only a stack has a state, and a recovery file is used without one."
            if "state" in missing
            else f"{source.path} names no store {missing[0]}."
        )
        raise Failure(why, f"choose one of these: {', '.join(known) or 'it names none'}.")
    if not known:
        raise Failure(f"{source.path} names no store.", "name one under `stores`; see docs/recovery.md.")
    return tuple(stores) or known


def open_context(
    source: RecoverySource,
    *,
    role: VaultRole = "restorer",
    stores: Collection[StoreName] = (),
    vaults: Collection[VaultName] = ("primary", "replica"),
    jobs: Collection[str] = (),
    identity: Path | None = None,
) -> RecoveryContext:
    """
    Open a deployed stack by its outputs, or a recovery file, with the vault's credentials of `role`.

    What the vaults of a recovery file lack is written to standard error.

    Args:
        source: The stack, or the recovery file.
        role: Whether the vault is opened to write backups or to read them.
        stores: The stores that are read; of a recovery file only their secrets have to be there.
        vaults: The vaults that are used; those of a recovery file have to protect what is in them.
        jobs: The jobs that the run is reported as, to monitors whose addresses then have to be there.
        identity: The identity file of the copies elsewhere, to restore from them.

    Raises:
        Failure: the stack was never deployed, or its services can't be started; or a secret that the recovery
            file refers to is missing, or one of its vaults is not protected.
    """
    if isinstance(source, StackTarget):
        return _open_stack(source, role)
    context = open_recovery_file(
        source.content,
        source.path,
        role=role,
        stores=stores,
        vaults=vaults,
        jobs=jobs,
        identity=read_identity(identity) if identity else None,
    )
    console = PrintableConsole(stderr=True)
    for warning in context.warnings:
        console.print(f"Warning: {warning}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    return context


def _open_stack(target: StackTarget, role: VaultRole) -> RecoveryContext:
    target.prepare(PrintableConsole(stderr=True), runs_program=False)
    from engine import session  # noqa: PLC0415 - recovery by a file runs without Pulumi

    outputs = session.outputs(target)
    backups, key = target.settings.backups, target.role_credentials(role)
    bucket = require_output(outputs, "vault")
    return RecoveryContext(
        stack=target.name,
        database_url=target.reach_database(require_output(outputs, "backup_database_url")),
        vaults={
            "primary": open_vault(target, bucket, backups.region, key),
            "replica": open_vault(
                target, require_output(outputs, "vault_replica"), backups.replica.region, key
            ),
        },
        heartbeat_urls=require_output(outputs, "heartbeat_urls"),
        checkin_urls=require_output(outputs, "checkin_urls"),
        trust=find_trust(target),
        issue_token=target.find_signer(role),
        database_project=require_output(outputs, "database_project"),
        longest_proof_age=timedelta(hours=target.settings.platform.objectives.proof_age_hours),
        writer_vault=None
        if role == "writer"
        else open_vault(target, bucket, backups.region, target.role_credentials("writer")),
        files=_file_source(target, require_output(outputs, "files_source")),
    )


def find_trust(target: RecoverySource) -> Trust:
    """Return whose attestations count: the settings of a stack name them, or the recovery file does."""
    if isinstance(target, DocumentedSource):
        return find_documented_trust(target.content)
    backups, platform = target.settings.backups, target.settings.platform
    return Trust(
        stack=target.name,
        issuer=OIDC_ISSUER,
        subjects={
            "backup": platform.subject(backups.backup_environment),
            "restore": platform.subject(backups.restore_environment),
        },
        operator_keys=backups.operator_keys,
        fetch_issuer_keys=target.fetch_issuer_keys,
    )


def record_issuer_keys(target: StackTarget, bucket: str) -> None:
    """
    Record the issuer's public keys in the primary vault, where only the role that deploys may.

    A vault without a backup has nothing that they verify; it stays empty, and its stack can be destroyed.

    Raises:
        Failure: the issuer does not answer, or the vault does not take them.
    """
    vault = open_vault(target, bucket, target.settings.backups.region, target.deployer_credentials())
    if any(next(vault.list_entries(prefix), None) for prefix in vault_layout.BACKUPS):
        record_keys(vault, OIDC_ISSUER, target.fetch_issuer_keys())


def export_state(target: RecoverySource) -> StateExport:
    """
    Return the stack's state as the engine exports it, with the project's and the stack's file.

    Its secrets are encrypted. The Automation API's export_stack would ask for them in clear.

    Raises:
        Failure: there is no stack, or the engine can't export it.
    """
    if isinstance(target, DocumentedSource):
        raise Failure("Only a stack has a state.", "name the stack: --stack.")
    from engine import session  # noqa: PLC0415 - as in open_context

    workspace = session.select(target, runs_program=False).workspace
    arguments = ["stack", "export", "--stack", target.name]
    with session.explain_errors():
        export = workspace.pulumi_command.run(arguments, workspace.work_dir, dict(workspace.env_vars))
    files = [Path(workspace.work_dir) / name for name in ("Pulumi.yaml", f"Pulumi.{target.name}.yaml")]
    return StateExport(
        export.stdout.encode(),
        {file.name: file.read_bytes() for file in files},
        str(workspace.pulumi_command.version),
    )


def open_vaults(
    target: RecoverySource, *, vaults: Collection[VaultName], identity: Path | None = None
) -> Mapping[VaultName, VaultClient]:
    """Open the vaults for reading, those of a stack by the names in its settings, without its state."""
    if isinstance(target, DocumentedSource):
        return open_context(target, vaults=vaults, identity=identity).vaults
    backups, platform = target.settings.backups, target.settings.platform.name
    key = target.role_credentials("restorer")
    return {
        "primary": open_vault(target, backups.vault(platform), backups.region, key),
        "replica": open_vault(target, backups.vault_replica(platform), backups.replica.region, key),
    }


def open_vault(target: StackTarget, bucket: str, region: str, key: AccessKey | None) -> VaultClient:
    """Open a vault where the stack's AWS is. Without a key it uses the environment's credentials."""
    return VaultClient(create_client(region, target.aws_endpoint, access_key=key), bucket, access_key=key)


def _file_source(target: StackTarget, output: dict[str, Any]) -> FileSource:
    return FileSource(
        endpoint=target.reach_files(output["endpoint"]),
        region=output["region"],
        buckets=tuple(output["buckets"]),
        access_key=AccessKey(output["access_key_id"], output["secret_access_key"]),
    )
