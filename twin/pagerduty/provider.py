"""PagerDuty's provider (pagerduty 3.32.4, in pulumi-pagerduty 4.37.0): its input rules, by its source."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from twin.provider.rules import each, exactly_one, find_values, is_set, matches, one_of, size, within
from twin.provider.server import InputRefusal
from twin.provider.terraform_spec import ResourceSpec, VendorSpec
from twin.provider.values import UNKNOWN, Properties

_DESCRIPTION: Final = {"description": "Managed by Pulumi"}
_DAY_SECONDS: Final = 24 * 60 * 60
_TYPES: Final = tuple(
    f"{name}_inbound_integration"
    for name in (
        *("events_api_v2", "generic_events_api", "generic_email", "aws_cloudwatch", "pingdom", "nagios"),
        *("app_event_transform", "event_transformer_api", "cloudkick", "keynote", "sql_monitor"),
    )
)


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _check_restrictions(inputs: Properties) -> Iterator[InputRefusal]:
    for where, restriction in find_values(inputs, "layers[].restrictions[]"):
        day, kind = restriction.get("startDayOfWeek"), restriction.get("type")
        if kind == "daily_restriction" and day:
            yield InputRefusal(where, f"{where}.startDayOfWeek is only for a weekly_restriction")
        if kind == "weekly_restriction" and day is None:
            yield InputRefusal(where, f"{where}.startDayOfWeek is required for a weekly_restriction")
        duration = restriction.get("durationSeconds")
        if kind == "daily_restriction" and duration is not UNKNOWN and duration >= _DAY_SECONDS:
            yield InputRefusal(where, f"{where}.durationSeconds must be below {_DAY_SECONDS}")


def _check_support_hours(inputs: Properties) -> Iterator[InputRefusal]:
    for where, rule in find_values(inputs, "incidentUrgencyRule"):
        if rule.get("type") != "use_support_hours":
            continue
        if inputs.get("supportHours") is None:
            yield InputRefusal("supportHours", "supportHours is required where the urgency follows it")
        if is_set(rule, "urgency"):
            yield InputRefusal(f"{where}.urgency", "urgency is not allowed where it follows supportHours")


def _compare_rules(rules: list[Properties]) -> list[Any]:
    """Return what counts of escalation rules: without ids, and with the type that a target has by default."""
    return [
        (
            rule.get("escalationDelayInMinutes"),
            [(target.get("type") or "user_reference", target["id"]) for target in rule.get("targets") or []],
        )
        for rule in rules
    ]


def _compare_layers(layers: list[Properties]) -> list[Any]:
    """Return what counts of layers: a start that is past equals any other, and times are instants."""
    return [
        (
            _compare_start(layer["start"]),
            layer.get("end") or "",
            datetime.fromisoformat(layer["rotationVirtualStart"]).astimezone(UTC),
            layer["rotationTurnLengthSeconds"],
            layer["users"],
            layer.get("name") or "",
            [sorted(restriction.items()) for restriction in layer.get("restrictions") or []],
        )
        for layer in layers
    ]


def _compare_start(text: str) -> str:
    start = datetime.fromisoformat(text).astimezone(UTC)
    return "past" if start <= datetime.now(UTC) else start.isoformat()


def _integration_id(identifier: str, _state: Properties) -> str:
    """Return the id of an integration without its service, which an import id begins with."""
    return identifier.rpartition(".")[2]


PAGERDUTY: Final = VendorSpec(
    title="PagerDuty",
    scalar_lists_are_sets=False,
    uses_sdk_v2=True,
    # It repeats almost everything but 400 for minutes.
    repeats_creation=lambda _kind, status: status >= 500,
    resources={
        "escalationPolicy": ResourceSpec(
            rules=(
                matches(
                    "name",
                    r"(?=\S)[^\\/&<>]*[^\\/&<>\s]",
                    r"not be blank, end with a space, or have one of \ / & < >",
                ),
                size("rules", 1),
                within("rules[].escalationDelayInMinutes", 1),
                one_of("rules[].targets[].type", "user_reference", "schedule_reference"),
                within("numLoops", 0, 9),
            ),
            defaults=_DESCRIPTION,
            normalize={"rules": _compare_rules},
        ),
        "schedule": ResourceSpec(
            rules=(
                size("layers", 1),
                size("layers[].users", 1),
                within("layers[].rotationTurnLengthSeconds", 3600, 365 * _DAY_SECONDS),
                *(
                    each(f"layers[].{name}", _is_time, "be a time of RFC 3339, such as 2026-01-05T08:00:00Z")
                    for name in ("start", "rotationVirtualStart", "end")
                ),
                one_of("layers[].restrictions[].type", "daily_restriction", "weekly_restriction"),
                matches(
                    "layers[].restrictions[].startTimeOfDay",
                    r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d",
                    "have the form HH:mm:ss",
                ),
                within("layers[].restrictions[].startDayOfWeek", 1, 7),
                _check_restrictions,
            ),
            defaults=_DESCRIPTION,
            write_only=frozenset({"overflow"}),
            normalize={"layers": _compare_layers},
        ),
        "service": ResourceSpec(
            rules=(
                one_of("incidentUrgencyRule.type", "constant", "use_support_hours"),
                one_of("incidentUrgencyRule.urgency", "high", "low", "severity_based"),
                one_of("autoPauseNotificationsParameters.timeout", 120, 180, 300, 600, 900),
                _check_support_hours,
            ),
            defaults={**_DESCRIPTION, "acknowledgementTimeout": "1800", "autoResolveTimeout": "14400"},
            # Any difference of it is suppressed: an account has alerts and incidents.
            computed=frozenset({"alertCreation"}),
            normalize={"alertCreation": lambda _value: None},
        ),
        "serviceIntegration": ResourceSpec(
            rules=(exactly_one("", "type", "vendor"), one_of("type", *_TYPES)),
            computed=frozenset({"integrationKey"}),
            replaces=frozenset({"service", "type", "vendor"}),
            gone_fails_delete=True,
            address=_integration_id,
        ),
    },
)
