"""Channels, and the routes from incident levels to channels."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from components.settings.model import Name, SettingsModel, Slug
from components.severity import Severity

_Minutes = Annotated[int, Field(ge=0, le=10_080)]


class _Channel(SettingsModel):
    delay_minutes: _Minutes = 0
    """How long a monitor must be down before this channel is alerted."""

    repeat_minutes: _Minutes = 0
    """Minutes between repeated alerts while the monitor stays down; 0 is never."""


class Slack(_Channel):
    """A Slack channel. Its incoming-webhook address is the secret `<channel>_target`."""

    type: Literal["slack"]
    workspace: Name
    """Name of the workspace in Sentry's Slack integration."""

    channel: Annotated[str, StringConstraints(pattern=r"^#[\w-]{1,79}$")]


class PagerDuty(_Channel):
    """
    A PagerDuty service.

    With an `escalation` the stack declares it. One that is managed elsewhere has none: its integration key is
    the secret `<channel>_target`.
    """

    type: Literal["pagerduty"]
    account: Name
    """Name of the account in Sentry's PagerDuty integration."""

    service: Name
    region: Literal["us", "eu"] = "us"
    escalation: Slug | None = None
    """Escalation policy of the block `bulwark:oncall`."""

    urgency: Literal["high", "low"] = "high"
    """Of a declared service's incidents; one of low urgency is never escalated."""


class Email(_Channel):
    """A mailbox outside the platform that is watched."""

    type: Literal["email"]
    address: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]


class Webhook(_Channel):
    """Any HTTP receiver; uptime alerts only. Its address is the secret `<channel>_target`."""

    type: Literal["webhook"]
    escalates: bool = False
    """Whether its receiver, an on-call service, calls the next person where the first does not answer."""


Channel = Annotated[Slack | PagerDuty | Email | Webhook, Field(discriminator="type")]


class AlertingSettings(SettingsModel):
    """The block `bulwark:alerting`."""

    channels: dict[Slug, Channel] = Field(default_factory=dict)
    """Channel name -> how it is reached."""

    routes: dict[Severity, tuple[Slug, ...]] = Field(default_factory=dict)
    """Incident level -> channel names; every level must reach someone."""

    def route(self, severity: Severity) -> tuple[str, ...]:
        """Return the channels that an incident level reaches; none where the block is left out."""
        return self.routes.get(severity, ())

    def secret_channels(self) -> list[str]:
        """Return the channels whose target is a secret that is given, in order."""
        declared = self.escalations()
        return [
            name
            for name, channel in self.channels.items()
            if channel.type != "email" and name not in declared
        ]

    def escalations(self) -> dict[str, str]:
        """Return channel -> its escalation policy, of the PagerDuty services that the stack declares."""
        return {
            name: channel.escalation
            for name, channel in sorted(self.channels.items())
            if channel.type == "pagerduty" and channel.escalation
        }


def rules(alerting: AlertingSettings) -> list[tuple[str, str]]:
    """Return the problems of the block as a whole."""
    problems: list[tuple[str, str]] = []
    for severity in ("sev1", "sev2", "sev3", "sev4"):
        names = alerting.routes.get(severity, ())
        unknown = [name for name in names if name not in alerting.channels]
        known = [alerting.channels[name] for name in names if name in alerting.channels]
        problems += [
            (f"routes.{severity}", f"{name}; no such channel, there are: {', '.join(alerting.channels)}")
            for name in unknown
        ]
        if not names:
            problems.append((f"routes.{severity}", "reaches nobody; name at least one channel"))
        elif known and all(channel.type == "webhook" for channel in known):
            problems.append(
                (
                    f"routes.{severity}",
                    "reaches nobody with an error: Sentry tells mail, Slack and PagerDuty only",
                )
            )
    problems += [
        (f"channels.{name}.urgency", "is of a service that the stack declares, which needs an `escalation`")
        for name, channel in alerting.channels.items()
        if channel.type == "pagerduty" and channel.urgency == "low" and not channel.escalation
    ]
    declared = [alerting.channels[name] for name in alerting.escalations()]
    services = [channel.service for channel in declared if channel.type == "pagerduty"]
    problems += [
        (f"channels.{name}.service", f"{channel.service}; another channel declares this service")
        for name, channel in alerting.channels.items()
        if channel.type == "pagerduty" and channel.escalation and services.count(channel.service) > 1
    ]
    used = {name for names in alerting.routes.values() for name in names}
    problems += [
        (f"channels.{name}", "is on no route, so it would never be told anything")
        for name in alerting.channels
        if name not in used
    ]
    return problems
