"""The browser takes the type that the server says."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.header_values import observe_header, require_value
from readiness.live_platform import LivePlatform


def _look(platform: LivePlatform) -> Observation:
    return observe_header(platform, "x-content-type-options", require_value("nosniff"))


CHECK: Final = ReadinessCheck(
    id="content-sniffing",
    title="Browsers take each answer for what it says it is",
    area="security",
    priority="high",
    looks_at="The header x-content-type-options of each watched address.",
    risk="An uploaded file or an answer of the API is run as a script, because a browser guessed its type.",
    fix="Use Helmet's default: X-Content-Type-Options: nosniff.",
    controls=(
        Control.CIS_4_1,
        Control.NIST_CM_2,
    ),
    look=_look,
)
