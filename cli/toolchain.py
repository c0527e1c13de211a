"""`./bulwark toolchain`: the engine, its plugins and PostgreSQL's programs, in the versions that fit."""

import sys
import tempfile
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from cli.options import StackOption
from toolchain import releases
from toolchain.engine import ensure_cli
from toolchain.providers import RELEASES, ensure_plugins
from toolchain.releases import FILE

Task = Literal["install", "lock", "postgresql"]


def toolchain(
    task: Task,
    part: Literal["all", "cli"] = "all",
    /,
    *,
    stack: StackOption = "prod",
    anew: Annotated[bool, Parameter(name="--anew", negative=())] = False,
) -> int:
    """
    Install the Pulumi CLI and the provider plugins by the hashes in toolchain/releases.sha256.

    A job of CI installs before it takes a role, and with a credential it runs nothing that is not locked.

    Args:
        task: `install` installs; `lock` downloads the archives of all platforms that have no hash yet,
            compares them with the vendors' own lists, and writes the file; `postgresql` prints the major
            version of PostgreSQL that the stack's settings name.
        part: `cli` installs the CLI alone.
        stack: The stack whose settings name the version.
        anew: Lock: download what is locked as well, and compare.
    """
    if task == "lock":
        return _lock(anew=anew)
    if task == "postgresql":
        from components.settings.database import NEWEST_POSTGRESQL  # noqa: PLC0415 - as below
        from engine.targets import find_target  # noqa: PLC0415 - the settings' models take half a second

        databases = find_target(stack, on_twin=False).settings.neon.values()
        # A program of a newer version dumps the older ones as well.
        newest = max((database.postgres_version for database in databases), default=NEWEST_POSTGRESQL)
        sys.stdout.write(f"{newest}\n")
        return 0
    sys.stdout.write(f"CLI: {ensure_cli(checked=True)}\n")
    if part == "all":
        sys.stdout.write(f"Plugins: {ensure_plugins()}\n")
    sys.stdout.write("Installed and checked.\n")
    return 0


def _lock(*, anew: bool) -> int:
    before = releases.read_hashes()
    with tempfile.TemporaryDirectory(prefix="bulwark-lock-") as folder:
        hashes = releases.lock(RELEASES, Path(folder), anew=anew)
    releases.write_hashes(hashes)
    for name in before.keys() | hashes.keys():
        if before.get(name) != hashes.get(name):
            sys.stdout.write(f"{'removed' if name not in hashes else 'locked'}  {name}\n")
    if before == hashes:
        sys.stdout.write(f"{FILE.name} has the hashes of all {len(hashes)} archives; nothing to do.\n")
    else:
        sys.stdout.write(f"{FILE.name} has {len(hashes)} hashes. Next: commit it after a review.\n")
    return 0
