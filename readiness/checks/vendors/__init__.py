"""What the APIs of AWS and of the hosts tell about the running platform."""

from readiness.check import ReadinessCheck
from readiness.checks.vendors import deployments_can_return, host_secrets_are_sensitive, keys_are_alive

CHECKS: tuple[ReadinessCheck, ...] = (
    keys_are_alive.CHECK,
    deployments_can_return.CHECK,
    host_secrets_are_sensitive.CHECK,
)
