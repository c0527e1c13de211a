"""A session of drills of one stack: its credentials, specification and clean-up."""

import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, TypeVar

from cli.drill_facts import drill_objectives
from cli.drill_session import DrilledStore, DrillSession, open_drill_folder, temporary_files_in
from cli.file_drill import LocalEnvironment
from cli.receiving_stack import choose_receivers, open_receiver
from cli.recovery_context import export_state, open_context, open_stores
from cli.recovery_source import DocumentedStack
from cli.response_journal import open_journal
from components.settings import NeonSettings, Settings
from components.settings.drill import name_keys
from core.failure import Failure
from engine.drill_stack import PROJECT, PulumiEnvironment, drill_organization
from engine.rebuilt_stack import FileBackend
from engine.role_credentials import require_role
from engine.stack_stores import list_stores
from engine.stack_target import StackTarget
from recovery.context import RecoveryContext, VaultName
from recovery.drill import state
from recovery.drill.bad_deployment import OUTAGE_NOTES
from recovery.drill.evidence import Scenario, StackLocation
from recovery.drill.neon_account import NeonAccount, NeonKeys
from recovery.drill.receiving_server import ReceivingServer
from recovery.drill.safety import age_of
from recovery.drill.scenario_run import OnProgress
from recovery.drill.spec import Application, Assertion, DrillSpec
from recovery.drill.validation import DrillContext
from recovery.state import read_deployment_time
from recovery.store import Store
from toolchain.engine import VERSION

_TOKEN: Final = "NEON_API_KEY"  # noqa: S105 - the name of a variable


_Session = TypeVar("_Session", bound="StateDrillSession")


@dataclass(frozen=True)
class StateDrillSession(DrillSession):
    """A stack whose state is drilled. It recovers into a folder of this machine."""

    target: StackTarget

    @property
    def place(self) -> StackLocation:
        return self.target.location

    @property
    def platform_environment(self) -> str:
        return self.target.settings.platform.environment

    @property
    def takes_first_backups(self) -> bool:
        return not self.target.is_shared

    @property
    def engine_version(self) -> str:
        return VERSION

    def drill_state(self, context: DrillContext, backup: str | None) -> Scenario:
        # The role that drills the other stores may not read the state.
        opened = open_context(self.target, role="state-driller", vaults=("primary",))
        return state.drill(
            FileBackend(self.target),
            opened.primary,
            opened.trust,
            self.environment.folder,
            objectives=context.spec.objectives,
            deployed_at=read_deployment_time(export_state(self.target).state),
            on_progress=context.on_progress,
            backup=backup,
        )

    def drill_credentials(self, context: DrillContext, *, unsandboxed: bool) -> Scenario:
        from cli.credentials_drill import drill_credentials  # noqa: PLC0415 - boto3 takes a second

        return drill_credentials(self.target, self.context, context, unsandboxed=unsandboxed)

    def drill_services(self, on_progress: OnProgress, *, service: str, deployment: str) -> Iterator[Scenario]:
        from cli.service_drill import drill_services  # noqa: PLC0415 - as above

        return drill_services(
            self.target,
            self.environment.folder,
            service=service,
            deployment=deployment,
            journal=open_journal(self.target),
            on_progress=on_progress,
        )

    def _remove_elsewhere(self, *, everything: bool) -> Iterator[str]:
        """Put the services back that the drill of a service took down; nothing else is elsewhere."""
        del everything
        if not any(self.environment.folder.glob(OUTAGE_NOTES)):
            return
        from cli.service_drill import put_back  # noqa: PLC0415 - as above

        yield from put_back(self.target, self.environment.folder, open_journal(self.target))


@dataclass(frozen=True)
class SimulatedDrillSession(StateDrillSession):
    """A stack at the vendors whose credentials are drilled: nothing is made there, and no backup is read."""

    @property
    def takes_first_backups(self) -> bool:
        return False


