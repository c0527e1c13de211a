"""The platform that is protected: its names, addresses, and recovery objectives."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from components.settings.model import Origin, Positive, SettingsModel, Slug


class ObjectiveSettings(SettingsModel):
    """How fast the platform must be back, and how much it may lose."""

    recovery_time_minutes: Positive = 60
    """RTO: from the incident to a working platform."""

    critical_recovery_time_minutes: Positive = 15
    """RTO of critical services (the API)."""

    recovery_point_minutes: Positive = 60
    """RPO of the first line of defence: the database's own history."""

    independent_recovery_point_hours: Positive = 27
    """RPO of the second line: what the vaults alone can give back when the database's vendor is gone."""

    corruption_noticed_within_days: Positive = 14
    """How long silent corruption may go unseen; every retention must be longer."""


class PlatformSettings(SettingsModel):
    """The block `bulwark:platform`."""

    environment: Literal["production", "local", "drill"]
    """Production turns on deletion protection and demands the policy pack; a stack's name means nothing."""

    name: Annotated[Slug, StringConstraints(max_length=20)]
    """Prefix of every physical name; short, because a bucket's name has 63 characters."""

    repository: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]
    """GitHub repository (owner/name) whose workflows may assume the roles."""

    api: Origin
    """The backend's origin; /health and /api/version are watched there."""

    frontend: Origin
    """The frontend's origin."""

    api_service: Slug
    """Service of `bulwark:errors` that is the API; jobs and the check of /health report to its project."""

    objectives: ObjectiveSettings = Field(default_factory=ObjectiveSettings)

    @property
    def protected(self) -> bool:
        """Whether resources that hold data refuse deletion and replacement."""
        return self.environment == "production"


def rules(platform: PlatformSettings) -> list[tuple[str, str]]:
    """Return the problems of the block as a whole."""
    objectives = platform.objectives
    problems: list[tuple[str, str]] = []
    if objectives.critical_recovery_time_minutes > objectives.recovery_time_minutes:
        problems.append(
            (
                "objectives.critical_recovery_time_minutes",
                f"{objectives.critical_recovery_time_minutes} min; the whole platform has only "
                f"{objectives.recovery_time_minutes} min",
            )
        )
    problems += [
        (name, f"{url}; port 0 stands for a drawn port, which only a stack on the twin has")
        for name, url in (("api", platform.api), ("frontend", platform.frontend))
        if urlsplit(url).port == 0
    ]
    if platform.api == platform.frontend:
        problems.append(("frontend", "is the same address as the API's; each needs a monitor of its own"))
    return problems
