"""Opens for recovery what the options of a command choose, and chooses its stores."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cli.recovery_source import DocumentedSource, DocumentedStack, RecoverySource, describe_source, get_target
from core.console import PrintableConsole
from core.failure import Failure
from recovery.age import read_identity
from recovery.attestation import Trust
from recovery.context import RecoveryContext, VaultName
from recovery.manifests import find_stores
from recovery.recovery_file_context import find_documented_trust, open_named_store, open_recovery_file
from recovery.state import StateExport
from recovery.store import STATE, Store, StoreKind, list_names
from recovery.store import choose_stores as choose_named
from recovery.vault.vault import VaultClient

if TYPE_CHECKING:  # a recovery file needs nothing of a stack
    from engine.stack_target import AwsRole


def declared_stores(source: RecoverySource) -> tuple[Store, ...]:
    """Return the stores that a stack or a recovery file has. A role's document names only what it needs."""
    if isinstance(source, DocumentedSource):
        return source.content.named_stores
    from engine.stack_stores import list_stores  # noqa: PLC0415 - a recovery file needs nothing of a stack

    return list_stores(get_target(source).settings)


def choose_stores(source: RecoverySource, names: Collection[str]) -> tuple[Store, ...]:
    """
    Return the stores that a backup is taken of: the named ones or, without any, all that there are.

    Raises:
        Failure: one of them is not there.
    """
    known = declared_stores(source)
    if isinstance(source, DocumentedStack):
        # The state is exported by the engine, and not described by any document.
        described = source.source.content.named_stores
        known = tuple(
            store for store in known if store in described or (store == STATE and STATE.name in names)
        )
    if isinstance(source, DocumentedSource) and STATE.name in names:
        raise Failure(
            "Only a stack has a state, and a recovery file is used without one.",
            f"choose one of these: {list_names(known)}.",
        )
    if not known:
        raise Failure(
            f"{describe_source(source)} names no store.", "name one under `stores`; see docs/recovery.md."
        )
    place = describe_source(source.source if isinstance(source, DocumentedStack) else source)
    chosen = [store for name in names for store in choose_named(known, name, place=place)]
    return tuple(dict.fromkeys(chosen)) or known


def stores_to_prove(source: RecoverySource, vault: VaultClient) -> tuple[Store, ...]:
    """
    Return the stores whose proofs are judged, as far as there are backups of them.

    They are what is declared, and the state, which no file names. Nobody proves any more what was removed.
    Where nothing is declared, they are all that the vault has. Raise Failure if that can't be read.
    """
    declared = declared_stores(source)
    return tuple(dict.fromkeys((*declared, STATE))) if declared else find_stores(vault)


def choose_held(
    source: RecoverySource, vault: VaultClient, name: str | None, kind: StoreKind | None = None
) -> tuple[Store, ...]:
    """
    Return the stores whose backups are looked at: all, also what only the vault has, or the named one.

    Args:
        source: What has the stores.
        vault: The vault that is read.
        name: The name of one; None and `all`: all of them.
        kind: Only stores of this kind.

    Raises:
        Failure: there is none of this name, or the vault can't be read.
    """
    declared = declared_stores(source)
    known = tuple(dict.fromkeys((*declared, *find_stores(vault))))
    chosen = choose_named(known, name, place=f"{describe_source(source)} and its vault")
    return tuple(store for store in chosen if kind in {None, store.kind})


