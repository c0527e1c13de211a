"""Error tracking: Sentry projects, their alerts, and the thresholds of the alerts."""

from typing import Annotated

from pydantic import Field, StringConstraints

from components.settings.alerting import Severity
from components.settings.model import Name, Positive, SettingsModel, Slug

SentrySlug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]*[a-z_-][a-z0-9_-]*$", max_length=50)]
"""
Of what exists at Sentry: lower-case letters, digits, hyphens and underscores, and not digits alone.

Source: getsentry/sentry, src/sentry/slug/patterns.py.
"""


class SentryService(SettingsModel):
    """One deployed service and its Sentry project."""

    platform: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]
    """Sentry's platform id, such as node-express."""

    events_per_minute: Positive
    """Rate limit of the key, so that one loop can't use up the month's quota."""

    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    """Source paths (Sentry ownership patterns) that the team owns."""


class Thresholds(SettingsModel):
    """When errors become an incident."""

    frequent_events: Positive = 100
    """More events of one issue than this within an hour."""

    failure_rate_percent: Annotated[float, Field(gt=0, le=100)] = 5
    latency_milliseconds: Positive = 1_000
    """95th percentile of transaction duration."""

    window_minutes: Annotated[int, Field(ge=1, le=1_440)] = 10


class AlertSeverities(SettingsModel):
    """Incident level of each kind of alert."""

    new: Severity = "sev3"
    regressed: Severity = "sev3"
    frequent: Severity = "sev2"
    metric: Severity = "sev2"
    down: Severity = "sev1"
    """Incident level of the second, independent check of /health."""


class ErrorSettings(SettingsModel):
    """The block `bulwark:errors`."""

    organization: SentrySlug
    team: SentrySlug
    team_name: Name

    environment: Slug = "production"
    """Sentry environment that the alerts watch."""

    services: dict[Slug, SentryService]
    """Sentry project slug -> service; `api_service` of `bulwark:platform` names the API's."""

    thresholds: Thresholds = Field(default_factory=Thresholds)
    severities: AlertSeverities = Field(default_factory=AlertSeverities)


def rules(errors: ErrorSettings) -> list[tuple[str, str]]:
    """Return the problems of the block as a whole."""
    if not errors.services:
        return [("services", "is empty; every deployed service needs a project")]
    return []
