"""No page of another site reads an answer of the API."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform

_STRANGER: Final = "https://readiness.example.net"


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    own = {service.url for service in platform.services.values()}
    for service, api in platform.apis.values():
        address = f"{service.url}{api.version}"
        trusted = sorted(own | set(api.origins))
        host = service.url.rpartition(":")[0] if service.url.count(":") > 1 else service.url
        for origin in (_STRANGER, "null", f"{host}:1", *(f"{one}.example.net" for one in trusted)):
            headers = platform.reader.get(address, {"Origin": origin}).headers
            allowed = headers.get("access-control-allow-origin", "")
            seen.measured[f"{address} for {origin}"] = allowed or "refused"
            if allowed in {"*", origin}:
                cookies = headers.get("access-control-allow-credentials", "").lower() == "true"
                with_cookies = ", with the user's cookies" if cookies else ""
                seen.problems.append(f"{address} lets {origin} read its answers{with_cookies}")
    if not seen.measured:
        raise NotApplicableError("no service says that it is an API (`api` in bulwark:services)")
    return seen


CHECK: Final = ReadinessCheck(
    id="strangers-may-not-read",
    title="Pages of other sites read no answer of the API (CORS)",
    area="security",
    priority="critical",
    looks_at=(
        "Access-Control-Allow-Origin of each API for origins that are none of the platform's: another "
        "site, `null`, another port, and each own origin with more behind it."
    ),
    risk="Any page that a signed-in user visits reads that user's data through the browser.",
    fix="Give the cors middleware a list of whole origins, no `*`, no reflection, no pattern without an end.",
    controls=(Control.SOC_CC6_1, Control.SOC_CC6_6, Control.NIST_AC_3),
    look=_look,
)
