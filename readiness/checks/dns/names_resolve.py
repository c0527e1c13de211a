"""Every service's name leads to an address, which can be changed within an hour."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.domain_names import ask, list_names
from readiness.live_platform import LivePlatform

_LONGEST_SECONDS: Final = 3_600


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for name in list_names(platform):
        answers = [answer for kind in ("A", "AAAA") if (answer := ask(platform, name, kind)) is not None]
        addresses = sorted(str(record) for answer in answers for record in answer)
        seen.measured[name] = ", ".join(addresses) or "no address"
        seen.expect(addresses, f"{name} has no address")
        # The answer's own time is that of the shortest record of the chain, CNAMEs too.
        longest = max((answer.rrset.ttl for answer in answers if answer.rrset), default=0)
        if addresses:
            seen.measured[f"{name} is kept for"] = f"{longest} s"
        seen.expect(
            longest <= _LONGEST_SECONDS,
            f"{name} is kept for {longest} s, and {_LONGEST_SECONDS} s are allowed",
        )
    return seen


CHECK: Final = ReadinessCheck(
    id="names-resolve",
    title="Names lead to addresses that can be changed within an hour",
    area="health",
    priority="high",
    looks_at="The A and AAAA records of each service's name, and how long resolvers keep them.",
    risk="After a move to another host users reach the old one for a day.",
    fix="Correct the record at the domain's name servers, with a time to live of five minutes to an hour.",
    controls=(Control.NIST_CP_10, Control.ISO_A_5_30),
    look=_look,
)
