"""On-call at PagerDuty: services with their keys, escalation policies, and schedules of existing users."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pulumi
import pulumi_pagerduty as pagerduty

_EVENTS: Final = "events_api_v2_inbound_integration"
_NEVER: Final = "null"  # the provider's word for a timeout that is off

AlertVendor = Literal["uptimerobot", "sentry"]


@dataclass(frozen=True)
class HoursOfDuty:
    """Hours of each day, or of one weekday (1 is Monday), in the schedule's time zone."""

    time: str
    """HH:mm:ss."""

    hours: int
    weekday: int | None = None


@dataclass(frozen=True)
class Rotation:
    """People who take turns."""

    people: Sequence[str]
    """E-mails of users that exist."""

    starts: str
    """Instant in RFC 3339, in UTC."""

    turn_hours: int
    only: Sequence[HoursOfDuty] = ()


@dataclass(frozen=True)
class DutySchedule:
    """Who is on call when; a later rotation goes before an earlier one."""

    rotations: Sequence[Rotation]
    time_zone: str = "Etc/UTC"


@dataclass(frozen=True)
class EscalationLevel:
    """Whom a level calls, and how long it waits for an acknowledgement."""

    minutes: int
    schedules: Sequence[str] = ()
    people: Sequence[str] = ()


@dataclass(frozen=True)
class Escalation:
    """Levels that are called one after the other."""

    levels: Sequence[EscalationLevel]
    repeats: int = 2
    acknowledged_minutes: int | None = 30
    """After this time an acknowledged incident calls again; None is never."""


@dataclass(frozen=True)
class PagedService:
    """A service at PagerDuty, and who sends it events."""

    name: str
    escalation: str
    urgency: Literal["high", "low"] = "high"


@dataclass(frozen=True)
class OnCallArgs:
    """What `OnCall` is made of."""

    prefix: str
    """Begins the names of schedules and escalation policies."""

    schedules: Mapping[str, DutySchedule]
    escalations: Mapping[str, Escalation]
    services: Mapping[str, PagedService]
    """Channel -> the service that it alerts."""

    vendors: Sequence[AlertVendor] = ("uptimerobot", "sentry")
    """Who alerts the services, each with a key of its own."""

    severities: Mapping[str, Sequence[str]] | None = None
    """Escalation policy -> the incident levels that reach it; None if that is not known."""

    def __post_init__(self) -> None:
        """Raise ValueError for a reference to what there is not."""
        for name, escalation in self.escalations.items():
            unknown = {one for level in escalation.levels for one in level.schedules} - self.schedules.keys()
            if unknown:
                raise ValueError(f"{name} is to call {', '.join(sorted(unknown))}, which is no schedule")
        for name, service in self.services.items():
            if service.escalation not in self.escalations:
                raise ValueError(f"{name} is to escalate by {service.escalation}, which there is not")


class OnCall(pulumi.ComponentResource):
    """
    Whom an alert calls, and whom next.

    An incident ends when its alert does, or by a person, and never by the clock: an outage that goes on
    stays. Publishes for policies: `severities`, name of an escalation policy at PagerDuty -> the incident
    levels that reach it, where that is known.
    """

    TYPE: Final = "bulwark:index:OnCall"

    def __init__(self, name: str, args: OnCallArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        severities = args.severities
        facts = (
            {f"{args.prefix} {key}": list(levels) for key, levels in severities.items()}
            if severities is not None
            else None
        )
        super().__init__(self.TYPE, name, {"severities": facts}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._users: dict[str, pulumi.Output[str]] = {}
        self.schedules = {key: self._schedule(key, one) for key, one in sorted(args.schedules.items())}
        self.policies = {key: self._policy(key, one) for key, one in sorted(args.escalations.items())}
        self.services = {key: self._service(key, one) for key, one in sorted(args.services.items())}
        self._integrations = {
            (key, vendor): self._integration(key, vendor)
            for key in sorted(args.services)
            for vendor in args.vendors
        }
        self.register_outputs({})

    def key(self, channel: str, vendor: AlertVendor) -> pulumi.Output[str] | None:
        """Secret. Return the integration key with which a vendor alerts a channel; None if it does not."""
        integration = self._integrations.get((channel, vendor))
        return pulumi.Output.secret(integration.integration_key) if integration else None

    def _user(self, email: str) -> pulumi.Output[str]:
        """Look a user up: one that a program makes is mailed, and deleted with the stack."""
        if email not in self._users:
            self._users[email] = pagerduty.get_user_output(
                email=email, opts=pulumi.InvokeOutputOptions(parent=self)
            ).id
        return self._users[email]

    def _schedule(self, key: str, schedule: DutySchedule) -> pagerduty.Schedule:
        return pagerduty.Schedule(
            f"{self._name}-{key}-schedule",
            name=f"{self._args.prefix} {key}",
            time_zone=schedule.time_zone,
            layers=[
                {
                    "name": f"layer {number}",
                    "start": rotation.starts,
                    "rotation_virtual_start": rotation.starts,
                    "rotation_turn_length_seconds": rotation.turn_hours * 3_600,
                    "users": [self._user(person) for person in rotation.people],
                    "restrictions": [_restrict(hours) for hours in rotation.only],
                }
                for number, rotation in enumerate(schedule.rotations, 1)
            ],
            opts=self._child,
        )

    def _policy(self, key: str, escalation: Escalation) -> pagerduty.EscalationPolicy:
        return pagerduty.EscalationPolicy(
            f"{self._name}-{key}-policy",
            name=f"{self._args.prefix} {key}",
            num_loops=escalation.repeats,
            rules=[
                pagerduty.EscalationPolicyRuleArgsDict(
                    escalation_delay_in_minutes=level.minutes,
                    targets=[
                        *(
                            pagerduty.EscalationPolicyRuleTargetArgsDict(
                                type="schedule_reference", id=self.schedules[one].id
                            )
                            for one in level.schedules
                        ),
                        *(
                            pagerduty.EscalationPolicyRuleTargetArgsDict(
                                type="user_reference", id=self._user(one)
                            )
                            for one in level.people
                        ),
                    ],
                )
                for level in escalation.levels
            ],
            opts=self._child,
        )

    def _service(self, key: str, service: PagedService) -> pagerduty.Service:
        minutes = self._args.escalations[service.escalation].acknowledged_minutes
        return pagerduty.Service(
            f"{self._name}-{key}-service",
            name=service.name,
            escalation_policy=self.policies[service.escalation].id,
            acknowledgement_timeout=_NEVER if minutes is None else str(minutes * 60),
            auto_resolve_timeout=_NEVER,
            incident_urgency_rule={"type": "constant", "urgency": service.urgency},
            opts=self._child,
        )

    def _integration(self, key: str, vendor: AlertVendor) -> pagerduty.ServiceIntegration:
        return pagerduty.ServiceIntegration(
            f"{self._name}-{key}-{vendor}",
            name=vendor,
            service=self.services[key].id,
            type=_EVENTS,
            # The package's schema leaves this key in clear.
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["integrationKey"]),
        )


def _restrict(hours: HoursOfDuty) -> pagerduty.ScheduleLayerRestrictionArgsDict:
    restriction: pagerduty.ScheduleLayerRestrictionArgsDict = {
        "type": "daily_restriction" if hours.weekday is None else "weekly_restriction",
        "start_time_of_day": hours.time,
        "duration_seconds": hours.hours * 3_600,
    }
    return restriction if hours.weekday is None else {**restriction, "start_day_of_week": hours.weekday}
