"""Downloads are not opened as the site's own pages."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.header_values import observe_header, require_value
from readiness.live_platform import LivePlatform


def _look(platform: LivePlatform) -> Observation:
    return observe_header(platform, "x-download-options", require_value("noopen"))


CHECK: Final = ReadinessCheck(
    id="download-options",
    title="Downloads are not opened as pages of the site",
    area="security",
    priority="low",
    looks_at="The header x-download-options of each watched address.",
    risk="An old browser opens a download with the rights of the site.",
    fix="Use Helmet's default: X-Download-Options: noopen.",
    controls=(Control.CIS_4_1,),
    look=_look,
)
