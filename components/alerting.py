"""Alert routes: every channel once per vendor, and the channels of each incident level."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_sentry as sentry
import pulumi_uptimerobot as uptimerobot

from components.channels import (
    AlertChannel,
    EmailChannel,
    PagerDutyChannel,
    SlackChannel,
    WebhookChannel,
)
from components.severity import Severity

_UP_AND_DOWN: Final = 1  # UptimeRobot's number for "notify when down and when up again"

_WEBHOOK_BODY: Final = json.dumps(
    {
        "monitor": "*monitorFriendlyName*",
        "url": "*monitorURL*",
        "state": "*alertTypeFriendlyName*",
        "details": "*alertDetails*",
    },
    # The provider reads it back without spaces; with them every refresh would show a change.
    separators=(",", ":"),
)

MONITOR_FAILS: Final[list[sentry.AlertTriggerConditionArgsDict]] = [
    {"first_seen_event": {}},
    {"regression_event": {}},
    {"reappeared_event": {}},
]
"""
A monitor keeps one issue for life: its second failure is not a first event, but a regression of that issue.

Source: getsentry/sentry, build_fingerprint_for_project_subscription: nothing but the monitor's own id.
"""


@dataclass(frozen=True)
class AlertingArgs:
    """What `Alerting` is made of."""

    channels: Mapping[str, AlertChannel]
    """Channel name -> how it is reached."""

    routes: Mapping[Severity, Sequence[str]]
    """Incident level -> channel names."""

    uptimerobot: bool = True
    """Whether UptimeRobot alerts the channels."""

    sentry_organization: str | None = None
    """The organization at Sentry that alerts them; None if none does."""

    def __post_init__(self) -> None:
        """Raise ValueError for a route to a channel that there is not."""
        for severity, names in self.routes.items():
            if unknown := [name for name in names if name not in self.channels]:
                raise ValueError(f"{severity} is to reach {', '.join(unknown)}, which is no channel")


class Alerting(pulumi.ComponentResource):
    """
    Channels at UptimeRobot and Sentry, at either or at none, and the routes to them.

    Publishes for policies: `routes`, incident level -> kinds of channel that it reaches; if there are any,
    `escalatedByWebhook`, the levels of which the receiver of a webhook calls who is on call.
    """

    TYPE: Final = "bulwark:index:Alerting"

    def __init__(
        self,
        name: str,
        args: AlertingArgs,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        routes = {
            severity: [args.channels[channel].kind for channel in names]
            for severity, names in args.routes.items()
        }
        facts: dict[str, Any] = {"routes": routes}
        if escalated := [
            severity
            for severity, names in args.routes.items()
            if any(_escalates(args.channels[channel]) for channel in names)
        ]:
            facts["escalatedByWebhook"] = escalated
        super().__init__(self.TYPE, name, facts, opts)
        self._args = args
        self._organization = args.sentry_organization or ""
        self._contacts = {
            key: self._contact(f"{name}-{key}", key, channel)
            for key, channel in (args.channels.items() if args.uptimerobot else ())
        }
        self._services = {
            key: self._pagerduty_service(f"{name}-{key}-service", channel)
            for key, channel in (args.channels.items() if args.sentry_organization else ())
            if isinstance(channel, PagerDutyChannel)
        }
        self.register_outputs({})

    def contacts(self, severity: Severity) -> list[uptimerobot.MonitorAssignedAlertContactArgsDict]:
        """Return the contacts that an UptimeRobot monitor of this level alerts."""
        return [
            {
                "alert_contact_id": self._contacts[channel].id,
                "threshold": self._args.channels[channel].delay_minutes,
                "recurrence": self._args.channels[channel].repeat_minutes,
            }
            for channel in self._args.routes.get(severity, ())
        ]

    def actions(
        self, severity: Severity, *, team_id: pulumi.Input[str]
    ) -> list[sentry.AlertActionFilterActionArgsDict]:
        """Return the actions of a Sentry alert of this level; only UptimeRobot calls webhooks."""
        actions: list[sentry.AlertActionFilterActionArgsDict] = []
        for key in self._args.routes.get(severity, ()):
            channel = self._args.channels[key]
            match channel:
                case EmailChannel():
                    actions.append({"email": {"target_type": "team", "target_id": team_id}})
                case SlackChannel():
                    actions.append(
                        {
                            "slack": {
                                "integration_id": self._integration("slack", channel.workspace),
                                "channel_name": channel.channel,
                            }
                        }
                    )
                case PagerDutyChannel():
                    actions.append(
                        {
                            "pagerduty": {
                                "integration_id": self._integration("pagerduty", channel.account),
                                "service_id": self._services[key].id,
                                "service_name": channel.service,
                                "severity": "critical" if severity == "sev1" else "error",
                            }
                        }
                    )
                case WebhookChannel():
                    pass
        return actions

    def _integration(self, provider_key: str, account: str) -> pulumi.Output[str]:
        """Look up an integration that an administrator installed in Sentry by hand; it can't be declared."""
        return sentry.get_organization_integration_output(
            organization=self._organization,
            provider_key=provider_key,
            name=account,
            opts=pulumi.InvokeOutputOptions(parent=self),
        ).id

    def _pagerduty_service(self, resource: str, channel: PagerDutyChannel) -> sentry.IntegrationPagerduty:
        return sentry.IntegrationPagerduty(
            resource,
            organization=self._organization,
            integration_id=self._integration("pagerduty", channel.account),
            service=channel.service,
            integration_key=channel.target if channel.sentry_target is None else channel.sentry_target,
            # The bridged schema leaves this key in clear.
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["integrationKey"]),
        )

    def _contact(
        self, resource: str, key: str, channel: AlertChannel
    ) -> uptimerobot.Integration | uptimerobot.AlertContact:
        child = pulumi.ResourceOptions(parent=self)
        if isinstance(channel, EmailChannel):
            return uptimerobot.AlertContact(
                resource,
                name=key,
                type="email",
                value=channel.address,
                notification_events="up_and_down",
                ssl_expiration_reminder=True,
                is_active=True,
                opts=child,
            )
        special: dict[str, Any] = {}
        match channel:
            case SlackChannel():
                special = {"custom_value": channel.channel}
            case PagerDutyChannel():
                # Unset, it comes back as false on every refresh.
                special = {"location": channel.region, "auto_resolve": True}
            case WebhookChannel():
                # All three, because what is unset comes back as false on every refresh.
                special = {
                    "post_value": _WEBHOOK_BODY,
                    "send_as_json": True,
                    "send_as_query_string": False,
                    "send_as_post_parameters": False,
                }
        return uptimerobot.Integration(
            resource,
            name=key,
            type=channel.kind,
            value=channel.target,
            enable_notifications_for=_UP_AND_DOWN,
            ssl_expiration_reminder=True,
            # The provider updates another type in place and leaves the old type's fields behind.
            opts=pulumi.ResourceOptions(parent=self, replace_on_changes=["type"]),
            **special,
        )


def _escalates(channel: AlertChannel) -> bool:
    return isinstance(channel, WebhookChannel) and channel.escalates
