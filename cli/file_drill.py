"""A session of drills by a recovery file: they recover into a server and a folder of this machine."""

from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_urlsafe
from typing import Final, NoReturn
from urllib.parse import urlsplit

from psycopg import sql

from cli.drill_session import (
    DrilledStore,
    DrillSession,
    list_files,
    open_drill_folder,
    temporary_files_in,
)
from cli.recovery_context import open_context
from cli.recovery_source import DocumentedSource
from cli.servers import is_scratch_server_left, scratch_server
from cli.socket_relay import relay_socket
from core.failure import Failure
from recovery.context import RecoveryContext, VaultName, require_vault
from recovery.drill import smoke_tests
from recovery.drill.environment import RecoveredDatabase
from recovery.drill.evidence import Scenario, ScenarioKind, StackLocation, TeardownResult
from recovery.drill.scenario_run import OnProgress
from recovery.drill.spec import Application, Assertion, DrillObjectives, DrillSpec
from recovery.drill.validation import DrillContext
from recovery.manifest import ServerInfo
from recovery.manifests import find_stores
from recovery.postgres.connection import connect, parse_url
from recovery.postgres.globals import Globals
from recovery.recovery_file import DrillTests, PostgresStore, RecoveryObjectives
from recovery.recovery_file_context import open_named_store
from recovery.store import Store

_VAULTS: Final[dict[ScenarioKind, VaultName]] = {
    "loss": "primary",
    "files": "primary",
    "replica": "replica",
    "elsewhere": "elsewhere",
}
"""Scenario that needs no stack -> the only vault that it reads."""


class LocalEnvironment:
    """Implements `recovery.drill.environment.DrillEnvironment` by a server of this machine."""

    def __init__(self, folder: Path, application_role: str, *, unsandboxed: bool) -> None:
        """Make the folder of the drill's files. Without a role the application connects as the owner."""
        self.folder = folder / "files"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.scope = str(folder)
        self._application_role = application_role
        self._unsandboxed = unsandboxed

    def prepare_branch(self, name: str) -> AbstractContextManager[Callable[[datetime], RecoveredDatabase]]:
        """Raise Failure: a recovery file names no history that could be branched."""
        del name
        _require_stack("A branch of the database's history")

    @contextmanager
    def create_database(
        self, name: str, server: ServerInfo, source_globals: Globals
    ) -> Generator[RecoveredDatabase]:
        with scratch_server(server, source_globals.extensions, unsandboxed=self._unsandboxed) as local:
            login = _create_login(local.url, self._application_role) if self._application_role else local.url
            with _relay(login) as application_url:
                yield RecoveredDatabase(
                    name, "", local.url, application_url, needs_placeholder_roles=True, notes=local.notes
                )

    def check_removed(self, name: str) -> tuple[TeardownResult, ...]:
        is_left = is_scratch_server_left()
        running = smoke_tests.find_leftover_processes(self.scope)
        files = list_files(self.folder)
        checks = (
            ("database", is_left, f"the server's folder is {'there' if is_left else 'gone'}"),
            ("platform's process", bool(running), f"{len(running)} processes of the drill run"),
            ("restored files", bool(files), f"{len(files)} files are in the drill's folder"),
        )
        return tuple(
            TeardownResult(name=name, kind=kind, gone=not left, proof=proof) for kind, left, proof in checks
        )


@dataclass(frozen=True)
class FileDrillSession(DrillSession):
    """What a recovery file names."""

    source: DocumentedSource

    @property
    def place(self) -> StackLocation:
        return "file"

    @property
    def platform_environment(self) -> str:
        return self.source.content.environment

    @property
    def takes_first_backups(self) -> bool:
        return False

    def drill_state(self, context: DrillContext, backup: str | None) -> Scenario:
        del context, backup
        _require_stack("The state")

    def drill_credentials(self, context: DrillContext, *, unsandboxed: bool) -> Scenario:
        del context, unsandboxed
        _require_stack("The drill of credentials")

    def drill_services(self, on_progress: OnProgress, *, service: str, deployment: str) -> Iterator[Scenario]:
        del on_progress, service, deployment
        _require_stack("The drill of a service")

    def _remove_elsewhere(self, *, everything: bool) -> Iterator[str]:
        """Remove nothing: the next server of a drill replaces the one that an interrupted drill has left."""
        del everything
        yield from ()


