"""`./bulwark break-lease`: ends the lease of a backup of the files whose process is gone."""

import sys

from cli import deploy
from cli.options import StackOption, TwinOption
from cli.recovery_context import open_context
from core import vault_layout
from core.failure import Failure
from engine.targets import find_target
from recovery.vault import lease
from recovery.vault.client import Exists


def break_lease(*, stack: StackOption = "local", on_twin: TwinOption = False, yes: bool = False) -> int:
    """
    End the lease that a backup of the files holds, so that another one can begin.

    A lease ends by itself some minutes after its process was killed. A process that is still running stops
    when it finds that its lease is broken.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Break the lease of what a stack backs up on the twin.
        yes: Don't ask before breaking a lease that others may hold.

    Returns:
        0 when no lease is held any more.
    """
    target = find_target(stack, on_twin=on_twin)
    vault = open_context(target, role="writer").vaults["primary"]
    newest = lease.read_newest_lease(vault, vault_layout.FILE_LEASE)
    if not newest or newest.until <= vault.read_clock():
        sys.stdout.write("No backup of the files holds a lease.\n")
        return 0
    if newest.fault:
        sys.stderr.write(f"{newest.key} {newest.fault}.\n")
    if target.asks_before_changes and not yes and not deploy.confirm(stack, to="break-lease"):
        return 1
    try:
        lease.break_lease(vault, vault_layout.FILE_LEASE, newest)
    except Exists:
        raise Failure(
            "The run renewed its lease or ended meanwhile, so that it is at work.",
            "look again: ./bulwark break-lease.",
        ) from None
    sys.stdout.write(
        f"The lease of {newest.stored_at:%Y-%m-%d %H:%M:%S} UTC is broken; the next backup can begin.\n"
    )
    return 0
