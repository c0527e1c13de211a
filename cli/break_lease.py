"""`./bulwark break-lease`: ends the lease of a backup of the files whose process is gone."""

import sys

from cli import deploy
from cli.options import ChosenStackOption, RecoveryOption, TwinOption
from cli.recovery_context import RecoverySource, find_source, open_context
from core import vault_layout
from core.failure import Failure
from engine.stack_target import StackTarget
from recovery.vault import lease
from recovery.vault.client import Exists


def break_lease(
    *,
    stack: ChosenStackOption = None,
    on_twin: TwinOption = False,
    recovery: RecoveryOption = None,
    yes: bool = False,
) -> int:
    """
    End the lease that a backup of the files holds, so that another one can begin.

    A lease ends by itself some minutes after its process was killed. A process that is still running stops
    when it finds that its lease is broken.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Break the lease of what a stack backs up on the twin.
        recovery: A recovery file in place of a stack (docs/recovery.md).
        yes: Don't ask before breaking a lease that others may hold.

    Returns:
        0 when no lease is held any more.
    """
    target = find_source(stack, on_twin=on_twin, recovery=recovery)
    vault = open_context(target, role="writer", vaults=("primary",)).primary
    newest = lease.read_newest_lease(vault, vault_layout.FILE_LEASE)
    if not newest or newest.until <= vault.read_clock():
        sys.stdout.write("No backup of the files holds a lease.\n")
        return 0
    if newest.fault:
        sys.stderr.write(f"{newest.key} {newest.fault}.\n")
    if not yes and _is_shared(target):
        deploy.require_consent(target.name, to="break-lease")
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


def _is_shared(target: RecoverySource) -> bool:
    """Whether others may hold the lease; a recovery file does not say."""
    return not isinstance(target, StackTarget) or target.asks_before_changes
