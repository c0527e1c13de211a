"""What monitors and deployments ask an API: its health and its version."""

from readiness.check import ReadinessCheck
from readiness.checks.health import (
    health_answers_fast,
    health_is_complete,
    health_is_fresh,
    health_tells_no_secret,
    health_turns_red,
    load_is_borne,
    version_is_deployed,
)

CHECKS: tuple[ReadinessCheck, ...] = (
    health_is_complete.CHECK,
    health_answers_fast.CHECK,
    health_is_fresh.CHECK,
    health_tells_no_secret.CHECK,
    version_is_deployed.CHECK,
    load_is_borne.CHECK,
    health_turns_red.CHECK,
)