@dataclass(frozen=True)
class StackDrillSession(StateDrillSession):
    """A stack and the throw-away stacks of its drills."""

    databases: tuple[PulumiEnvironment, ...]
    """One for each database at Neon."""

    receivers: tuple[ReceivingServer, ...] = ()
    """One for each database of another stack that is replaced."""

    @property
    def secrets(self) -> set[str]:
        keys = {key for one in self.databases for key in (one.keys.branches, one.keys.projects)}
        return keys.union(*(server.secrets for server in self.receivers))

    def _remove_elsewhere(self, *, everything: bool) -> Iterator[str]:
        yield from super()._remove_elsewhere(everything=everything)
        # The stacks of all databases are in one backend.
        for environment in self.databases[:1]:
            for name in environment.list_stacks():
                if self._is_over(name, everything=everything):
                    yield f"stack {name}"
                    environment.take_down(name)
        self.target.remove_traces(PROJECT)
        # A vendor would finish what it was still creating for an engine that is gone.
        self.target.remove_unfinished()
        for environment in self.databases:
            for found in environment.account.list_objects():
                if self._is_over(found.name, everything=everything):
                    yield f"{found.kind} {found.name}"
                    environment.account.remove(found)
        for server in self.receivers:
            for name in server.list_databases():
                if self._is_over(name, everything=everything):
                    yield f"database {name}"
                    server.remove(name)

    def _is_over(self, name: str, *, everything: bool) -> bool:
        longest = timedelta(minutes=self.target.settings.vaults.drill.longest_run_minutes)
        return everything or not self.target.is_shared or age_of(name, datetime.now(UTC)) > longest


@contextmanager
def open_stack_session(
    source: StackTarget | DocumentedStack,
    *,
    unsandboxed: bool,
    identity: Path | None,
    into: StackTarget | None = None,
    store: str = "all",
) -> Generator[StackDrillSession]:
    """
    Open a stack for drilling; `unsandboxed`, `identity` and `store` are those of the command.

    With the document of the role that drills nothing is read of the stack's state. With `into` nothing is
    made at a vendor: the databases of that stack are replaced, and only those of the same names are drilled.

    Raises:
        Failure: another drill is at work on this machine, the stack is not deployed, the credentials at AWS
            are of another role than the one that drills, there is no key of Neon's API, or nothing proves
            that what is in the other stack may be replaced.
    """
    target = source.target if isinstance(source, DocumentedStack) else source
    names = choose_receivers(into, target, store) if into else tuple(target.settings.databases)
    with open_drill_folder(target.name, is_on_twin=not target.is_shared) as folder:
        more: tuple[VaultName, ...] = ("elsewhere",) if identity else ()
        opened = open_stores(
            source,
            [Store("database", name) for name in names],
            role="driller",
            vaults=("primary", "replica", *more),
            jobs=("drill",),
            identity=identity,
            is_read=True,
        )
        # Whatever goes wrong in a drill, it then can neither write to a vault nor delete from it.
        require_role(target, "driller")
        databases = {
            store.name: _open_database(source, context, folder, unsandboxed=unsandboxed, into=into)
            for store, context in opened.items()
        }
        local = LocalEnvironment(folder, "", unsandboxed=unsandboxed)
        context = next(iter(opened.values()), None) or open_context(
            source, role="driller", vaults=("primary", "replica", *more), jobs=("drill",), identity=identity
        )
        environments = [one.environment for one in databases.values()]
        with temporary_files_in(local.folder):
            others = [
                _drill_other(target.settings, store, databases, local, unsandboxed=unsandboxed)
                for store in list_stores(target.settings)
                if store.kind != "database"
            ]
            yield StackDrillSession(
                context,
                environments[0] if environments else local,
                (*databases.values(), *others),
                target,
                tuple(one for one in environments if isinstance(one, PulumiEnvironment)),
                tuple(one for one in environments if isinstance(one, ReceivingServer)),
            )


def _open_database(
    source: StackTarget | DocumentedStack,
    context: RecoveryContext,
    folder: Path,
    *,
    unsandboxed: bool,
    into: StackTarget | None,
) -> DrilledStore:
    """
    Return a database with what recovers it.

    That is Neon, where it is declared, a server of this machine or, with `into`, the other stack's server.
    """
    target = source.target if isinstance(source, DocumentedStack) else source
    store = Store("database", context.store)
    settings = target.settings.databases[context.store]
    spec = drill_spec(target.settings, context.store, unsandboxed=unsandboxed)
    if into:
        server = open_receiver(into, context.store, folder=folder, source_url=context.database_url)
        return DrilledStore(store, spec, server, context.database_url)
    if not isinstance(settings, NeonSettings):
        environment = LocalEnvironment(folder, spec.application_role, unsandboxed=unsandboxed)
        return DrilledStore(store, spec, environment, context.database_url)
    keys, project = _find_keys(source, context.store), context.database_project
    if not project:
        raise Failure(
            f"The document does not name the project of {store} at Neon.", "name the driller's: --recovery."
        )
    return DrilledStore(
        store,
        spec,
        PulumiEnvironment(
            target,
            folder,
            database=settings,
            project=project,
            keys=keys,
            account=NeonAccount(keys, drill_organization(settings), project, url=target.api_url("neon")),
            # The role that drills is not let into the backend at the vendors.
            has_own_backend=target.is_shared or source is not target,
        ),
        context.database_url,
        timedelta(hours=settings.history_retention_hours),
    )


