"""Opens a stack for recovery: its outputs become a site, and a server of its own serves for trials."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

from rich.console import Console

from cli import engine, stack_file, twin
from local.aside import locked
from local.home import TwinHome
from local.pgserver import SUPERUSER
from local.postgres import Cluster
from recovery.site import Site, VaultName, needed
from recovery.state import Exported
from recovery.vault.client import client
from recovery.vault.vault import Vault

_TWIN_KEYS: Final = {"AWS_ACCESS_KEY_ID": "twin", "AWS_SECRET_ACCESS_KEY": "twin"}


def opened(stack: str, *, on_twin: bool) -> Site:
    """
    Read the outputs of a deployed stack.

    Raises:
        Failure: for a stack that was never deployed, or whose services can't be had.
    """
    space = stack_file.find(stack, on_twin=on_twin)
    if space.twin:
        twin.make_ready(space.twin, space.settings, Console(stderr=True))
    found = {name: output.value for name, output in engine.select(space).outputs().items()}
    backups = space.settings.backups
    return Site(
        stack=stack,
        database_url=needed(found, "backup_database_url"),
        vaults={
            "primary": vault(needed(found, "vault"), backups.region, space.twin),
            "replica": vault(needed(found, "vault_replica"), backups.replica.region, space.twin),
        },
        heartbeat_urls=needed(found, "heartbeat_urls"),
        checkin_urls=needed(found, "checkin_urls"),
        database_project=needed(found, "database_project"),
    )


def exported(stack: str, *, on_twin: bool) -> Exported:
    """
    Return the stack's state as the engine exports it, secrets encrypted, with its files.

    Not by the Automation API's export_stack, which asks for secrets in clear.

    Raises:
        Failure: where the engine can't.
    """
    selected = engine.select(stack_file.find(stack, on_twin=on_twin))
    workspace = selected.workspace
    arguments = ["stack", "export", "--stack", stack]
    with engine.failing_plainly():
        said = workspace.pulumi_command.run(arguments, workspace.work_dir, dict(workspace.env_vars))
    files = [Path(workspace.work_dir) / name for name in ("Pulumi.yaml", f"Pulumi.{stack}.yaml")]
    return Exported(
        said.stdout.encode(),
        {file.name: file.read_bytes() for file in files},
        str(workspace.pulumi_command.version),
    )


def vaults(space: stack_file.Space) -> dict[VaultName, Vault]:
    """Return the vaults by the names that a stack's settings give them: without its state, none is needed."""
    backups, platform = space.settings.backups, space.settings.platform.name
    return {
        "primary": vault(backups.vault(platform), backups.region, space.twin),
        "replica": vault(backups.vault_replica(platform), backups.replica.region, space.twin),
    }


def vault(bucket: str, region: str, home: TwinHome | None) -> Vault:
    """Return a vault; the twin's takes any credentials."""
    if not home:
        return Vault(client(region), bucket)
    os.environ.update(_TWIN_KEYS)
    return Vault(client(region, endpoint=f"http://127.0.0.1:{home.port('aws')}"), bucket)


@contextmanager
def scratch() -> Generator[str]:
    """
    Give an empty database on a server of its own, and remove both.

    What a killed trial left behind is removed first; one trial at a time.
    """
    home = stack_file.home()
    home.create()
    folder, password = home.postgres / "scratch", token_urlsafe()
    with locked(home.postgres / "trial"):
        cluster = Cluster(folder, home.port("scratch"))
        cluster.destroy()
        try:
            cluster.create(password)
            cluster.start()
            yield f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{cluster.port}/postgres?sslmode=disable"
        finally:
            cluster.destroy()
