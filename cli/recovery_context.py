"""Opens a stack for recovery: its outputs become a site, and a server of its own serves for trials."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from rich.console import Console

from cli.role_credentials import VaultRole, role_credentials
from core.atomic_folder import lock_folder
from engine import session, stack_target, twin
from postgres_server.cluster import Cluster
from postgres_server.server import SUPERUSER
from recovery.context import RecoveryContext, VaultName, require_output
from recovery.files.source import Source
from recovery.state import Exported
from recovery.vault.client import AccessKey, client
from recovery.vault.vault import VaultClient
from twin.host.home import TwinHome


def open_context(stack: str, *, on_twin: bool, role: VaultRole = "restorer") -> RecoveryContext:
    """
    Read the outputs of a deployed stack; its vaults are looked at with the credentials of `role`.

    Raises:
        Failure: for a stack that was never deployed, or whose services can't be had.
    """
    space = stack_target.find(stack, on_twin=on_twin)
    if space.twin:
        twin.make_ready(space.twin, space.settings, Console(stderr=True))
    found = session.outputs(space)
    backups, key = space.settings.backups, role_credentials(space, role)
    database_url = require_output(found, "backup_database_url")
    primary = vault(require_output(found, "vault"), backups.region, space.twin, key)
    return RecoveryContext(
        stack=stack,
        database_url=twin.reached(database_url) if space.twin else database_url,
        vaults={
            "primary": primary,
            "replica": vault(require_output(found, "vault_replica"), backups.replica.region, space.twin, key),
        },
        heartbeat_urls=require_output(found, "heartbeat_urls"),
        checkin_urls=require_output(found, "checkin_urls"),
        database_project=require_output(found, "database_project"),
        as_writer=None
        if role == "writer"
        else vault(primary.bucket, backups.region, space.twin, role_credentials(space, "writer")),
        files=_files(require_output(found, "files_source"), space.twin),
    )


def exported(stack: str, *, on_twin: bool) -> Exported:
    """
    Return the stack's state as the engine exports it, secrets encrypted, with its files.

    Not by the Automation API's export_stack, which asks for secrets in clear.

    Raises:
        Failure: where the engine can't.
    """
    selected = session.select(stack_target.find(stack, on_twin=on_twin), runs_program=False)
    workspace = selected.workspace
    arguments = ["stack", "export", "--stack", stack]
    with session.failing_plainly():
        said = workspace.pulumi_command.run(arguments, workspace.work_dir, dict(workspace.env_vars))
    files = [Path(workspace.work_dir) / name for name in ("Pulumi.yaml", f"Pulumi.{stack}.yaml")]
    return Exported(
        said.stdout.encode(),
        {file.name: file.read_bytes() for file in files},
        str(workspace.pulumi_command.version),
    )


def vaults(space: stack_target.StackTarget) -> dict[VaultName, VaultClient]:
    """Return the vaults, to be read, by the names that the settings give them: without the stack's state."""
    backups, platform = space.settings.backups, space.settings.platform.name
    key = role_credentials(space, "restorer")
    return {
        "primary": vault(backups.vault(platform), backups.region, space.twin, key),
        "replica": vault(backups.vault_replica(platform), backups.replica.region, space.twin, key),
    }


def vault(bucket: str, region: str, home: TwinHome | None, key: AccessKey | None) -> VaultClient:
    """Return a vault, at AWS or on the twin, as whoever `key` is of; without it, as the environment says."""
    endpoint = f"http://127.0.0.1:{home.port('aws')}" if home else None
    return VaultClient(client(region, endpoint, key=key), bucket, key=key)


def _files(found: dict[str, Any], home: TwinHome | None) -> Source:
    """Return the source of the files; the twin's stands in for the one that the stack names."""
    return Source(
        endpoint=f"http://127.0.0.1:{home.port('files')}" if home else found["endpoint"],
        region=found["region"],
        buckets=tuple(found["buckets"]),
        key=AccessKey(found["access_key_id"], found["secret_access_key"]),
    )


@contextmanager
def scratch() -> Generator[str]:
    """
    Give an empty database on a server of its own, and remove both.

    What a killed trial left behind is removed first; one trial at a time.
    """
    home = stack_target.home()
    home.create()
    folder, password = home.postgres / "scratch", token_urlsafe()
    with lock_folder(home.postgres / "trial"):
        cluster = Cluster(folder, home.port("scratch"))
        cluster.destroy()
        try:
            cluster.create(password)
            cluster.start()
            yield f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{cluster.port}/postgres?sslmode=disable"
        finally:
            cluster.destroy()
