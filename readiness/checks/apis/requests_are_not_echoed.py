"""The method TRACE is refused."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for _, service in sorted(platform.services.items()):
        status = platform.reader.send("TRACE", f"{service.url}/").status
        seen.measured[f"TRACE {service.url}/"] = str(status)
        seen.expect(status >= 400, f"TRACE {service.url}/ is answered with {status}")
    if not seen.measured:
        raise NotApplicableError("the stack declares no service")
    return seen


CHECK: Final = ReadinessCheck(
    id="requests-are-not-echoed",
    title="The method TRACE is refused",
    area="security",
    priority="low",
    looks_at="TRACE / of each service.",
    risk=(
        "The answer shows what proxies add to a request, such as credentials between the parts of a platform."
    ),
    fix="Refuse TRACE in the server or its proxy.",
    controls=(Control.CIS_4_1,),
    look=_look,
    is_active=True,
    count_requests=lambda platform: len(platform.services),
)
