"""What brings the platform back, and what is known of it at the vendors: `./bulwark status` reads it."""

from readiness.check import ReadinessCheck
from readiness.checks.recovery import (
    backups_are_current,
    backups_are_proven,
    copies_are_apart,
    drills_are_recent,
    exceptions_are_current,
    nothing_is_undeclared,
)

CHECKS: tuple[ReadinessCheck, ...] = (
    backups_are_current.CHECK,
    backups_are_proven.CHECK,
    copies_are_apart.CHECK,
    drills_are_recent.CHECK,
    nothing_is_undeclared.CHECK,
    exceptions_are_current.CHECK,
)
