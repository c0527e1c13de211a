"""What leads from a user's complaint to the lines of a log."""

from readiness.check import ReadinessCheck
from readiness.checks.monitoring import answers_have_an_id

CHECKS: tuple[ReadinessCheck, ...] = (answers_have_an_id.CHECK,)
