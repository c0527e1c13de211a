"""Plain HTTP answers nothing but the address over HTTPS."""

from typing import Final
from urllib.parse import urljoin, urlsplit

from core.failure import Failure
from core.text import printable
from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.http_reader import HttpAnswer
from readiness.live_platform import LivePlatform

_MOST_CHARACTERS: Final = 100


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for _, service in sorted(platform.services.items()):
        if not (plain := platform.plain_addresses.get(service.url)):
            continue
        # A service that answers nowhere is not one that keeps plain HTTP closed.
        platform.reader.get(f"{service.url}/")
        try:
            answer = platform.reader.get(f"{plain}/")
        except Failure:
            seen.measured[plain] = "nothing answers"
            continue
        seen.measured[plain] = f"{answer.status}, {_find_target(answer) or 'no redirect'}"
        is_secure = answer.status // 100 == 3 and urlsplit(_find_target(answer)).scheme == "https"
        seen.expect(is_secure, f"{plain} does not lead to HTTPS ({seen.measured[plain]})")
    if not seen.measured:
        raise NotApplicableError("no service is at the usual port of HTTPS")
    return seen


def _find_target(answer: HttpAnswer) -> str:
    """Return where a redirect leads; empty without one, or where the address is none."""
    try:
        location = answer.headers.get("location", "")
        return printable(urljoin(answer.url, location))[:_MOST_CHARACTERS] if location else ""
    except ValueError:
        return ""


CHECK: Final = ReadinessCheck(
    id="plain-http-leads-to-https",
    title="Plain HTTP leads to HTTPS",
    area="security",
    priority="high",
    looks_at="The answer to plain HTTP at port 80 of each service: a redirect to HTTPS, or none.",
    risk="Whoever types the address without https reads, signs in and is followed in clear.",
    fix=(
        "Redirect every request to HTTPS with 308 where TLS ends; Vercel and Railway do it by themselves, so "
        "look what is in front of them."
    ),
    controls=(Control.SOC_CC6_7, Control.NIST_SC_8, Control.CIS_3_10),
    look=_look,
)
