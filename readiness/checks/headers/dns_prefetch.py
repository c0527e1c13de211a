"""The browser looks up no names before they are needed."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.header_values import observe_header, require_value
from readiness.live_platform import LivePlatform


def _look(platform: LivePlatform) -> Observation:
    return observe_header(platform, "x-dns-prefetch-control", require_value("off"))


CHECK: Final = ReadinessCheck(
    id="dns-prefetch",
    title="Browsers look up no names in advance",
    area="security",
    priority="low",
    looks_at="The header x-dns-prefetch-control of each watched address.",
    risk="Links on a page tell a network which pages somebody reads.",
    fix="Use Helmet's default: X-DNS-Prefetch-Control: off.",
    controls=(Control.CIS_4_1,),
    look=_look,
)
