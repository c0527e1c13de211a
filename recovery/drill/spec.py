"""The specification of a drill: objectives, queries, the application; and what no drill covers."""

from dataclasses import dataclass
from typing import Final

from recovery.drill.evidence import ScenarioKind, UntestedScope


@dataclass(frozen=True)
class DrillObjectives:
    """Upper bounds in seconds."""

    recovery: float
    """Time from the declared incident until everything is verified."""

    critical: float
    """Time from the declared incident until the first query, and until the platform is healthy."""

    history_loss: float
    """Age of the newest recovered change if the database's history is available."""

    vault_loss: float
    """Age of the newest recovered change if only the vaults are left."""


@dataclass(frozen=True)
class Assertion:
    """A query that returns one value, and the expected value as text."""

    name: str
    sql: str
    expected: str


@dataclass(frozen=True)
class Application:
    """The platform's program; `{port}` in the command and the health URL is replaced by a port."""

    command: tuple[str, ...]
    health: str
    database_variable: str
    ready_within_seconds: float
    is_unsandboxed: bool = False
    """Whether it runs as the caller's user, with all that this user may reach."""


@dataclass(frozen=True)
class DrillSpec:
    """Objectives and tests. Every statement runs on the recovered database, as the application role."""

    objectives: DrillObjectives
    application_role: str
    """Empty: every statement runs as the owner."""

    newest_change: str
    """Query for the time of the newest change. Empty: the loss counts from the backup's snapshot."""

    assertions: tuple[Assertion, ...]
    write: str
    """Statement that writes rows; it is rolled back. Empty: there is none."""

    application: Application | None
    """None: no program is started, and a health can't be measured."""

    files: str
    """
    Query for bucket, key, size and SHA-256 (in hexadecimal, or NULL) of each file that a row refers to.

    Empty: restored files are compared with their backup alone.
    """


_TRAFFIC: Final = UntestedScope(
    what="the platform's own deployment, under load",
    why="its program is started on the machine that drills, and asked for its health alone",
)
_ADDRESS: Final = UntestedScope(
    what="giving the platform the new database's address",
    why="a drill changes nothing that the platform runs on",
)
NOT_COVERED: Final[dict[ScenarioKind, tuple[UntestedScope, ...]]] = {
    "corruption": (
        _TRAFFIC,
        UntestedScope(
            what="setting the platform's own branch back",
            why="a drill recovers beside it; docs/runbooks/corruption.md has the step",
        ),
    ),
    "loss": (_TRAFFIC, _ADDRESS),
    "replica": (
        _TRAFFIC,
        _ADDRESS,
        UntestedScope(
            what="that the primary vault can't be reached",
            why="it is there, and was not asked for anything of the backup",
        ),
    ),
    "elsewhere": (
        _TRAFFIC,
        _ADDRESS,
        UntestedScope(
            what="that both vaults can't be reached",
            why="they are there, and were not asked for anything of the backup",
        ),
    ),
    "files": (
        UntestedScope(
            what="uploading the files to their vendor",
            why="a drill writes to no bucket of the platform; docs/runbooks/files.md has the step",
        ),
    ),
    "state": (
        UntestedScope(
            what="an update with the rebuilt stack",
            why="it would act on what the platform runs on; the preview shows that it has nothing to do",
        ),
    ),
    "credentials": (
        UntestedScope(
            what="the vendors' own accounts: passwords, support staff, billing",
            why="no call of an API stands for them",
        ),
    ),
    "service": (
        UntestedScope(
            what="people: who answers the page, and how fast they decide",
            why="the rollback follows the page at once",
        ),
        UntestedScope(
            what="production itself",
            why="the drill takes a service down, and never runs there",
        ),
    ),
}
