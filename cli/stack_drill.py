"""A session of drills of one stack: its credentials, specification and clean-up."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, TypeVar

from cli.drill_facts import drill_objectives
from cli.drill_session import DrilledStore, DrillSession, open_drill_folder, temporary_files_in
from cli.file_drill import LocalEnvironment
from cli.recovery_context import DocumentedStack, export_state, open_context, open_stores
from components.settings import Settings
from components.settings.drill import BRANCH_KEY, PROJECT_KEY
from core.failure import Failure
from engine.drill_stack import PROJECT, PulumiEnvironment
from engine.rebuilt_stack import FileBackend
from engine.role_credentials import require_role
from engine.stack_target import StackTarget
from recovery.context import VaultName
from recovery.drill import state
from recovery.drill.evidence import Scenario, StackLocation
from recovery.drill.neon_account import NeonAccount, NeonKeys
from recovery.drill.safety import age_of
from recovery.drill.spec import Application, Assertion, DrillSpec
from recovery.drill.validation import DrillContext
from recovery.state import read_deployment_time
from recovery.store import STACK_DATABASE, STACK_STORES
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
    def history(self) -> timedelta:
        return timedelta(hours=self.target.settings.database.history_retention_hours)

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

    def _remove_elsewhere(self, *, everything: bool) -> Iterator[str]:
        """Remove nothing: the state is rebuilt in the drill's folder."""
        del everything
        yield from ()


@dataclass(frozen=True)
class SimulatedDrillSession(StateDrillSession):
    """A stack at the vendors whose credentials are drilled: nothing is made there, and no backup is read."""

    @property
    def takes_first_backups(self) -> bool:
        return False


@dataclass(frozen=True)
class StackDrillSession(StateDrillSession):
    """A stack and the throw-away stacks of its drills."""

    environment: PulumiEnvironment

    @property
    def secrets(self) -> set[str]:
        return {self.environment.keys.branches, self.environment.keys.projects}

    def _remove_elsewhere(self, *, everything: bool) -> Iterator[str]:
        for name in self.environment.list_stacks():
            if self._is_over(name, everything=everything):
                yield f"stack {name}"
                self.environment.take_down(name)
        self.target.remove_traces(PROJECT)
        # A vendor would finish what it was still creating for an engine that is gone.
        self.target.remove_unfinished()
        for found in self.environment.account.list_objects():
            if self._is_over(found.name, everything=everything):
                yield f"{found.kind} {found.name}"
                self.environment.account.remove(found)

    def _is_over(self, name: str, *, everything: bool) -> bool:
        longest = timedelta(minutes=self.target.settings.vaults.drill.longest_run_minutes)
        return everything or not self.target.is_shared or age_of(name, datetime.now(UTC)) > longest


@contextmanager
def open_stack_session(
    source: StackTarget | DocumentedStack, *, unsandboxed: bool, identity: Path | None
) -> Generator[StackDrillSession]:
    """
    Open a stack for drilling; `unsandboxed` and `identity` are those of the command.

    With the document of the role that drills nothing is read of the stack's state.

    Raises:
        Failure: another drill is at work on this machine, the stack is not deployed, the credentials at AWS
            are of another role than the one that drills, or there is no key of Neon's API.
    """
    target = source.target if isinstance(source, DocumentedStack) else source
    with open_drill_folder(target.name) as folder:
        more: tuple[VaultName, ...] = ("elsewhere",) if identity else ()
        context = open_stores(
            source,
            [STACK_DATABASE],
            role="driller",
            vaults=("primary", "replica", *more),
            jobs=("drill",),
            identity=identity,
            is_read=True,
        )[STACK_DATABASE]
        # Whatever goes wrong in a drill, it then can neither write to a vault nor delete from it.
        require_role(target, "driller")
        keys, project = _find_keys(source), context.database_project
        if not project:
            raise Failure(
                "The document does not name the project of the database at Neon.",
                "name the driller's: --recovery.",
            )
        account = NeonAccount(keys, target.settings.drill_organization, project, url=target.api_url("neon"))
        environment = PulumiEnvironment(
            target,
            folder,
            project=project,
            keys=keys,
            account=account,
            # The role that drills is not let into the backend at the vendors.
            has_own_backend=target.is_shared or source is not target,
        )
        with temporary_files_in(environment.folder):
            spec = drill_spec(target.settings, unsandboxed=unsandboxed)
            stores = [DrilledStore(one, spec, environment, context.database_url) for one in STACK_STORES]
            yield StackDrillSession(context, environment, tuple(stores), target)


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
    with open_drill_folder(target.name) as folder:
        context = open_context(target, role=role, vaults=("primary",))
        require_role(target, role)
        environment = LocalEnvironment(folder, "", unsandboxed=unsandboxed)
        with temporary_files_in(environment.folder):
            spec = drill_spec(target.settings, unsandboxed=unsandboxed)
            stores = [DrilledStore(one, spec, environment) for one in STACK_STORES]
            yield kind(context, environment, tuple(stores), target)


def _find_keys(source: StackTarget | DocumentedStack) -> NeonKeys:
    """Return the keys of Neon's API: those of drills, or else the one that the stack is deployed with."""
    target = source.target if isinstance(source, DocumentedStack) else source
    if keys := target.drill_keys():
        return keys
    if isinstance(source, DocumentedStack):
        raise Failure(
            f"There are no keys of Neon's API in {BRANCH_KEY} and {PROJECT_KEY}.",
            "set both; docs/production.md says which keys.",
        )
    if not (key := os.environ.get(_TOKEN)):
        raise Failure(
            f"There are no keys of Neon's API in {BRANCH_KEY} and {PROJECT_KEY}, and none in {_TOKEN}.",
            "set both, or the one; docs/production.md says which keys.",
        )
    return NeonKeys(key, key)


def drill_spec(settings: Settings, *, unsandboxed: bool) -> DrillSpec:
    """Return the specification of a stack's drills from its settings."""
    drill = settings.drill
    return DrillSpec(
        objectives=drill_objectives(settings),
        application_role=settings.database.application_role,
        newest_change=drill.newest_change,
        assertions=tuple(
            Assertion(assertion.name, assertion.sql, _text(assertion.expected))
            for assertion in drill.assertions
        ),
        write=drill.write,
        application=Application(
            command=drill.application.command,
            health=drill.application.health,
            database_variable=drill.application.database_variable,
            ready_within_seconds=drill.application.ready_within_seconds,
            is_unsandboxed=unsandboxed,
        ),
        files=drill.files.sql,
    )


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
