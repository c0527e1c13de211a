"""TLS of every service: versions, trust, how long the certificate lasts, and that plain HTTP leads to it."""

from readiness.check import ReadinessCheck
from readiness.checks.tls import (
    certificate_is_trusted,
    certificate_lasts,
    plain_http_leads_to_https,
    tls_is_current,
)

CHECKS: tuple[ReadinessCheck, ...] = (
    tls_is_current.CHECK,
    certificate_is_trusted.CHECK,
    certificate_lasts.CHECK,
    plain_http_leads_to_https.CHECK,
)