def open_context(
    source: RecoverySource,
    *,
    role: "AwsRole" = "restorer",
    vaults: Collection[VaultName] = ("primary", "replica"),
    jobs: Collection[str] = (),
    identity: Path | None = None,
    needs_outputs: bool = False,
) -> RecoveryContext:
    """
    Open vaults and monitors of a stack, a recovery file or a role's document, as `role`; none of its stores.

    What the vaults of a recovery file lack is written to standard error.

    Args:
        source: The stack, or the recovery file.
        role: Whose credentials are used. A recovery file has a key for the writer, and one for everybody.
        vaults: The vaults that are used; those of a recovery file have to protect what is in them.
        jobs: The jobs that the run is reported as, to monitors whose addresses then have to be there.
        identity: The identity file of the copies elsewhere, to restore from them.
        needs_outputs: Whether a stack's monitors are used, which its state knows. Its vaults are known by its
            settings. With the vault elsewhere alone the state is never read.

    Raises:
        Failure: the stack was never deployed, or its services can't be started; or a secret that the recovery
            file refers to is missing, or one of its vaults is not protected.
    """
    if isinstance(source, DocumentedSource):
        context = open_recovery_file(
            source.content,
            source.place,
            role="writer" if role == "writer" else "restorer",
            vaults=vaults,
            jobs=jobs,
            identity=read_identity(identity) if identity else None,
        )
    else:
        from cli import stack_recovery  # noqa: PLC0415 - a recovery file needs nothing of a stack

        if not isinstance(source, DocumentedStack):
            reads_state = needs_outputs and set(vaults) != {"elsewhere"}
            outputs = stack_recovery.read_outputs(source) if reads_state else None
            return stack_recovery.open_target(source, role, vaults, identity, outputs)
        context = stack_recovery.open_documented(source, role, vaults, jobs, identity)
    console = PrintableConsole(stderr=True)
    for warning in context.warnings:
        console.print(f"Warning: {warning}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    return context


def open_stores(
    source: RecoverySource,
    stores: Collection[Store],
    *,
    role: "AwsRole" = "restorer",
    vaults: Collection[VaultName] = ("primary", "replica"),
    jobs: Collection[str] = (),
    identity: Path | None = None,
    is_read: bool = False,
) -> dict[Store, RecoveryContext]:
    """
    Open databases and files of a stack, a recovery file or a role's document, each with a context of its own.

    Args:
        source: The stack, or the recovery file.
        stores: The stores. None of them is the state.
        role: See `open_context`, as of the following ones.
        vaults: The vaults that are used.
        jobs: The jobs that the run is reported as.
        identity: The identity file of the copies elsewhere.
        is_read: Whether the stores are read, so that a recovery file's secrets of them have to be there.

    Raises:
        Failure: as `open_context`.
    """
    if isinstance(source, DocumentedSource):
        documented, content = source, source.content
    else:
        from cli import stack_recovery  # noqa: PLC0415 - a recovery file needs nothing of a stack

        if not isinstance(source, DocumentedStack):
            outputs = stack_recovery.read_outputs(source) if set(vaults) != {"elsewhere"} else None
            context = stack_recovery.open_target(source, role, vaults, identity, outputs)
            return {store: stack_recovery.add_store(context, source, store, outputs) for store in stores}
        documented = source.source
        content = stack_recovery.reach_stores(source.target, documented.content)
    context = open_context(source, role=role, vaults=vaults, jobs=jobs, identity=identity)
    return {
        store: open_named_store(context, content, documented.place, store.name, is_read=is_read)
        for store in stores
    }


def find_trust(target: RecoverySource) -> Trust:
    """Return whose attestations count: the settings of a stack name them, or the recovery file does."""
    if isinstance(target, DocumentedSource):
        return find_documented_trust(target.content)
    from cli.stack_recovery import find_stack_trust  # noqa: PLC0415 - a recovery file needs nothing of a stack

    return find_stack_trust(get_target(target))


def export_state(target: RecoverySource) -> StateExport:
    """
    Return the stack's states as the engine exports them; see `export_stack_state`.

    Raises:
        Failure: there is no stack, or the engine can't export it.
    """
    if isinstance(target, DocumentedSource):
        raise Failure("Only a stack has a state.", "name the stack: --stack.")
    from cli.stack_recovery import export_stack_state  # noqa: PLC0415 - a recovery file needs nothing of a stack

    return export_stack_state(get_target(target))


def open_vaults(
    target: RecoverySource,
    *,
    vaults: Collection[VaultName],
    identity: Path | None = None,
    role: "AwsRole" = "restorer",
) -> Mapping[VaultName, VaultClient]:
    """
    Open the vaults for reading, those of a stack by the names in its settings, without its state.

    A planner sees which backups there are, and reads none.
    """
    if not isinstance(target, DocumentedSource | DocumentedStack) and set(vaults) != {"elsewhere"}:
        from cli.stack_recovery import open_stack_vaults  # noqa: PLC0415 - see open_context

        return open_stack_vaults(target, role, vaults)
    return open_context(target, vaults=vaults, identity=identity).vaults
