"""The metrics of an application are not for everybody."""

import re
from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform

_PATHS: Final = ("/metrics", "/api/metrics", "/actuator/prometheus")
"""Where libraries for Express, Python and Java serve them unless told otherwise."""

_METRICS: Final = re.compile(rb"^# (?:HELP|TYPE) \w+", re.MULTILINE)
"""In Prometheus's text format and in OpenMetrics; a frontend answers unknown paths with its page."""


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for _, service in sorted(platform.services.items()):
        for path in _PATHS:
            answer = platform.reader.get(f"{service.url}{path}")
            is_served = answer.status == 200 and _METRICS.search(answer.body) is not None
            seen.measured[f"GET {service.url}{path}"] = str(answer.status)
            seen.expect(not is_served, f"{service.url}{path} shows metrics without credentials")
    if not seen.measured:
        raise NotApplicableError("the stack declares no service")
    return seen


CHECK: Final = ReadinessCheck(
    id="metrics-are-private",
    title="Metrics are not for everybody",
    area="security",
    priority="medium",
    looks_at=f"{', '.join(_PATHS)} of each service, asked without credentials.",
    risk="Whoever asks learns every route, how many customers use it when, and what makes it slow.",
    fix="Serve metrics at a port that only Prometheus reaches, or ask for a bearer token of its own.",
    controls=(Control.SOC_CC6_1, Control.SOC_CC6_6, Control.NIST_AC_3),
    look=_look,
)
