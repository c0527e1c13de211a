"""Browsers use HTTPS alone, for at least half a year, for subdomains too."""

import re
from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.header_values import observe_header
from readiness.live_platform import LivePlatform

_LEAST_SECONDS: Final = 180 * 86_400
_MAX_AGE: Final = re.compile(r'max-age\s*=\s*"?(\d{1,12})"?', re.IGNORECASE)


def _look(platform: LivePlatform) -> Observation:
    return observe_header(platform, "strict-transport-security", _find_problem)


def _find_problem(value: str) -> str:
    if not value:
        return "is missing"
    directives = {part.strip().lower() for part in value.split(";")}
    matched = _MAX_AGE.search(value)
    seconds = int(matched.group(1)) if matched else 0
    if seconds < _LEAST_SECONDS:
        return f"lasts {seconds // 86_400} days, and at least {_LEAST_SECONDS // 86_400} are needed"
    return "" if "includesubdomains" in directives else "leaves subdomains out"


CHECK: Final = ReadinessCheck(
    id="strict-transport",
    title="Browsers use HTTPS alone (HSTS)",
    area="security",
    priority="high",
    looks_at="The header Strict-Transport-Security of each watched address: its days and its subdomains.",
    risk="The first request of a visit goes without encryption, and whoever is in between answers it.",
    fix="Use Helmet's default: Strict-Transport-Security: max-age=31536000; includeSubDomains.",
    controls=(Control.SOC_CC6_7, Control.NIST_SC_8, Control.CIS_3_10),
    look=_look,
)
