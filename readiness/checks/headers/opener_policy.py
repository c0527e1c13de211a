"""A page keeps its window to itself."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.header_values import observe_header, require_value
from readiness.live_platform import LivePlatform


def _look(platform: LivePlatform) -> Observation:
    return observe_header(
        platform, "cross-origin-opener-policy", require_value("same-origin", "same-origin-allow-popups")
    )


CHECK: Final = ReadinessCheck(
    id="opener-policy",
    title="A page keeps its window from pages of other sites",
    area="security",
    priority="medium",
    looks_at="The header cross-origin-opener-policy of each watched address.",
    risk=(
        "A page that opens the application keeps a handle on its window, and learns from it or leads "
        "it elsewhere."
    ),
    fix="Use Helmet's default: Cross-Origin-Opener-Policy: same-origin.",
    controls=(Control.CIS_4_1,),
    look=_look,
)
