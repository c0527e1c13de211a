"""The outside view: UptimeRobot monitors, heartbeats, status page and maintenance window."""

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from components.settings.model import Name, SettingsModel

UptimeRobotPlan = Literal["free", "solo", "team", "enterprise"]

SHORTEST_INTERVAL_SECONDS: dict[UptimeRobotPlan, int] = {
    "free": 300,
    "solo": 60,
    "team": 60,
    "enterprise": 30,
}
"""Shortest monitoring interval by plan (UptimeRobot, "Pricing")."""

STATUS_PAGES_VARIABLE: Final = "UPTIMEROBOT_STATUS_URL"
"""Variable by which another server of the public status pages is found, such as the twin's."""


class MaintenanceWindow(SettingsModel):
    """A weekly window in which no alerts are sent."""

    weekday: Annotated[int, Field(ge=1, le=7)]
    """1 is Monday."""

    time: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d:00$")]
    """Start, HH:mm:00, in the account's time zone."""

    duration_minutes: Annotated[int, Field(ge=1, le=240)]


class UptimeSettings(SettingsModel):
    """The block `bulwark:uptime`."""

    plan: UptimeRobotPlan
    interval_seconds: Annotated[int, Field(ge=30, le=86_400)]
    """Seconds between two checks of an address."""

    timeout_seconds: Annotated[int, Field(ge=1, le=60)] = 30
    regions: Annotated[tuple[Literal["na", "eu", "as", "oc"], ...], Field(min_length=2)]
    """Two or more, so that one region's network trouble is not taken for an outage."""

    slow_after_milliseconds: Annotated[int, Field(gt=0, le=60_000)] = 2_000
    certificate_warning_days: Annotated[tuple[Annotated[int, Field(ge=1, le=365)], ...], Field(min_length=1)]
    """Days before a certificate's expiry on which an alert is sent."""

    status_page: Name
    maintenance: MaintenanceWindow | None = None


def rules(uptime: UptimeSettings) -> list[tuple[str, str]]:
    """Return the problems of the block as a whole."""
    problems: list[tuple[str, str]] = []
    shortest = SHORTEST_INTERVAL_SECONDS[uptime.plan]
    if uptime.interval_seconds < shortest:
        problems.append(
            (
                "interval_seconds",
                f"{uptime.interval_seconds} s; the {uptime.plan} plan looks no more often than every "
                f"{shortest} s",
            )
        )
    if uptime.plan == "free":
        problems.append(("plan", "free; backups are watched by heartbeats, which need a paid plan"))
    if len(set(uptime.regions)) < len(uptime.regions):
        problems.append(("regions", "names a region twice"))
    return problems
