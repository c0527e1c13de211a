"""No certificate ends within two weeks."""

from datetime import UTC, datetime
from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform
from readiness.tls_probe import find_origin, read_certificate

_LEAST_DAYS: Final = 14
"""Hosts renew a certificate of 90 days a month before its end (Let's Encrypt, "Integration Guide")."""


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for url in sorted({service.url for service in platform.services.values()}):
        ends = read_certificate(find_origin(url), platform.authorities).ends
        days = (ends - datetime.now(UTC)).days
        seen.measured[url] = f"until {ends:%Y-%m-%d}, {days} days"
        seen.expect(days >= _LEAST_DAYS, f"{url}: the certificate ends in {days} days, on {ends:%Y-%m-%d}")
    if not seen.measured:
        raise NotApplicableError("the stack declares no service")
    return seen


CHECK: Final = ReadinessCheck(
    id="certificate-lasts",
    title="Certificates last for two weeks at least",
    area="security",
    priority="high",
    looks_at=f"The last day of each service's certificate; {_LEAST_DAYS} days are needed.",
    risk="Its renewal has failed already, and in days every client refuses the service.",
    fix="See at the host why the certificate is not renewed: DNS, CAA, or a limit of the authority.",
    controls=(Control.NIST_SC_12, Control.NIST_SI_13),
    look=_look,
)
