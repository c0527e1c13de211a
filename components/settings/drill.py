"""What a drill checks in a recovered database: statements and a program that only its team knows."""

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from components.settings.model import NeonOrganization, Positive, SettingsModel

BRANCH_KEY: Final = "BULWARK_DRILL_BRANCH_KEY"
"""Variable with the key of Neon's API with which a drill's job makes branches: of the platform's project
alone."""

PROJECT_KEY: Final = "BULWARK_DRILL_PROJECT_KEY"
"""The same for projects: of the drills' organization."""


def name_keys(store: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the variables of a database's keys for branches and for projects: its own, and that of all."""
    suffix = store.upper().replace("-", "_")
    return (f"{BRANCH_KEY}_{suffix}", BRANCH_KEY), (f"{PROJECT_KEY}_{suffix}", PROJECT_KEY)


Query = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
"""One SQL statement; it runs as the application role, on the recovered copy alone."""


class AssertionSettings(SettingsModel):
    """One condition that recovered data must meet."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    sql: Query
    """A statement that returns one row with one value."""

    expected: str | int | bool
    """The expected value; numbers and texts are compared as texts."""


class ApplicationSettings(SettingsModel):
    """The platform's own program, started against the recovered database."""

    command: Annotated[tuple[str, ...], Field(min_length=1)]
    """Program and arguments, without a shell; `{port}` stands for a free port on this machine."""

    health: Annotated[str, StringConstraints(pattern=r"^http://127\.0\.0\.1:\{port\}/.*$")]
    """Answers 200 when the platform works, such as http://127.0.0.1:{port}/health."""

    database_variable: Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]*$")] = "DATABASE_URL"
    """The environment variable that holds the address of the program's database."""

    ready_within_seconds: Positive = 120


class DatabaseDrill(SettingsModel):
    """The drill of a database."""

    newest_change: Query
    """A statement that returns the time of the newest change in the data, from which the loss is computed."""

    assertions: Annotated[tuple[AssertionSettings, ...], Field(min_length=1)]
    write: Query
    """A statement that writes at least one row; it is rolled back."""

    application: ApplicationSettings | None = None
    """Without a program a drill does not measure when the platform is healthy."""

    files: dict[str, Query] = Field(default_factory=dict)
    """
    Store of files -> a statement that returns the rows which refer to its files: bucket, key, size in bytes,
    SHA-256 as hexadecimal digits (or NULL).
    """

    organization: NeonOrganization | None = None
    """
    Organization at Neon that drills make their projects in; by default the database's own. A key of another
    one can't reach the platform's project.
    """


def rules(drill: DatabaseDrill) -> list[tuple[str, str]]:
    """Return the problems of a drill as a whole."""
    names = [assertion.name for assertion in drill.assertions]
    return [("assertions", "two of them have one name")] if len(set(names)) < len(names) else []
