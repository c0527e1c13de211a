"""Error tracking: Sentry projects, their alerts, and the thresholds of the alerts."""

from typing import Annotated

from pydantic import Field

from components.settings.model import Name, Positive, SettingsModel, Slug
from components.settings.services import SentrySlug, ServiceName
from components.severity import Severity


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


class ErrorSettings(SettingsModel):
    """The block `bulwark:errors`."""

    organization: SentrySlug
    team: SentrySlug
    team_name: Name

    environment: Slug = "production"
    """Sentry environment that the alerts watch."""

    jobs_service: ServiceName | None = None
    """Service of `bulwark:services` whose project gets the reports of the scheduled jobs; None: none does."""

    thresholds: Thresholds = Field(default_factory=Thresholds)
    severities: AlertSeverities = Field(default_factory=AlertSeverities)
