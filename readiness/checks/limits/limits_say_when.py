"""A refused request is told when it may come again."""

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
    _, refusal = send_until_refused(platform, limit)
    if not refusal:
        raise NotApplicableError(f"{limit.name} refused nothing; limits-hold says so")
    after = refusal.headers.get("retry-after", "")
    seen = Observation({f"Retry-After of {limit.address}": after or "(missing)"})
    seen.expect(after.isdecimal(), f"{limit.name} refuses without a number of seconds in Retry-After")
    if after.isdecimal():
        longest = 60 * limit.settings.minutes
        seen.expect(int(after) <= longest, f"{limit.name} says {after} s, and its window has {longest} s")
    return seen


def _count(platform: LivePlatform) -> int:
    limit = _find_smallest(platform)
    return limit.most_requests if limit else 0


CHECK: Final = ReadinessCheck(
    id="limits-say-when",
    title="A refused request is told when to come again",
    area="security",
    priority="low",
    looks_at="Retry-After in the refusal of the smallest limit under `api.limits`.",
    risk="Clients try again at once, and turn a limit into a flood.",
    fix="Leave express-rate-limit's headers on; send Retry-After from the handler of its refusals.",
    controls=(Control.NIST_SC_5,),
    look=_look,
    is_active=True,
    count_requests=_count,
)
