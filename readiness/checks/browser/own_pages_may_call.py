"""The platform's own pages may call its API."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for name, (service, api) in platform.apis.items():
        address = f"{service.url}{api.version}"
        pages = {one.url for other, one in platform.services.items() if other != name and not one.api}
        for origin in sorted(pages | set(api.origins) - {service.url}):
            allowed = platform.reader.get(address, {"Origin": origin}).headers.get(
                "access-control-allow-origin", ""
            )
            seen.measured[f"{address} for {origin}"] = allowed or "refused"
            seen.expect(allowed in {"*", origin}, f"{address} does not let {origin} read its answers")
    if not seen.measured:
        raise NotApplicableError("no API has pages on another origin")
    return seen


CHECK: Final = ReadinessCheck(
    id="own-pages-may-call",
    title="The platform's own pages may call its API (CORS)",
    area="health",
    priority="critical",
    looks_at="Access-Control-Allow-Origin of each API for the other services, and for `api.origins`.",
    risk="The frontend is up and can't do anything: the browser refuses every answer.",
    fix="List the frontend's origin in the cors middleware, or the page's origin under `api.origins`.",
    controls=(Control.NIST_CM_2,),
    look=_look,
)
