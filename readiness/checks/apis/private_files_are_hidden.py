"""What a deployment must not serve is not served: its environment, its repository, its sources."""

import re
from functools import partial
from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.live_platform import LivePlatform
from readiness.served_paths import look_at_paths

_FILES: Final = {
    "/.env": re.compile(rb"^\s*(?:export\s+)?[A-Z][A-Z0-9_]*\s*=", re.MULTILINE),
    "/.git/config": re.compile(rb"^\s*\[core\]", re.MULTILINE),
    "/package.json": re.compile(rb'"dependencies"\s*:'),
    "/backup.sql": re.compile(rb"PostgreSQL database dump|CREATE TABLE"),
}
"""Path -> how such a file begins."""


def _look(platform: LivePlatform) -> Observation:
    return look_at_paths(platform, _FILES, partial(platform.reader.send, "GET"), "is served")


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
