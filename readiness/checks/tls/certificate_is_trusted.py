"""Every service's certificate is for its host, and clients trust its chain."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform
from readiness.tls_probe import find_origin, read_certificate


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for url in sorted({service.url for service in platform.services.values()}):
        certificate = read_certificate(find_origin(url), platform.authorities)
        seen.measured[url] = f"issued by {certificate.issuer}"
        seen.expect(not certificate.problem, f"{url}: {certificate.problem}")
    if not seen.measured:
        raise NotApplicableError("the stack declares no service")
    return seen


CHECK: Final = ReadinessCheck(
    id="certificate-is-trusted",
    title="Certificates are for their hosts, and clients trust them",
    area="security",
    priority="critical",
    looks_at=(
        "The chain and the names of each service's certificate, as a client with the system's "
        "authorities checks them."
    ),
    risk="Users and programs can't reach the service, or learn to click warnings away.",
    fix="Renew the certificate at the host for the service's own name, with its intermediate certificates.",
    controls=(Control.SOC_CC6_7, Control.NIST_SC_8, Control.NIST_SC_12),
    look=_look,
)
