"""The stack that a drill restores another one's backup into: what proves that it may, and its addresses."""

import os
from pathlib import Path

from components.settings import NeonSettings
from core.console import PrintableConsole
from core.failure import Failure
from engine.stack_target import StackTarget
from recovery.drill.receiving_server import ReceivingServer
from recovery.drill.safety import read_only_url


def choose_receivers(into: StackTarget, source: StackTarget, store: str) -> tuple[str, ...]:
    """
    Return the databases of a stack that the backups of another one may replace.

    Args:
        into: The stack whose databases are replaced.
        source: The stack whose backups are restored.
        store: The name of one database, or `all`.

    Raises:
        Failure: the stack is production's or the one that the backups are of, or it has no such database.
    """
    platform = into.settings.platform
    if platform.environment == "production":
        raise Failure(
            f"The stack {into.name} is production, whose data no drill replaces.",
            "name another stack, such as --into staging; docs/runbooks/loss.md brings production back.",
        )
    if into.name == source.name or platform.name == source.settings.platform.name:
        raise Failure(
            f"The backups are of the stack {source.name}, and {into.name} is that platform too.",
            "name another stack with --into.",
        )
    disposable = [name for name, one in into.settings.databases.items() if one.disposable]
    chosen = tuple(
        name for name in disposable if name in source.settings.databases and store in {"all", name}
    )
    if not chosen:
        what = "no database that" if store == "all" else f"no database {store} that"
        raise Failure(
            f"The stack {into.name} has {what} a drill may replace and that {source.name} backs up.",
            f"set `disposable: true` for a database of that name in Pulumi.{into.name}.yaml, if all in it "
            "may go.",
        )
    return chosen


def open_receiver(into: StackTarget, store: str, *, folder: Path, source_url: str) -> ReceivingServer:
    """
    Return the server that has a database of a stack, after the proof that it may be replaced.

    Args:
        into: The stack.
        store: The name of the database, as of `choose_receivers`.
        folder: See ReceivingServer.
        source_url: Address of the database that the backups are of.

    Raises:
        Failure: the addresses are not known, or nothing proves that the database may be replaced.
    """
    owner, application = _find_addresses(into, store)
    server = ReceivingServer(
        folder,
        stack=into.name,
        owner_url=into.reach_database(owner),
        application_url=application or owner,
        source_url=read_only_url(source_url) if source_url else "",
    )
    server.require_disposable()
    return server


def list_variables(store: str) -> tuple[str, str]:
    """Return the variables with a database's addresses for its owner and for the application."""
    prefix = f"BULWARK_INTO_{store.upper().replace('-', '_')}"
    return f"{prefix}_OWNER_URL", f"{prefix}_APPLICATION_URL"


def _find_addresses(into: StackTarget, store: str) -> tuple[str, str]:
    """Return the addresses of the owner and of the application: those of the environment, or the stack's."""
    variables = list_variables(store)
    owner, application = (os.environ.get(name, "") for name in variables)
    if owner:
        return owner, application
    if not isinstance(into.settings.databases[store], NeonSettings):
        raise Failure(
            f"The stack {into.name} does not know the owner's address of {store}.",
            f"set {variables[0]} and, if the application has a role of its own, {variables[1]}.",
        )
    # A job that drills has no state of the other stack: it has the addresses of this one database.
    into.prepare(PrintableConsole(stderr=True), runs_program=False)
    from engine import session  # noqa: PLC0415 - pulumi's SDK takes half a second

    urls = session.outputs(into).get("database_urls", {}).get(store)
    if not urls:
        raise Failure(
            f"The stack {into.name} is not deployed, or its state is not known here.",
            f"deploy it, or set {' and '.join(variables)}.",
        )
    return urls["owner"], urls["application"]
