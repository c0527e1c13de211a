"""The backups that a drill on the twin needs, and that nothing has taken: there no job runs on schedule."""

import sys
from contextlib import redirect_stdout
from typing import Final

from rich.console import Console

from cli.backup import backup
from cli.drill_run import Wanted
from cli.drill_yard import Yard
from recovery import catalogue
from recovery.files.manifest import FilesManifest
from recovery.manifest import BackupManifest, Manifest, Store
from recovery.state import StateManifest

_RESTORED: Final[dict[str, tuple[type[BackupManifest], ...]]] = {
    "corruption": (),
    "loss": (Manifest,),
    "replica": (Manifest,),
    "files": (FilesManifest,),
    "state": (StateManifest,),
    "all": (Manifest, StateManifest, FilesManifest),
}
"""Scenario -> of which stores it restores a backup."""


def take(yard: Yard, wanted: Wanted, console: Console) -> None:
    """
    Take a first backup of each store that the drill restores; elsewhere one that is missing fails the drill.

    Raises:
        Failure: one of them can't be taken.
    """
    if not yard.space.twin or wanted.backup:
        return
    vault = yard.site.vaults["primary"]
    missing: list[Store] = [
        kind.STORE for kind in _RESTORED[wanted.scenario] if not catalogue.listed(vault, kind)
    ]
    if missing:
        names = ", ".join(missing)
        console.print(f"There is no backup yet ({names}), and the twin runs none on schedule: taking one.")
        with redirect_stdout(sys.stderr):
            backup(*missing, stack=yard.space.name, on_twin=True)
