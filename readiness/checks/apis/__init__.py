"""What an API says of itself: its OpenAPI document, whether it holds, and what it must not answer."""

from readiness.check import ReadinessCheck
from readiness.checks.apis import (
    api_is_documented,
    documented_answers_hold,
    errors_tell_nothing,
    metrics_are_private,
    private_files_are_hidden,
    released_document_holds,
    requests_are_not_echoed,
    secured_answers_are_refused,
)

CHECKS: tuple[ReadinessCheck, ...] = (
    api_is_documented.CHECK,
    documented_answers_hold.CHECK,
    released_document_holds.CHECK,
    secured_answers_are_refused.CHECK,
    errors_tell_nothing.CHECK,
    requests_are_not_echoed.CHECK,
    private_files_are_hidden.CHECK,
    metrics_are_private.CHECK,
)
