"""Other sites can't load the application's answers."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.header_values import observe_header, require_value
from readiness.live_platform import LivePlatform


def _look(platform: LivePlatform) -> Observation:
    return observe_header(platform, "cross-origin-resource-policy", require_value("same-origin", "same-site"))


CHECK: Final = ReadinessCheck(
    id="resource-policy",
    title="Other sites do not load the application's answers",
    area="security",
    priority="medium",
    looks_at="The header cross-origin-resource-policy of each watched address.",
    risk="A page of another site loads answers into its own process, from which they can be read.",
    fix="Use Helmet's default: Cross-Origin-Resource-Policy: same-origin.",
    controls=(Control.CIS_4_1,),
    look=_look,
)
