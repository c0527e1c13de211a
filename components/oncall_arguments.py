"""Turns the settings of on-call into arguments of its component."""

from components.oncall import (
    AlertVendor,
    DutySchedule,
    Escalation,
    EscalationLevel,
    HoursOfDuty,
    OnCallArgs,
    PagedService,
    Rotation,
)
from components.settings import OncallSettings, Settings
from components.settings.oncall import RotationSettings


def describe_oncall(settings: Settings, oncall: OncallSettings) -> OnCallArgs:
    """Return the arguments: a service for each channel that names an escalation policy."""
    alerting, platform = settings.alerting, settings.platform.name
    used = alerting.escalations()
    watching: dict[AlertVendor, object] = {"uptimerobot": settings.uptime, "sentry": settings.errors}
    services: dict[str, PagedService] = {}
    for name, channel in alerting.channels.items():
        if channel.type == "pagerduty" and channel.escalation:
            services[name] = PagedService(channel.service, channel.escalation, channel.urgency)
    return OnCallArgs(
        prefix=platform,
        schedules={
            name: DutySchedule([_describe_rotation(layer) for layer in schedule.layers], schedule.time_zone)
            for name, schedule in oncall.schedules.items()
        },
        escalations={
            name: Escalation(
                [EscalationLevel(one.minutes, one.schedules, one.people) for one in escalation.levels],
                escalation.repeats,
                escalation.acknowledged_minutes,
            )
            for name, escalation in oncall.escalations.items()
        },
        services=services,
        vendors=[vendor for vendor, block in watching.items() if block],
        severities={
            name: [
                severity
                for severity, channels in sorted(alerting.routes.items())
                if any(used.get(channel) == name for channel in channels)
            ]
            for name in oncall.escalations
        },
    )


def _describe_rotation(layer: RotationSettings) -> Rotation:
    hours = [HoursOfDuty(one.time, one.hours, one.weekday) for one in layer.only]
    return Rotation(layer.people, layer.starts, layer.turn_hours, hours)
