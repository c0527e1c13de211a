"""The domain says which authorities may issue certificates for it (CAA)."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.domain_names import ask, list_names
from readiness.live_platform import LivePlatform

_ISSUE: Final = b"issue"


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for name in list_names(platform):
        issuers = _find_issuers(platform, name)
        seen.measured[name] = ", ".join(issuers) or "any authority"
        seen.expect(issuers, f"any authority may issue a certificate for {name}")
    return seen


def _find_issuers(platform: LivePlatform, name: str) -> list[str]:
    """Return who may issue, by the records of the name or the nearest one above it (RFC 8659)."""
    labels = name.split(".")
    for first in range(len(labels) - 1):
        answer = ask(platform, ".".join(labels[first:]), "CAA")
        if answer is not None:
            records = [(record.tag.lower(), record.value) for record in answer]
            return [value.decode(errors="replace") or "nobody" for tag, value in records if tag == _ISSUE]
    return []


CHECK: Final = ReadinessCheck(
    id="authorities-are-named",
    title="The domain says which authorities may issue certificates (CAA)",
    area="security",
    priority="medium",
    looks_at="The CAA records of each service's name, or of the nearest domain above it.",
    risk="Any authority that is deceived issues a certificate with which somebody poses as the platform.",
    fix='Add a CAA record for the authority that the host uses, such as 0 issue "letsencrypt.org".',
    controls=(Control.SOC_CC6_7, Control.NIST_SC_12),
    look=_look,
)
