"""Addresses of pages are not told to other sites."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.header_values import observe_header, require_value
from readiness.live_platform import LivePlatform


def _look(platform: LivePlatform) -> Observation:
    return observe_header(
        platform,
        "referrer-policy",
        require_value("no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"),
    )


CHECK: Final = ReadinessCheck(
    id="referrer-policy",
    title="Other sites don't learn the addresses of pages",
    area="security",
    priority="medium",
    looks_at="The header referrer-policy of each watched address.",
    risk=(
        "Links, images and fonts tell other sites the whole address of a page, with the ids and tokens in it."
    ),
    fix="Use Helmet's default: Referrer-Policy: no-referrer.",
    controls=(
        Control.CIS_4_1,
        Control.NIST_SC_8,
    ),
    look=_look,
)
