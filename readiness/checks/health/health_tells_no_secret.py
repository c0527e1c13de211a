"""`/health` shows no address of the inside, and nothing that looks like a credential."""

import re
from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform

_SECRETS: Final = {
    "the address of a server with its user": re.compile(r"\w+://[^\s/\"']*@"),
    "the address of a database": re.compile(r"(?:postgres(?:ql)?|mysql|redis|mongodb(?:\+srv)?)://"),
    "a field with a credential": re.compile(
        r'"[^"]*(?:password|secret|token|api_?key)[^"]*"\s*:\s*"', re.IGNORECASE
    ),
    "a stack trace": re.compile(r"\bat .+:\d+:\d+|Traceback \(most recent"),
}


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for service, api in platform.apis.values():
        for path in dict.fromkeys((api.health, api.version)):
            address = f"{service.url}{path}"
            text = platform.reader.get(address).body.decode(errors="replace")
            found = [what for what, form in _SECRETS.items() if form.search(text)]
            seen.measured[address] = ", ".join(found) or "nothing of the inside"
            seen.problems += [f"{address} shows {what}" for what in found]
    if not seen.measured:
        raise NotApplicableError("no service says that it is an API (`api` in bulwark:services)")
    return seen


CHECK: Final = ReadinessCheck(
    id="health-tells-no-secret",
    title="/health and the version show nothing of the inside",
    area="security",
    priority="critical",
    looks_at="The texts at `api.health` and `api.version`: addresses with users, of databases, credentials, "
    "stack traces.",
    risk="Anybody reads how to reach the database.",
    fix="Answer whether the database works, without its address or its error; rotate what was shown.",
    controls=(Control.NIST_IA_5_7, Control.SOC_CC6_1),
    look=_look,
)
