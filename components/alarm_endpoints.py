"""Where AWS's alarms arrive: the channels that SNS reaches by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import pulumi

from components.settings import AlertingSettings

_LEVEL: Final = "sev1"


@dataclass(frozen=True)
class AlarmEndpoint:
    """A mailbox, or the address of an HTTP receiver that confirms SNS's subscription."""

    name: str
    protocol: Literal["email"] | pulumi.Input[str]
    """`email`, or the scheme of the address."""

    address: pulumi.Input[str] = field(repr=False)


def list_webhooks(alerting: AlertingSettings) -> list[str]:
    """Return the channels whose secret address the alarms need."""
    return [name for name in alerting.route(_LEVEL) if alerting.channels[name].type == "webhook"]


def list_alarm_endpoints(
    alerting: AlertingSettings, targets: Mapping[str, pulumi.Output[str]]
) -> list[AlarmEndpoint]:
    """
    Return the mailboxes and webhooks of the first level; `targets` are the addresses of the webhooks.

    Slack confirms no subscription, and PagerDuty's integration key is no address.
    """
    endpoints: list[AlarmEndpoint] = []
    for name in alerting.route(_LEVEL):
        channel = alerting.channels[name]
        if channel.type == "email":
            endpoints.append(AlarmEndpoint(name, "email", channel.address))
        elif channel.type == "webhook":
            scheme = pulumi.Output.unsecret(targets[name].apply(lambda url: url.partition(":")[0]))
            endpoints.append(AlarmEndpoint(name, scheme, targets[name]))
    return endpoints
