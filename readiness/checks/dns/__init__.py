"""Names: that they lead somewhere, soon elsewhere, and who may issue certificates for them."""

from readiness.check import ReadinessCheck
from readiness.checks.dns import authorities_are_named, names_resolve

CHECKS: tuple[ReadinessCheck, ...] = (names_resolve.CHECK, authorities_are_named.CHECK)
