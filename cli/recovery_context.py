"""Opens a deployed stack for recovery, from its outputs, and its vaults."""

from pathlib import Path
from typing import Any

from core.console import PrintableConsole
from engine.stack_target import StackTarget, VaultRole
from recovery.context import RecoveryContext, VaultName, require_output
from recovery.files.source import FileSource
from recovery.state import StateExport
from recovery.vault.client import AccessKey, create_client
from recovery.vault.vault import VaultClient


def open_context(target: StackTarget, *, role: VaultRole = "restorer") -> RecoveryContext:
    """
    Read the outputs of a deployed stack, and open its vaults with the credentials of `role`.

    Raises:
        Failure: the stack was never deployed, or its services can't be started.
    """
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
        database_project=require_output(outputs, "database_project"),
        writer_vault=None
        if role == "writer"
        else open_vault(target, bucket, backups.region, target.role_credentials("writer")),
        files=_file_source(target, require_output(outputs, "files_source")),
    )


def export_state(target: StackTarget) -> StateExport:
    """
    Return the stack's state as the engine exports it, with the project's and the stack's file.

    Its secrets are encrypted. The Automation API's export_stack would ask for them in clear.

    Raises:
        Failure: the engine can't export it.
    """
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


def open_vaults(target: StackTarget) -> dict[VaultName, VaultClient]:
    """Open the vaults for reading by the names that the settings give them, without the stack's state."""
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
