"""What a drill is measured by, and what it asks of a recovered platform."""

from dataclasses import dataclass
from typing import Final

from recovery.drill.evidence import ScenarioKind, Untested


@dataclass(frozen=True)
class DrillObjectives:
    """Seconds, each."""

    recovery: float
    """From the declared incident until everything is verified."""

    critical: float
    """Until the first query and the platform's health are answered."""

    history_loss: float
    """What may be lost where the database's own history is there."""

    vault_loss: float
    """What may be lost where only the vaults are left."""


@dataclass(frozen=True)
class Assertion:
    """A query of one value, and that value as text."""

    name: str
    sql: str
    expected: str


@dataclass(frozen=True)
class Application:
    """The platform's own program; `{port}` in it stands for a port."""

    command: tuple[str, ...]
    health: str
    database_variable: str
    ready_within_seconds: float


@dataclass(frozen=True)
class DrillSpec:
    """Every statement runs as the application role, and on the recovered copy alone."""

    objectives: DrillObjectives
    application_role: str
    newest_change: str
    assertions: tuple[Assertion, ...]
    write: str
    application: Application
    files: str
    """Gives bucket, key, size and SHA-256 (hexadecimal digits, or NULL) of each file that a row refers to."""


_TRAFFIC: Final = Untested(
    what="the platform's own deployment, under load",
    why="its program is started on the machine that drills, and asked for its health alone",
)
_ADDRESS: Final = Untested(
    what="giving the platform the new database's address",
    why="a drill changes nothing that the platform runs on",
)
LIMITS: Final[dict[ScenarioKind, tuple[Untested, ...]]] = {
    "corruption": (
        _TRAFFIC,
        Untested(
            what="setting the platform's own branch back",
            why="a drill recovers beside it; docs/runbooks/corruption.md has the step",
        ),
    ),
    "loss": (_TRAFFIC, _ADDRESS),
    "replica": (
        _TRAFFIC,
        _ADDRESS,
        Untested(
            what="that the primary vault can't be reached",
            why="it is there, and was not asked for anything of the backup",
        ),
    ),
    "files": (
        Untested(
            what="uploading the files to their vendor",
            why="a drill writes to no bucket of the platform; docs/runbooks/files.md has the step",
        ),
    ),
    "state": (
        Untested(
            what="an update with the rebuilt stack",
            why="it would act on what the platform runs on; the preview shows that it has nothing to do",
        ),
    ),
}
