"""The metrics of an application are not for everybody."""

import re
from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.live_platform import LivePlatform
from readiness.served_paths import look_at_paths

_PATHS: Final = ("/metrics", "/api/metrics", "/actuator/prometheus")
"""Where libraries for Express, Python and Java serve them unless told otherwise."""

_METRICS: Final = re.compile(rb"^# (?:HELP|TYPE) \w+", re.MULTILINE)
"""In Prometheus's text format and in OpenMetrics."""


def _look(platform: LivePlatform) -> Observation:
    forms: dict[str, re.Pattern[bytes]] = dict.fromkeys(_PATHS, _METRICS)
    return look_at_paths(platform, forms, platform.reader.get, "shows metrics without credentials")


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
