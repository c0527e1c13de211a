"""What a drill is measured by, and what it asks of a recovered platform."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Objectives:
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
class Terms:
    """Every statement runs as the application role, and on the recovered copy alone."""

    objectives: Objectives
    application_role: str
    newest_change: str
    assertions: tuple[Assertion, ...]
    write: str
    application: Application
    files: str
    """Gives bucket, key, size and SHA-256 (hexadecimal digits, or NULL) of each file that a row refers to."""
