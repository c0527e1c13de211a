"""A stack's settings in the drill's own terms."""

from components.settings import Settings
from recovery.drill.terms import Application, Assertion, Objectives, Terms


def terms(settings: Settings) -> Terms:
    objectives, drill = settings.platform.objectives, settings.drill
    return Terms(
        objectives=Objectives(
            recovery=objectives.recovery_time_minutes * 60,
            critical=objectives.critical_recovery_time_minutes * 60,
            history_loss=objectives.recovery_point_minutes * 60,
            vault_loss=objectives.independent_recovery_point_hours * 3600,
        ),
        application_role=settings.database.application_role,
        newest_change=drill.newest_change,
        assertions=tuple(Assertion(one.name, one.sql, _text(one.expected)) for one in drill.assertions),
        write=drill.write,
        application=Application(
            command=drill.application.command,
            health=drill.application.health,
            database_variable=drill.application.database_variable,
            ready_within_seconds=drill.application.ready_within_seconds,
        ),
        files=drill.files.sql,
    )


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
