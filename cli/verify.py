"""`./bulwark verify`: backups against their manifests; deep: restored and compared."""

import json
import sys
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from cli.recovery_site import opened, scratch
from cli.stack import Json, OnTwin, Stack
from recovery import catalogue, keys
from recovery.catalogue import Verification
from recovery.verify import verify as verified


def verify(
    *,
    stack: Stack = "local",
    on_twin: OnTwin = False,
    as_json: Json = False,
    deep: Annotated[bool, Parameter(negative=())] = False,
    backup: str | None = None,
) -> int:
    """
    Check backups against their manifests: presence, size, checksum, lock.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Look at what a stack backed up on the twin.
        as_json: Print one JSON document.
        deep: Restore the newest (or the one chosen) into a scratch database and compare every table.
        backup: Only this one; without it all of them, deep the newest.

    Returns:
        0 when everything is as it must be.
    """
    site = opened(stack, on_twin=on_twin)
    vault = site.vaults["primary"]
    found = catalogue.backups(vault)
    whole = [catalogue.chosen(found, backup=backup)] if backup or deep else [one.manifest for one in found]
    looks: list[Verification] = []
    for manifest in whole:
        if manifest:
            with Console(stderr=True).status(f"Verifying {manifest.id}"):
                look = verified(manifest, vault, scratch=scratch if deep else None)
            vault.put(keys.verification(manifest.id, look.at), look.model_dump_json().encode())
            looks.append(look)
    unreadable = [f"{one.id}: its manifest {one.unreadable}" for one in found if one.unreadable]
    if as_json:
        document = {"looks": [look.model_dump(mode="json") for look in looks], "unreadable": unreadable}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _print_looks(looks, unreadable)
    return 0 if looks and not unreadable and all(look.good for look in looks) else 1


def _print_looks(looks: list[Verification], unreadable: list[str]) -> None:
    console = Console()
    for look in looks:
        how = "restored and compared" if look.deep else "read and compared"
        if look.good:
            console.print(f"{look.backup}: {how}, good", style="green")
        for problem in look.problems:
            console.print(f"{look.backup}: {problem}", style="red", markup=False)
    for line in unreadable:
        console.print(line, style="red", markup=False)
    if not looks and not unreadable:
        console.print("There is nothing to verify: ./bulwark backup makes a backup.", style="yellow")
