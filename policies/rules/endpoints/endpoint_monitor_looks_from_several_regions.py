"""A monitor that probes from one region only is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.endpoints import Endpoint, judge_by_monitor, publishers
from policies.framework.controls import Control
from policies.framework.messages import Message, message, number, unknown_value
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameters, Rule, number_parameter
from policies.framework.stack import PolicyStack, Resource

_MINIMUM: Final = number_parameter(
    "minimum_regions",
    2,
    "regions that a monitor looks from; with 2, one region's network trouble is not taken for an outage",
    looser="lower",
)


def _check_monitor(
    monitor: Resource, _endpoint: Endpoint, _stack: PolicyStack, limits: Parameters
) -> Iterator[Message]:
    regions = monitor.at("regionData", "regions").each()
    known = {region.value for region in regions if isinstance(region, Known)}
    least = limits[_MINIMUM.name]
    if len(known) >= least:
        return
    if Unknown() in regions:
        yield unknown_value(monitor, "regionData")
    else:
        yield message(
            "{monitor} looks from {found} declared regions, less than {least}",
            monitor=monitor,
            found=number(len(known)),
            least=number(least),
        )


RULE: Final = Rule(
    id="endpoint-monitor-looks-from-several-regions",
    title="Every endpoint is looked at from several regions",
    violated="has an endpoint that is looked at from too few places",
    severity=Severity.MEDIUM,
    risk="Trouble near the only prober raises false alarms, and an outage elsewhere raises none.",
    fix="Name two or more of UptimeRobot's regions in the monitor's regionData.regions.",
    controls=(Control.SOC_CC7_2, Control.ISO_A_8_14, Control.ISO_A_8_16),
    subjects=publishers,
    judge=judge_by_monitor(_check_monitor),
    parameters=(_MINIMUM,),
)
