"""A Sentry project without the measures that the stack's other projects have is refused."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.sentry import ALERT, METRIC_MONITOR, PROJECT
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Known, PropertyValue, Unknown
from policies.framework.rule import Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource

_FLOODS: Final = ("eventFrequencyCount", "eventFrequencyPercent", "eventUniqueUserFrequencyCount")


class _Measures:
    """What is measured of each project: the aggregates of its monitors, and floods of its errors."""

    def __init__(self, stack: PolicyStack) -> None:
        self.of: Final[defaultdict[Resource, set[str]]] = defaultdict(set)
        self.undecided: Final[list[Message]] = []
        for monitor in stack.of_type(METRIC_MONITOR):
            if isinstance(monitor.at("aggregate"), Unknown) or isinstance(monitor.at("enabled"), Unknown):
                self.undecided.append(unknown_value(monitor, "aggregate"))
            elif monitor.at("enabled") == Known(value=True):
                self._add(monitor, "project", _kind_of(monitor.at("aggregate")), stack)
        for alert in stack.of_type(ALERT):
            if alert.at("enabled") == Known(value=True) and any(map(_counts_alone, _filters_of(alert))):
                self._add(alert, "monitorIds", "floods", stack)
        self.all: Final = set[str]().union(*self.of.values())

    def _add(self, watching: Resource, name: str, kind: str, stack: PolicyStack) -> None:
        for project in stack.dependencies(watching, name):
            if project.type == PROJECT:
                self.of[project].add(kind)


def _kind_of(aggregate: PropertyValue) -> str:
    """Return the kind of an aggregate: `p95(transaction.duration)` and `p99(...)` measure the same."""
    text = str(aggregate.value) if isinstance(aggregate, Known) else ""
    return "duration" if text.endswith("duration)") else text.partition("(")[0]


def _filters_of(alert: Resource) -> list[list[PropertyValue]]:
    return [one.at("conditions").each() for one in alert.at("actionFilters").each()]


def _counts_alone(conditions: list[PropertyValue]) -> bool:
    """Tell whether it waits for many events, and asks for nothing else."""
    return bool(conditions) and all(
        any(isinstance(condition.at(kind), Known) for kind in _FLOODS) for condition in conditions
    )


def _judge(project: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    measures = stack.view(_Measures)
    for kind in sorted(measures.all - measures.of[project]):
        if measures.undecided:
            yield from measures.undecided
        elif kind == "floods":
            yield message("no alert tells of a flood of its errors, as one does of another project's")
        elif kind == "duration":
            yield message("no monitor measures its durations, as one does another project's")
        else:
            yield message("no monitor measures what one measures of another project")


RULE: Final = Rule(
    id="error-project-is-measured",
    title="Every Sentry project is measured as the other projects of its stack are",
    violated="is measured less than others",
    severity=Severity.MEDIUM,
    risk="A release makes one service fail or crawl, and only the others would have raised an alarm.",
    fix=(
        "Declare for the project the MetricMonitors that the others have, enabled, with an Alert on each, "
        "and an Alert that counts events."
    ),
    controls=(Control.SOC_CC7_2, Control.NIST_SI_4, Control.ISO_A_8_16),
    subjects=of_type(PROJECT),
    judge=_judge,
)
