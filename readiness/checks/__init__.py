"""Every check, by subject; each module in a subject's folder is one check, called `CHECK`."""

from typing import Final

from readiness.check import AREA_TITLES, ReadinessCheck
from readiness.checks import (
    apis,
    browser,
    database,
    dns,
    headers,
    health,
    limits,
    monitoring,
    recovery,
    tls,
    vendors,
)

_GROUPS: Final[tuple[tuple[ReadinessCheck, ...], ...]] = (
    monitoring.CHECKS,
    recovery.CHECKS,
    vendors.CHECKS,
    health.CHECKS,
    database.CHECKS,
    apis.CHECKS,
    dns.CHECKS,
    tls.CHECKS,
    browser.CHECKS,
    headers.CHECKS,
    limits.CHECKS,
)

CHECKS: Final = tuple(
    check for area in AREA_TITLES for checks in _GROUPS for check in checks if check.area == area
)
"""In the order of the report's areas."""
