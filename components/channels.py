"""The channels by which alerts reach people and programs."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pulumi


@dataclass(frozen=True, kw_only=True)
class _AlertedChannel:
    delay_minutes: int = 0
    """How long a monitor must be down before this channel is alerted."""

    repeat_minutes: int = 0
    """Minutes between repeated alerts while the monitor stays down; 0 is never."""


@dataclass(frozen=True)
class EmailChannel(_AlertedChannel):
    """A mailbox outside the platform that is watched."""

    kind: ClassVar[Literal["email"]] = "email"
    address: pulumi.Input[str]


@dataclass(frozen=True)
class SlackChannel(_AlertedChannel):
    """A Slack channel."""

    kind: ClassVar[Literal["slack"]] = "slack"
    workspace: str
    """Name of the workspace in Sentry's Slack integration."""

    channel: str
    """With its `#`."""

    target: pulumi.Input[str] = field(repr=False)
    """Secret. Address of its incoming webhook."""


@dataclass(frozen=True)
class PagerDutyChannel(_AlertedChannel):
    """A PagerDuty service."""

    kind: ClassVar[Literal["pagerduty"]] = "pagerduty"
    account: str
    """Name of the account in Sentry's PagerDuty integration."""

    service: str
    target: pulumi.Input[str] = field(repr=False)
    """Secret. Its integration key."""

    region: Literal["us", "eu"] = "us"
    sentry_target: pulumi.Input[str] | None = field(default=None, repr=False)
    """Secret. The integration key with which Sentry alerts it; None if it has no key of its own."""


@dataclass(frozen=True)
class WebhookChannel(_AlertedChannel):
    """Any HTTP receiver; uptime alerts only."""

    kind: ClassVar[Literal["webhook"]] = "webhook"
    target: pulumi.Input[str] = field(repr=False)
    """Secret. Its address."""

    escalates: bool = False
    """Whether the receiver calls the next person where the first does not answer."""


AlertChannel = EmailChannel | SlackChannel | PagerDutyChannel | WebhookChannel
