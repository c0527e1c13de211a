"""A client can't give itself another address in a header to get around a limit."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform
from readiness.rate_limits import DeclaredLimit, list_limits, send_until_refused


def _find_smallest(platform: LivePlatform) -> DeclaredLimit | None:
    return min(list_limits(platform), key=lambda limit: limit.settings.requests, default=None)


def _look(platform: LivePlatform) -> Observation:
    limit = _find_smallest(platform)
    if not limit:
        raise NotApplicableError("no API declares a limit (`api.limits`)")
    if not send_until_refused(platform, limit)[1]:
        raise NotApplicableError(f"{limit.name} refused nothing; limits-hold says so")
    # Of a network for documentation (RFC 5737); each request names another one.
    answered, refusal = send_until_refused(
        platform, limit, lambda number: {"X-Forwarded-For": f"203.0.113.{number % 254 + 1}"}
    )
    shown = f"429 after {answered} more" if refusal else f"{answered} more answered"
    seen = Observation({f"{limit.address} with other addresses in X-Forwarded-For": shown})
    seen.expect(refusal, f"{limit.name} takes the address in X-Forwarded-For for the client's")
    return seen


def _count(platform: LivePlatform) -> int:
    limit = _find_smallest(platform)
    return 2 * limit.most_requests if limit else 0


CHECK: Final = ReadinessCheck(
    id="limits-know-the-client",
    title="A header does not get a client around a limit",
    area="security",
    priority="high",
    looks_at=(
        "The smallest limit under `api.limits` once it has refused, with another X-Forwarded-For in each "
        "request."
    ),
    risk=(
        "The limit of sign-in is none for whoever knows the header, and passwords are guessed without an end."
    ),
    fix="Set Express's `trust proxy` to the number of proxies before it, never to true.",
    controls=(Control.NIST_SC_5, Control.SOC_CC6_6),
    look=_look,
    is_active=True,
    count_requests=_count,
)
