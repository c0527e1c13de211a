"""`./bulwark backups`: what backups there are, and what is proven of them."""

import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from cli.recovery_site import opened
from cli.stack import Json, OnTwin, Stack
from cli.wording import day, size
from recovery import catalogue
from recovery.catalogue import Backup


def backups(*, stack: Stack = "local", on_twin: OnTwin = False, as_json: Json = False) -> int:
    """
    List the backups: when, how large, how long locked, and when they were verified.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: List what a stack backed up on the twin.
        as_json: Print one JSON document.
    """
    site = opened(stack, on_twin=on_twin)
    found = catalogue.backups(site.vaults["primary"])
    elsewhere = {one.id for one in catalogue.listed(site.vaults["replica"])}
    if as_json:
        rows = [_row(one, in_replica=one.id in elsewhere) for one in found]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return 0
    table = Table("backup", "tier", "shows", "tables", "size", "locked until", "replica", "verified")
    for one in found:
        row = _row(one, in_replica=one.id in elsewhere)
        looked = f"{row['verified']} ({row['how']})" if row["verified"] else "[red]never[/red]"
        if row["problems"]:
            looked = f"[red]{row['problems'][0]}[/red]"
        table.add_row(
            one.id,
            one.tier,
            str(row["shows"] or "?"),
            str(row["tables"]),
            size(row["bytes"]),
            str(row["locked_until"] or "[red]not locked[/red]"),
            "yes" if row["in_replica"] else "[red]no[/red]",
            looked,
        )
    Console().print(table if found else "There is no backup yet: ./bulwark backup makes one.")
    return 0


def _row(one: Backup, *, in_replica: bool) -> dict[str, Any]:
    manifest, look = one.manifest, one.verified
    problems = [one.unreadable] if one.unreadable else list(look.problems) if look else []
    return {
        "id": one.id,
        "tier": one.tier,
        "shows": f"{manifest.snapshot_at:%Y-%m-%d %H:%M:%S}" if manifest else None,
        "tables": len(manifest.figures.tables) if manifest else None,
        "bytes": manifest.dump.bytes if manifest else 0,
        "locked_until": day(manifest.dump.locked_until) if manifest else None,
        "in_replica": in_replica,
        "verified": f"{look.at:%Y-%m-%d %H:%M}" if look else None,
        "how": ("restored" if look.deep else "read") if look else None,
        "problems": problems,
    }
