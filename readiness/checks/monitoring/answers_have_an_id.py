"""Each answer of an API has an id by which its lines in the logs are found."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform

_NAMES: Final = ("x-request-id", "x-correlation-id", "traceparent", "x-railway-request-id", "x-vercel-id")


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for service, api in platform.apis.values():
        for path in dict.fromkeys((api.health, api.version)):
            address = f"{service.url}{path}"
            headers = platform.reader.get(address).headers
            found = next((name for name in _NAMES if headers.get(name)), "")
            seen.measured[address] = found or "no id"
            seen.expect(found, f"{address} answers without an id ({', '.join(_NAMES)})")
    if not seen.measured:
        raise NotApplicableError("no service says that it is an API (`api` in bulwark:services)")
    return seen


CHECK: Final = ReadinessCheck(
    id="answers-have-an-id",
    title="Answers have an id that leads to the logs",
    area="monitoring",
    priority="medium",
    looks_at=f"One of the headers {', '.join(_NAMES)} in the answers of each API.",
    risk="A user's error can't be found among the lines of a day.",
    fix="Give each request an id, log it with every line, and answer it in X-Request-Id.",
    controls=(Control.NIST_AU_2, Control.CIS_8_2),
    look=_look,
)
