"""Rate limits, and that they hold."""

from readiness.check import ReadinessCheck
from readiness.checks.limits import limits_hold, limits_know_the_client, limits_say_when

CHECKS: tuple[ReadinessCheck, ...] = (limits_hold.CHECK, limits_say_when.CHECK, limits_know_the_client.CHECK)
