"""A Neon project whose quota its own compute can use up within a month is refused."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.messages import Message, message, number, unknown_value
from policies.framework.property_values import Absent, Known, Unknown
from policies.framework.rule import Parameters, Rule, in_range, number_parameter, of_type
from policies.framework.stack import PolicyStack, Resource

_UNLIMITED: Final = (Absent(), Known(0))
_VOLUMES: Final[tuple[LiteralString, ...]] = (
    "quota.dataTransferBytes",
    "quota.logicalSizeBytes",
    "quota.writtenDataBytes",
)
_LEAST_BYTES: Final = 1e9
"""What any database writes or hands out within a month, its backups included."""

_MOST: Final = ("defaultEndpointSettings", "autoscalingLimitMaxCu")


def _judge(project: Resource, _stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    seconds = timedelta(days=limits["days"]).total_seconds()
    yield from _judge_quota(project, "quota.activeTimeSeconds", seconds)
    for path in _VOLUMES:
        yield from _judge_quota(project, path, _LEAST_BYTES)
    if project.at("quota", "computeTimeSeconds") in _UNLIMITED:
        return
    match project.at(*_MOST):
        case Unknown():
            yield unknown_value(project, "defaultEndpointSettings.autoscalingLimitMaxCu")
        case Known(units) if in_range(0.25)(units):
            yield from _judge_quota(project, "quota.computeTimeSeconds", seconds * units)
        case _:
            yield message(
                "{it} declares a quota of compute time, and not how large its compute may become "
                "(defaultEndpointSettings.autoscalingLimitMaxCu)",
                it=project,
            )


def _judge_quota(project: Resource, path: LiteralString, needed_seconds: float) -> Iterable[Message]:
    found = project.at(*path.split("."))
    if isinstance(found, Unknown):
        yield unknown_value(project, path)
    elif found not in _UNLIMITED and not (isinstance(found, Known) and in_range(needed_seconds)(found.value)):
        yield message(
            "{it} leaves no room for its compute (" + path + " must be at least {seconds}, or absent)",
            it=project,
            seconds=number(needed_seconds),
        )


RULE: Final = Rule(
    id="store-quota-leaves-room",
    title="No database has a quota that its own compute can use up",
    violated="has a quota that its own compute can use up",
    severity=Severity.HIGH,
    risk="At the quota Neon suspends the database until the month ends: an outage that the stack declares.",
    fix=(
        "Declare a quota of compute time of at least the largest size times the hours of a month, or none; a "
        "smaller compute costs less too. `./bulwark status` tells from 70 % on what is used of it, and of "
        "the quotas of traffic and storage, which no declared size fills by itself."
    ),
    controls=(Control.SOC_A1_1, Control.ISO_A_8_6, Control.NIST_CM_2),
    subjects=of_type("neon:index/project:Project"),
    judge=_judge,
    parameters=(
        number_parameter("days", 31, "Days of full use for which the quota must last", looser="lower"),
    ),
)
