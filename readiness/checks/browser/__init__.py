"""What browsers send and let others read: cookies and CORS."""

from readiness.check import ReadinessCheck
from readiness.checks.browser import cookies_are_kept, own_pages_may_call, strangers_may_not_read

CHECKS: tuple[ReadinessCheck, ...] = (
    cookies_are_kept.CHECK,
    strangers_may_not_read.CHECK,
    own_pages_may_call.CHECK,
)
