"""`./bulwark drill credentials`: on a copy of the twin; at the vendors by AWS's policy simulator alone."""

import sys
from contextlib import redirect_stdout
from functools import partial
from typing import Any

from cli.copy import copy
from cli.recovery_context import open_vaults
from cli.servers import scratch_server
from core.failure import Failure
from engine.policy_simulator import PolicySimulator
from engine.stack_stores import list_stores
from engine.stack_target import StackTarget
from engine.throw_away_twin import NewestDump, ThrowAwayTwin
from engine.twin import TwinTarget
from live.aws_access import AwsAccess
from recovery import catalogue
from recovery.context import RecoveryContext
from recovery.drill.credentials import scenario
from recovery.drill.evidence import Scenario
from recovery.drill.validation import DrillContext
from recovery.elsewhere.vault import ElsewhereVault
from recovery.manifest import Manifest
from recovery.store import Store

_FOLDER = "twin"


def drill_credentials(
    target: StackTarget, recovery: RecoveryContext, context: DrillContext, *, unsandboxed: bool
) -> Scenario:
    """
    Drill what a thief of each credential can destroy.

    What can't be copied is not attacked: there the calls are simulated.

    Raises:
        Failure: there is no backup yet.
    """
    stores = list_stores(target.settings)
    if not isinstance(target, TwinTarget) or not target.can_be_copied:
        return scenario.simulate(context, _open_simulator(target), stores=stores)
    _fill_vault_elsewhere(target, recovery)
    open_copy = partial(
        ThrowAwayTwin.open,
        target,
        context.environment.folder / _FOLDER,
        scope=context.environment.scope,
        newest=_find_newest(recovery, stores[0]),
        trust=recovery.trust,
    )
    scratch = partial(scratch_server, unsandboxed=unsandboxed)
    return scenario.drill(context, open_copy, recovery.trust, scratch, stores=stores)


def _open_simulator(target: StackTarget) -> PolicySimulator:
    access = AwsAccess(
        target.aws_endpoint,
        find_key=lambda: target.role_credentials("driller"),
        find_replica_key=lambda: target.replica_credentials("driller"),
    )
    backups = target.settings.vaults

    def open_client(service: str, region: str, account: str) -> Any:
        profile = "" if account == backups.account else backups.replica.profile
        return access.open_client(service, {"region": region, "profile": profile})

    return PolicySimulator(target.settings, open_client)


def _fill_vault_elsewhere(target: TwinTarget, context: RecoveryContext) -> None:
    """Copy the backups elsewhere where a store has no copy yet: nothing does so on schedule on the twin."""
    vault = open_vaults(target, vaults=("elsewhere",))["elsewhere"]
    if not isinstance(vault, ElsewhereVault):
        raise TypeError(type(vault).__name__)
    if set(list_stores(target.settings)) <= {known.of_store for known in vault.copies}:
        return
    sys.stderr.write("A store has no copy elsewhere yet, and the twin copies none on schedule: copying.\n")
    with redirect_stdout(sys.stderr):
        copy(stack=context.stack, on_twin=True)


def _find_newest(context: RecoveryContext, database: Store) -> NewestDump:
    backups = catalogue.read_backups(context.primary, Manifest, context.trust, store=database.name)
    newest = next((one for one in backups if catalogue.is_restorable(one)), None)
    if not newest or not newest.manifest:
        raise Failure(
            "There is no backup of the database that can be restored.", "./bulwark backup makes one."
        )
    dump = max(newest.manifest.objects, key=lambda stored: stored.bytes)
    return NewestDump(dump.key, dump.version, newest.listing.entry.key, newest.listing.entry.version)
