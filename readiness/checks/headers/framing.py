"""Other sites can't show the application's pages in a frame."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.checks.headers.content_security_policy import parse_policy
from readiness.live_platform import LivePlatform

_OPEN: Final = frozenset(("*", "http:", "https:"))


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for address in platform.list_addresses():
        headers = platform.reader.get(address).headers
        frame = headers.get("x-frame-options", "").upper()
        ancestors = parse_policy(headers.get("content-security-policy", "")).get("frame-ancestors")
        text = " ".join(ancestors) if ancestors else "(missing)"
        seen.measured[address] = f"X-Frame-Options {frame or '(missing)'}, frame-ancestors {text}"
        seen.expect(
            frame in {"DENY", "SAMEORIGIN"},
            f"{address}: x-frame-options is {frame or 'missing'}, not DENY or SAMEORIGIN",
        )
        if ancestors is not None:
            # It overrides the header in every browser that knows it.
            seen.expect(not _OPEN & set(ancestors), f"{address}: frame-ancestors lets every site frame it")
    if not seen.measured:
        raise NotApplicableError("the stack declares no service")
    return seen


CHECK: Final = ReadinessCheck(
    id="framing",
    title="Other sites do not show the application's pages in a frame",
    area="security",
    priority="medium",
    looks_at="X-Frame-Options, and frame-ancestors in the content security policy, of each watched address.",
    risk=(
        "A page of another site puts the application under its own buttons, and users click what they "
        "don't see."
    ),
    fix="Use Helmet's defaults: X-Frame-Options: SAMEORIGIN and frame-ancestors 'self'.",
    controls=(Control.CIS_4_1, Control.SOC_CC6_6),
    look=_look,
)
