"""The browser keeps the origin's memory apart."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.header_values import observe_header, require_value
from readiness.live_platform import LivePlatform


def _look(platform: LivePlatform) -> Observation:
    return observe_header(platform, "origin-agent-cluster", require_value("?1"))


CHECK: Final = ReadinessCheck(
    id="agent-cluster",
    title="The browser gives the origin a process of its own",
    area="security",
    priority="low",
    looks_at="The header origin-agent-cluster of each watched address.",
    risk="Pages of sibling hosts share a process, and one can slow or read the other.",
    fix="Use Helmet's default: Origin-Agent-Cluster: ?1.",
    controls=(Control.CIS_4_1,),
    look=_look,
)
