"""What a drill asks of a recovered platform: the questions only its own people know."""

from typing import Annotated

from pydantic import Field, StringConstraints

from components.settings.model import Positive, SettingsModel

Query = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
"""One SQL statement; it runs as the application role, on the recovered copy alone."""


class AssertionSettings(SettingsModel):
    """One thing that must be true of recovered data."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    sql: Query
    """Gives one row with one value."""

    expected: str | int | bool
    """What it gives; numbers and texts are compared as texts."""


class ApplicationSettings(SettingsModel):
    """The platform's own program, started against the recovered database."""

    command: Annotated[tuple[str, ...], Field(min_length=1)]
    """Program and arguments, without a shell; `{port}` stands for a free port on this machine."""

    health: Annotated[str, StringConstraints(pattern=r"^http://127\.0\.0\.1:\{port\}/.*$")]
    """Answers 200 when the platform works, such as http://127.0.0.1:{port}/health."""

    database_variable: Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]*$")] = "DATABASE_URL"
    """The environment variable that the program finds its database in."""

    ready_within_seconds: Positive = 120


class FileReferences(SettingsModel):
    """Which rows name which object files."""

    sql: Query
    """Gives a row for each file: bucket, key, size in bytes, SHA-256 as hexadecimal digits (or NULL)."""


class DrillSettings(SettingsModel):
    """The block `bulwark:drill`."""

    newest_change: Query
    """Gives the time of the newest change that the data knows of; it tells how much was lost."""

    assertions: Annotated[tuple[AssertionSettings, ...], Field(min_length=1)]
    write: Query
    """A statement that writes at least one row; it is rolled back."""

    application: ApplicationSettings
    files: FileReferences


def rules(drill: DrillSettings) -> list[tuple[str, str]]:
    """Judge the block as a whole."""
    names = [assertion.name for assertion in drill.assertions]
    return [("assertions", "two of them have one name")] if len(set(names)) < len(names) else []
