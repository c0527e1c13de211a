"""What a deployment must not serve is not served: its environment, its repository, its sources."""

import re
from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform

_FILES: Final = {
    "/.env": re.compile(rb"^\s*(?:export\s+)?[A-Z][A-Z0-9_]*\s*=", re.MULTILINE),
    "/.git/config": re.compile(rb"^\s*\[core\]", re.MULTILINE),
    "/package.json": re.compile(rb'"dependencies"\s*:'),
    "/backup.sql": re.compile(rb"PostgreSQL database dump|CREATE TABLE"),
}
"""Path -> how such a file begins; a frontend answers unknown paths with its page."""


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for _, service in sorted(platform.services.items()):
        for path, form in _FILES.items():
            answer = platform.reader.send("GET", f"{service.url}{path}")
            is_served = answer.status == 200 and form.search(answer.body) is not None
            seen.measured[f"GET {service.url}{path}"] = str(answer.status)
            seen.expect(not is_served, f"{service.url}{path} is served")
    if not seen.measured:
        raise NotApplicableError("the stack declares no service")
    return seen


CHECK: Final = ReadinessCheck(
    id="private-files-are-hidden",
    title="Nothing of the deployment's own files is served",
    area="security",
    priority="critical",
    looks_at=f"{', '.join(_FILES)} of each service.",
    risk="Whoever asks reads the credentials of the database, or the code.",
    fix="Serve one folder of built files and nothing above it; rotate every credential that was served.",
    controls=(Control.SOC_CC6_1, Control.CIS_3_3, Control.NIST_IA_5_7),
    look=_look,
    is_active=True,
    count_requests=lambda platform: len(_FILES) * len(platform.services),
)