def _drill_other(
    settings: Settings,
    store: Store,
    databases: Mapping[str, DrilledStore],
    local: LocalEnvironment,
    *,
    unsandboxed: bool,
) -> DrilledStore:
    """Return files with the database whose rows refer to them, if there is one, or the state."""
    for name, database in databases.items():
        drill = settings.databases[name].drill
        if drill and store.name in drill.files:
            objectives = drill_objectives(settings, store.name)
            spec = replace(database.spec, files=drill.files[store.name], objectives=objectives)
            return replace(database, store=store, spec=spec)
    return DrilledStore(store, drill_spec(settings, store.name, unsandboxed=unsandboxed), local)


@contextmanager
def open_state_session(target: StackTarget, *, unsandboxed: bool) -> Generator[StateDrillSession]:
    """
    Open a stack to drill its state alone, which takes no credentials of the database or of a vendor's API.

    Raises:
        Failure: another drill is at work on this machine, or the credentials at AWS are of another role than
            the one that drills the state.
    """
    with _open_local_session(StateDrillSession, target, "state-driller", unsandboxed=unsandboxed) as session:
        yield session


@contextmanager
def open_service_session(target: StackTarget) -> Generator[StateDrillSession]:
    """
    Open a stack to take its services down, which restores nothing and reads no backup.

    Raises:
        Failure: another drill is at work on this machine, or the credentials at AWS are of another role than
            the one that drills.
    """
    with _open_local_session(StateDrillSession, target, "driller", unsandboxed=False) as session:
        yield session


@contextmanager
def open_simulated_session(target: StackTarget) -> Generator[SimulatedDrillSession]:
    """
    Open a stack to simulate the calls of stolen credentials, by its settings alone.

    Raises:
        Failure: another drill is at work on this machine, or the credentials at AWS are of another role than
            the one that drills.
    """
    with _open_local_session(SimulatedDrillSession, target, "driller", unsandboxed=False) as session:
        yield session


@contextmanager
def _open_local_session(
    kind: type[_Session], target: StackTarget, role: Literal["driller", "state-driller"], *, unsandboxed: bool
) -> Generator[_Session]:
    """Open a stack as a role that drills it on this machine alone, by the primary vault."""
    with open_drill_folder(target.name, is_on_twin=not target.is_shared) as folder:
        context = open_context(target, role=role, vaults=("primary",))
        require_role(target, role)
        environment = LocalEnvironment(folder, "", unsandboxed=unsandboxed)
        with temporary_files_in(environment.folder):
            stores = [
                DrilledStore(one, drill_spec(target.settings, one.name, unsandboxed=unsandboxed), environment)
                for one in list_stores(target.settings)
            ]
            yield kind(context, environment, tuple(stores), target)


def _find_keys(source: StackTarget | DocumentedStack, store: str) -> NeonKeys:
    """
    Return the keys of Neon's API for a database.

    They are those of its drills, those of all drills, or else the one that the stack is deployed with.
    """
    target = source.target if isinstance(source, DocumentedStack) else source
    if keys := target.drill_keys(store):
        return keys
    (own_branch, branch), (own_project, project) = name_keys(store)
    missing = (
        f"There are no keys of Neon's API for drills of {store} in {branch} and {project}, or in "
        f"{own_branch} and {own_project}"
    )
    if isinstance(source, DocumentedStack):
        raise Failure(f"{missing}.", "set one of each; docs/production.md says which keys.")
    if not (key := os.environ.get(_TOKEN)):
        raise Failure(
            f"{missing}, and none in {_TOKEN}.",
            "set one of each, or the last one; docs/production.md says which keys.",
        )
    return NeonKeys(key, key)


def drill_spec(settings: Settings, store: str, *, unsandboxed: bool) -> DrillSpec:
    """Return the specification of the drills of a store; what is asked of the data is a database's alone."""
    database = settings.databases.get(store)
    drill = database.drill if database else None
    application = drill.application if drill else None
    return DrillSpec(
        objectives=drill_objectives(settings, store),
        application_role=(database and database.application_role) or "",
        newest_change=drill.newest_change if drill else "",
        assertions=tuple(
            Assertion(assertion.name, assertion.sql, _text(assertion.expected))
            for assertion in (drill.assertions if drill else ())
        ),
        write=drill.write if drill else "",
        application=Application(
            command=application.command,
            health=application.health,
            database_variable=application.database_variable,
            ready_within_seconds=application.ready_within_seconds,
            is_unsandboxed=unsandboxed,
        )
        if application
        else None,
        files="",
    )


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