def choose_scenarios(source: DocumentedSource) -> tuple[ScenarioKind, ...]:
    """Return the scenarios that a recovery file has the stores and vaults for."""
    kinds, vaults = {store.kind for store in source.content.named_stores}, source.content.vaults
    names: list[ScenarioKind] = ["loss"] if vaults.primary and ("database" in kinds or not kinds) else []
    if names and vaults.replica:
        names.append("replica")
    return (*names, *(("files",) if "files" in kinds else ()))


@contextmanager
def open_file_session(
    source: DocumentedSource,
    scenarios: Collection[ScenarioKind],
    *,
    unsandboxed: bool,
    identity: Path | None,
) -> Generator[FileDrillSession]:
    """
    Open what a recovery file names for drilling; `unsandboxed` and `identity` are those of the command.

    Raises:
        Failure: a scenario needs a stack, another drill is at work on this machine, or what the recovery file
            names can't be opened.
    """
    if unknown := [kind for kind in scenarios if kind not in _VAULTS]:
        _require_stack(f"The drill {unknown[0]}")
    with open_drill_folder(f"file-{source.name}") as folder:
        vaults: set[VaultName] = {_VAULTS[kind] for kind in scenarios}
        context = open_context(source, vaults=vaults, jobs=("drill",), identity=identity)
        known = source.content.named_stores or tuple(
            dict.fromkeys(
                found for name in vaults for found in find_stores(require_vault(context.vaults, name))
            )
        )
        environment = LocalEnvironment(folder, "", unsandboxed=unsandboxed)
        stores = [_drilled_store(source, context, one, folder, unsandboxed=unsandboxed) for one in known]
        with temporary_files_in(environment.folder):
            yield FileDrillSession(context, environment, tuple(stores), source)


def _drilled_store(
    source: DocumentedSource, context: RecoveryContext, store: Store, folder: Path, *, unsandboxed: bool
) -> DrilledStore:
    file = source.content
    context = open_named_store(context, file, source.place, store.name, is_read=False)
    named = file.stores.get(store.name)
    tests = named.drill if isinstance(named, PostgresStore) else DrillTests()
    spec = _drill_spec(tests, documented_objectives(file.objectives_of(store.name)), unsandboxed=unsandboxed)
    environment = LocalEnvironment(folder, spec.application_role, unsandboxed=unsandboxed)
    # No vendor's history limits what is drawn at random.
    return DrilledStore(store, spec, environment, context.database_url, timedelta(days=36_525))


def documented_objectives(objectives: RecoveryObjectives) -> DrillObjectives:
    """Return the objectives that drills by a recovery file are measured by; it names no history."""
    return DrillObjectives(
        recovery=objectives.recovery_time_minutes * 60,
        critical=objectives.critical_recovery_time_minutes * 60,
        history_loss=objectives.independent_recovery_point_hours * 3600,
        vault_loss=objectives.independent_recovery_point_hours * 3600,
    )


def _drill_spec(tests: DrillTests, objectives: DrillObjectives, *, unsandboxed: bool) -> DrillSpec:
    application = tests.application
    return DrillSpec(
        objectives=objectives,
        application_role=tests.application_role or "",
        newest_change=tests.newest_change or "",
        assertions=tuple(
            Assertion(one.name, one.sql, str(one.expected).lower())
            if isinstance(one.expected, bool)
            else Assertion(one.name, one.sql, str(one.expected))
            for one in tests.assertions
        ),
        write=tests.write or "",
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


def _create_login(owner_url: str, role: str) -> str:
    """Create the role that the application connects as, and return its URL. The dump gives it its rights."""
    password = token_urlsafe()
    with connect(owner_url) as connection:
        digest = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(role), sql.Literal(digest.decode())
            )
        )
    parts = urlsplit(owner_url)
    return parts._replace(netloc=f"{role}:{password}@{parts.netloc.rpartition('@')[2]}").geturl()


@contextmanager
def _relay(url: str) -> Generator[str]:
    """Give an address over TCP for that of a private socket, which the platform's program can't enter."""
    parts, parameters = urlsplit(url), parse_url(url)
    socket = Path(parameters["host"], f".s.PGSQL.{parameters['port']}")
    user = parts.netloc.rpartition("@")[0]
    with relay_socket(socket) as port:
        yield f"postgresql://{user}@127.0.0.1:{port}{parts.path}?sslmode=disable"


def _require_stack(what: str) -> NoReturn:
    raise Failure(
        f"{what} needs a stack, and a recovery file is used without one.",
        "name the stack (--stack), or drill loss, replica, elsewhere or files.",
    )
