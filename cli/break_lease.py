"""`./bulwark break-lease`: ends the lease of a backup of the files whose process is gone."""

import sys
from collections.abc import Iterable, Iterator

from cli import deploy
from cli.options import ChosenStackOption, RecoveryOption, StoreOption, TwinOption
from cli.recovery_context import declared_stores, open_context
from cli.recovery_source import RecoverySource, describe_source, find_source
from core import vault_layout
from core.failure import Failure
from engine.stack_target import StackTarget
from recovery.store import Store, choose_stores
from recovery.vault import lease
from recovery.vault.client import Exists
from recovery.vault.lease import NewestLease
from recovery.vault.vault import VaultClient


def break_lease(
    *,
    stack: ChosenStackOption = None,
    on_twin: TwinOption = False,
    recovery: RecoveryOption = None,
    store: StoreOption = "all",
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
        store: Only the lease of the store of this name; without it those of all stores of files.
        yes: Don't ask before breaking a lease that others may hold.

    Returns:
        0 when no lease is held any more.
    """
    target = find_source(stack, on_twin=on_twin, recovery=recovery)
    vault = open_context(target, role="writer", vaults=("primary",)).primary
    # The first backup of a store has no manifest yet, so that its leases say that there is the store.
    leased = {
        Store("files", name)
        for entry in vault.list_entries(vault_layout.FILE_LEASES)
        if (name := vault_layout.leased_store(entry.key))
    }
    known = (*declared_stores(target), *sorted(leased))
    chosen = choose_stores(
        tuple(dict.fromkeys(known)), store, place=f"{describe_source(target)} and its vault"
    )
    held = list(_find_held(vault, [one.name for one in chosen if one.kind == "files"]))
    if not held:
        sys.stdout.write("No backup of files holds a lease.\n")
        return 0
    for _, newest in held:
        if newest.fault:
            sys.stderr.write(f"{newest.key} {newest.fault}.\n")
    if not yes and _is_shared(target):
        deploy.require_consent(target.name, to="break-lease")
    for name, newest in held:
        try:
            lease.break_lease(vault, vault_layout.file_lease(name), newest)
        except Exists:
            raise Failure(
                f"The backup of {name} renewed its lease or ended meanwhile, so that it is at work.",
                "look again: ./bulwark break-lease.",
            ) from None
        sys.stdout.write(
            f"The lease of {name} of {newest.stored_at:%Y-%m-%d %H:%M:%S} UTC is broken; the next backup can "
            "begin.\n"
        )
    return 0


def _find_held(vault: VaultClient, stores: Iterable[str]) -> Iterator[tuple[str, NewestLease]]:
    """Yield each store whose lease a run holds, with the lease."""
    for store in stores:
        newest = lease.read_newest_lease(vault, vault_layout.file_lease(store))
        if newest and newest.until > vault.read_clock():
            yield store, newest


def _is_shared(target: RecoverySource) -> bool:
    """Whether others may hold the lease; a recovery file does not say."""
    return not isinstance(target, StackTarget) or target.asks_before_changes
