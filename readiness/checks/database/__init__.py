"""The database: what the application may do there, and what is left."""

from readiness.check import ReadinessCheck
from readiness.checks.database import (
    application_has_few_rights,
    connections_are_left,
    data_are_as_declared,
    statements_are_fast,
)

CHECKS: tuple[ReadinessCheck, ...] = (
    application_has_few_rights.CHECK,
    connections_are_left.CHECK,
    data_are_as_declared.CHECK,
    statements_are_fast.CHECK,
)
