"""Every service speaks TLS 1.2 and 1.3, and nothing older."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform
from readiness.tls_probe import VERSIONS, accepts_version, find_origin

_OLD: Final = ("TLS 1.0", "TLS 1.1")
_NEWEST: Final = "TLS 1.3"


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for url in sorted({service.url for service in platform.services.values()}):
        accepted = [name for name, version in VERSIONS.items() if accepts_version(find_origin(url), version)]
        seen.measured[url] = ", ".join(accepted) or "no version"
        for name in _OLD:
            seen.expect(name not in accepted, f"{url} speaks {name}")
        seen.expect(_NEWEST in accepted, f"{url} does not speak {_NEWEST}")
    if not seen.measured:
        raise NotApplicableError("the stack declares no service")
    return seen


CHECK: Final = ReadinessCheck(
    id="tls-is-current",
    title="Services speak TLS 1.3, and nothing before 1.2",
    area="security",
    priority="high",
    looks_at="One handshake in each version of TLS with each service.",
    risk="A connection in an old version can be read by who is in between.",
    fix="Set TLS 1.2 as the least version at the host or proxy, and turn on TLS 1.3.",
    controls=(Control.SOC_CC6_7, Control.NIST_SC_8, Control.CIS_3_10),
    look=_look,
)
