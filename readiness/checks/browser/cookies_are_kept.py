"""Cookies are sent over TLS alone, to the site alone, and no script reads them."""

from collections.abc import Iterator
from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.documented_api import list_safe_addresses
from readiness.live_platform import LivePlatform

_SITES: Final = frozenset(("lax", "strict"))


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for address in dict.fromkeys([*platform.list_addresses(), *list_safe_addresses(platform)]):
        for cookie in platform.reader.get(address).headers.get_list("set-cookie"):
            name, attributes = _parse(cookie)
            shown = "; ".join(f"{key}={value}" if value else key for key, value in attributes.items())
            seen.measured[f"{name} of {address}"] = shown or "no attribute"
            seen.problems += [f"{address}: the cookie {name} {problem}" for problem in _judge(attributes)]
    if not seen.measured:
        raise NotApplicableError("no answer that was read sets a cookie")
    return seen


def _parse(cookie: str) -> tuple[str, dict[str, str]]:
    """Return a cookie's name and its attributes in lower case; its value is a secret."""
    pair, *parts = cookie.split(";")
    split = (part.strip().partition("=") for part in parts)
    return pair.partition("=")[0].strip(), {name.lower(): value.strip().lower() for name, _, value in split}


def _judge(attributes: dict[str, str]) -> Iterator[str]:
    if "secure" not in attributes:
        yield "is sent without TLS (no Secure)"
    if "httponly" not in attributes:
        yield "is read by scripts (no HttpOnly)"
    if (site := attributes.get("samesite", "")) not in _SITES:
        yield f"is sent with requests of other sites (SameSite is {site or 'missing'})"


CHECK: Final = ReadinessCheck(
    id="cookies-are-kept",
    title="Cookies go over TLS to the site alone, and no script reads them",
    area="security",
    priority="high",
    looks_at=(
        "Each Set-Cookie of the watched addresses and of the documented GETs: Secure, HttpOnly, SameSite."
    ),
    risk=(
        "A session is taken over: by whoever listens, by a script on the page, or by a request of "
        "another site."
    ),
    fix="Set secure, httpOnly and sameSite 'lax' in the options of the session's cookie.",
    controls=(Control.SOC_CC6_1, Control.SOC_CC6_7, Control.NIST_SC_8),
    look=_look,
)
