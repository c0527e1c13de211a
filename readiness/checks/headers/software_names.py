"""No answer names the software that made it, with its version."""

import re
from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform

_VERSION: Final = re.compile(r"\d+\.\d+")
_HEADERS: Final = ("x-powered-by", "x-aspnet-version", "x-generator")


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for address in platform.list_addresses():
        headers = platform.reader.get(address).headers
        server = headers.get("server", "")
        shown = {name: headers[name] for name in _HEADERS if name in headers}
        if _VERSION.search(server):
            shown["server"] = server
        seen.measured[address] = ", ".join(f"{name}: {text}" for name, text in shown.items()) or "nothing"
        seen.problems += [f"{address}: {name} is {text}" for name, text in shown.items()]
    if not seen.measured:
        raise NotApplicableError("the stack declares no service")
    return seen


CHECK: Final = ReadinessCheck(
    id="software-names",
    title="Answers don't name the software and its version",
    area="security",
    priority="low",
    looks_at="X-Powered-By and its like, and a version in the header Server, of each watched address.",
    risk="Who searches for a vulnerable version finds the platform by it.",
    fix=(
        "Use Helmet's hidePoweredBy, or app.disable('x-powered-by'); take the version out of the "
        "server's name."
    ),
    controls=(Control.CIS_4_1, Control.SOC_CC7_1),
    look=_look,
)
