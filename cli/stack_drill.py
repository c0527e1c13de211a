"""A session of drills of one stack: its credentials, specification and clean-up."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cli.drill_facts import drill_objectives
from cli.drill_session import DrillSession, open_drill_folder, temporary_files_in
from cli.recovery_context import export_state, open_context
from components.secrets import variable
from components.settings import PROJECT as PLATFORM
from components.settings import Settings
from engine import session
from engine.drill_stack import PROJECT, PulumiEnvironment
from engine.rebuilt_stack import FileBackend
from engine.role_credentials import require_role
from engine.stack_target import StackTarget
from recovery.context import VaultName
from recovery.drill import state
from recovery.drill.evidence import Scenario, StackLocation
from recovery.drill.neon_account import NeonAccount
from recovery.drill.safety import age_of
from recovery.drill.spec import Application, Assertion, DrillSpec
from recovery.drill.validation import DrillContext
from recovery.state import read_deployment_time
from toolchain.engine import VERSION

_KEY: Final = "neon_api_key"


@dataclass(frozen=True)
class StackDrillSession(DrillSession):
    """A stack and the throw-away stacks of its drills."""

    environment: PulumiEnvironment
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
    def secrets(self) -> set[str]:
        return {self.environment.key}

    @property
    def engine_version(self) -> str:
        return VERSION

    def drill_state(self, context: DrillContext, backup: str | None) -> Scenario:
        return state.drill(
            FileBackend(self.target),
            self.context.primary,
            self.context.trust,
            self.environment.folder,
            objectives=context.spec.objectives,
            deployed_at=read_deployment_time(export_state(self.target).state),
            on_progress=context.on_progress,
            backup=backup,
        )

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
        longest = timedelta(minutes=self.target.settings.backups.drill.longest_run_minutes)
        return everything or not self.target.is_shared or age_of(name, datetime.now(UTC)) > longest


@contextmanager
def open_stack_session(
    target: StackTarget, *, unsandboxed: bool, identity: Path | None
) -> Generator[StackDrillSession]:
    """
    Open a stack for drilling; `unsandboxed` and `identity` are those of the command.

    Raises:
        Failure: another drill is at work on this machine, the stack is not deployed, or the credentials at
            AWS are of another role than the one that only reads.
    """
    with open_drill_folder(target.name) as folder:
        more: tuple[VaultName, ...] = ("elsewhere",) if identity else ()
        context = open_context(
            target,
            stores=("database",),
            vaults=("primary", "replica", *more),
            jobs=("drill",),
            identity=identity,
            needs_outputs=True,
        )
        # Whatever goes wrong in a drill, it then can neither write to a vault nor delete from it.
        require_role(target, "restorer")
        key, project = _neon_key(target), context.database_project
        account = NeonAccount(key, target.settings.database.organization, project, url=target.api_url("neon"))
        environment = PulumiEnvironment(target, folder, project=project, key=key, account=account)
        with temporary_files_in(environment.folder):
            yield StackDrillSession(
                context, environment, drill_spec(target.settings, unsandboxed=unsandboxed), target
            )


def _neon_key(target: StackTarget) -> str:
    """Return the key of Neon's API that the stack is deployed with."""
    if key := os.environ.get(variable(_KEY)):
        return key
    with session.explain_errors():
        return session.select(target, runs_program=False).get_config(f"{PLATFORM}:{_KEY}").value


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
