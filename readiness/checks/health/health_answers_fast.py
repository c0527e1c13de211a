"""`/health` answers faster than the uptime monitors call slow."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform

_DEFAULT_MILLISECONDS: Final = 2_000


def _look(platform: LivePlatform) -> Observation:
    uptime = platform.settings.uptime
    most = (uptime and uptime.slow_after_milliseconds) or _DEFAULT_MILLISECONDS
    seen = Observation()
    for service, api in platform.apis.values():
        address = f"{service.url}{api.health}"
        milliseconds = round(1000 * platform.reader.get(address).seconds)
        seen.measured[address] = f"{milliseconds} ms of {most} ms"
        seen.expect(milliseconds <= most, f"{address} took {milliseconds} ms, and {most} ms are allowed")
    if not seen.measured:
        raise NotApplicableError("no service says that it is an API (`api` in bulwark:services)")
    return seen


CHECK: Final = ReadinessCheck(
    id="health-answers-fast",
    title="/health answers before the monitors call it slow",
    area="health",
    priority="medium",
    looks_at="The time of one request to `api.health`, beside uptime.slow_after_milliseconds.",
    risk="A probe that is slow by itself hides when the platform becomes slow, and times out under load.",
    fix="Let /health ask the database one cheap query, and nothing of other services.",
    controls=(Control.NIST_SI_4,),
    look=_look,
)
