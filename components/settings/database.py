"""The database: a Neon project with history, roles and limits."""

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from components.settings.model import Name, NeonOrganization, Positive, SettingsModel

NEWEST_POSTGRESQL: Final = 18
"""Major version."""

NeonPlan = Literal["free", "launch", "scale"]

HISTORY_LIMIT_HOURS: dict[NeonPlan, int] = {"free": 6, "launch": 7 * 24, "scale": 30 * 24}
"""Longest history by plan (Neon, "Plans": instant restore window)."""

PROTECTED_BRANCHES: dict[NeonPlan, int] = {"free": 0, "launch": 2, "scale": 5}
"""Protected branches by plan (Neon, "Protected branches")."""

RoleName = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*$", max_length=63)]
"""PostgreSQL identifier that needs no quotes; 63 bytes is NAMEDATALEN - 1."""


class Compute(SettingsModel):
    """Autoscaling bounds of the default endpoint, in compute units (1 CU is 1 vCPU and 4 GB)."""

    minimum_units: Annotated[float, Field(ge=0.25, le=56)] = 0.25
    maximum_units: Annotated[float, Field(ge=0.25, le=56)] = 2
    suspend_after_seconds: Annotated[int, Field(ge=-1, le=604_800)] = 0
    """-1 never, 0 Neon's default (300 s); custom values need the scale plan."""


class Quota(SettingsModel):
    """Monthly limits; absent means unlimited (Neon can't set a limit back to unlimited, only raise it)."""

    compute_hours: Positive | None = None
    written_gigabytes: Positive | None = None
    transferred_gigabytes: Positive | None = None
    stored_gigabytes: Positive | None = None


class DatabaseSettings(SettingsModel):
    """What is declared of a database at Neon."""

    plan: NeonPlan
    """Neon's plan, which limits history and protection."""

    organization: NeonOrganization
    """Explicit, because a project whose organization changes is replaced (terraform-provider-neon #179)."""

    region: Annotated[str, StringConstraints(pattern=r"^(aws|azure)-[a-z0-9-]+$")]
    """Neon's region id, such as aws-eu-central-1. Changing it would replace the project."""

    postgres_version: Annotated[int, Field(ge=14, le=NEWEST_POSTGRESQL)] = 17
    """Changing it would replace the project."""

    project: Name
    """Display name of the Neon project."""

    database: RoleName
    """Name of the database in PostgreSQL."""

    owner_role: RoleName = "platform_owner"
    """Runs migrations and owns every object."""

    application_role: RoleName = "platform_app"
    """Reads and writes rows."""

    backup_role: RoleName = "platform_backup"
    """Reads everything, for dumps."""

    history_retention_hours: Positive
    """How far back a branch can reach; this is the first line of recovery."""

    protect_default_branch: bool = True
    """A protected branch can't be deleted or reset; needs a paid plan."""

    tls: Literal["verify-full", "disable"] = "verify-full"
    """sslmode of the connection strings handed out; `disable` is for the twin, whose server has no TLS."""

    compute: Compute = Field(default_factory=Compute)
    quota: Quota = Field(default_factory=Quota)


def rules(database: DatabaseSettings) -> list[tuple[str, str]]:
    """Return the problems of the block as a whole."""
    problems: list[tuple[str, str]] = []
    limit = HISTORY_LIMIT_HOURS[database.plan]
    if database.history_retention_hours > limit:
        problems.append(
            (
                "history_retention_hours",
                f"{database.history_retention_hours} h; the {database.plan} plan keeps at most {limit} h",
            )
        )
    if database.protect_default_branch and not PROTECTED_BRANCHES[database.plan]:
        problems.append(("protect_default_branch", "true; the free plan has no protected branches"))
    if database.compute.maximum_units < database.compute.minimum_units:
        problems.append(("compute.maximum_units", "is below compute.minimum_units"))
    if database.compute.suspend_after_seconds > 0 and database.plan != "scale":
        problems.append(
            (
                "compute.suspend_after_seconds",
                f"{database.compute.suspend_after_seconds}; a custom time needs the scale plan; use 0 or -1",
            )
        )
    if database.compute.suspend_after_seconds == -1 and database.plan == "free":
        problems.append(("compute.suspend_after_seconds", "-1; the free plan always suspends"))
    roles = [database.owner_role, database.application_role, database.backup_role]
    if len(set(roles)) < len(roles):
        problems.append(("application_role", "owner, application and backup need a role each"))
    return problems
