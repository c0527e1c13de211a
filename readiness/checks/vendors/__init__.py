"""What the APIs of AWS, the hosts and Sentry tell about the running platform."""

from readiness.check import ReadinessCheck
from readiness.checks.vendors import (
    canary_error_is_told,
    deployments_can_return,
    host_secrets_are_sensitive,
    keys_are_alive,
)

CHECKS: tuple[ReadinessCheck, ...] = (
    keys_are_alive.CHECK,
    deployments_can_return.CHECK,
    host_secrets_are_sensitive.CHECK,
    canary_error_is_told.CHECK,
)
