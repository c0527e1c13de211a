"""No cache answers for `/health`."""

import re
from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform

_FRESH: Final = re.compile(r"no-store|no-cache|max-age=0\b", re.IGNORECASE)


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for service, api in platform.apis.values():
        address = f"{service.url}{api.health}"
        control = platform.reader.get(address).headers.get("cache-control", "")
        seen.measured[address] = f"Cache-Control: {control or '(missing)'}"
        seen.expect(
            _FRESH.search(control), f"{address} may be answered by a cache ({control or 'no header'})"
        )
    if not seen.measured:
        raise NotApplicableError("no service says that it is an API (`api` in bulwark:services)")
    return seen


CHECK: Final = ReadinessCheck(
    id="health-is-fresh",
    title="No cache answers for /health",
    area="health",
    priority="high",
    looks_at="The header Cache-Control at `api.health`.",
    risk="A cache says ok while the platform is down.",
    fix="Answer /health with Cache-Control: no-store.",
    controls=(Control.NIST_SI_4, Control.SOC_CC7_2),
    look=_look,
)
