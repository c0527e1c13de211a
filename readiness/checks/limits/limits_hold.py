"""Each declared limit refuses the first request above it."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform
from readiness.rate_limits import list_limits, send_until_refused


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for limit in list_limits(platform):
        answered, refusal = send_until_refused(platform, limit)
        declared = f"{limit.settings.requests} in {limit.settings.minutes} min"
        shown = f"429 after {answered}" if refusal else f"{answered} answered, none refused"
        seen.measured[f"{limit.settings.method} {limit.address}"] = f"{shown}; declared {declared}"
        seen.expect(
            refusal, f"{limit.name} is not limited: {answered} requests were answered, not {declared}"
        )
    if not seen.measured:
        raise NotApplicableError("no API declares a limit (`api.limits`)")
    return seen


CHECK: Final = ReadinessCheck(
    id="limits-hold",
    title="Rate limits refuse what is above them",
    area="security",
    priority="high",
    looks_at=(
        "Each limit under `api.limits`: as many requests as it allows and one more, the last one refused "
        "with 429."
    ),
    risk="Passwords are guessed without an end, and one client's loop takes the platform from everybody.",
    fix=(
        "Put express-rate-limit before the routes: 100 requests in 15 minutes for the API, 5 for "
        "sign-in, 10 uploads an hour, with a store that all instances share."
    ),
    controls=(Control.NIST_SC_5, Control.SOC_CC6_6),
    look=_look,
    is_active=True,
    count_requests=lambda platform: sum(limit.most_requests for limit in list_limits(platform)),
    limit_seconds=120.0,
)
