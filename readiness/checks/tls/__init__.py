"""TLS of every service: versions, trust, and how long the certificate lasts."""

from readiness.check import ReadinessCheck
from readiness.checks.tls import certificate_is_trusted, certificate_lasts, tls_is_current

CHECKS: tuple[ReadinessCheck, ...] = (
    tls_is_current.CHECK,
    certificate_is_trusted.CHECK,
    certificate_lasts.CHECK,
)
