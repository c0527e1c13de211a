"""The filter of old browsers, which is itself a hole, is off."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.header_values import observe_header, require_value
from readiness.live_platform import LivePlatform


def _look(platform: LivePlatform) -> Observation:
    return observe_header(platform, "x-xss-protection", require_value("0"))


CHECK: Final = ReadinessCheck(
    id="xss-filter",
    title="The faulty filter of old browsers is off",
    area="security",
    priority="low",
    looks_at="The header x-xss-protection of each watched address.",
    risk="The filter of old browsers can be used to switch off a page's own scripts, or to read the page.",
    fix="Use Helmet's default: X-XSS-Protection: 0.",
    controls=(Control.CIS_4_1,),
    look=_look,
)
