"""Documents of others get no access by a policy file."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.header_values import observe_header, require_value
from readiness.live_platform import LivePlatform


def _look(platform: LivePlatform) -> Observation:
    return observe_header(platform, "x-permitted-cross-domain-policies", require_value("none"))


CHECK: Final = ReadinessCheck(
    id="cross-domain-policies",
    title="Flash and PDF documents get no access",
    area="security",
    priority="low",
    looks_at="The header x-permitted-cross-domain-policies of each watched address.",
    risk="A document on another site reads answers by a policy file that somebody uploaded.",
    fix="Use Helmet's default: X-Permitted-Cross-Domain-Policies: none.",
    controls=(Control.CIS_4_1,),
    look=_look,
)
