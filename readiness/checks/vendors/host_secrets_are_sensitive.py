"""Variables at Vercel that hold secrets are marked sensitive there."""

import re
from typing import Final

from components.settings import VercelSettings
from core.host_variables import DATABASE_URL
from core.text import printable
from live import vercel
from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform

_SENSITIVE: Final = "sensitive"
_DEVELOPMENT: Final = "development"
"""Vercel takes no sensitive variable there."""

_PUBLIC: Final = re.compile(r"^(NEXT_PUBLIC|VITE|PUBLIC|REACT_APP|NUXT_PUBLIC|GATSBY)_")
_SECRET: Final = re.compile(
    r"(^|_)(SECRET|PASSWORD|PASSWD|TOKEN|PRIVATE_KEY|API_KEY|SECRET_KEY|ACCESS_KEY|CREDENTIALS)(_|$)|"
    r"(^|_)(DATABASE|POSTGRES|REDIS|MONGODB)_UR[IL]$"
)
"""Names that a secret usually has; what a build shows to browsers is none."""


def _look(platform: LivePlatform) -> Observation:
    hosts = {name: one for name, one in platform.settings.hosts.items() if isinstance(one, VercelSettings)}
    if not hosts or platform.open_host is None:
        raise NotApplicableError("no service is at Vercel; Railway does not say what is sealed")
    seen = Observation()
    for service, host in sorted(hosts.items()):
        declared = {*host.secrets, *([DATABASE_URL] if host.database else [])}
        with platform.open_host("vercel") as api:
            variables = vercel.list_variables(api, host.project, host.team)
        seen.measured[f"{service}, variables"] = str(len(variables))
        for variable in variables:
            if list(variable.targets) == [_DEVELOPMENT] or not _is_secret(variable.key, declared):
                continue
            name = printable(variable.key)
            seen.measured[f"{service}, {name}"] = printable(variable.type)
            seen.expect(
                variable.type == _SENSITIVE, f"{name} of {service} is {printable(variable.type)} at Vercel"
            )
        lacking = declared - {variable.key for variable in variables}
        seen.problems += [f"{name} of {service} is declared, and Vercel has none" for name in sorted(lacking)]
    return seen


def _is_secret(name: str, declared: set[str]) -> bool:
    return name in declared or (not _PUBLIC.search(name) and bool(_SECRET.search(name)))


CHECK: Final = ReadinessCheck(
    id="host-secrets-are-sensitive",
    title="Secrets at Vercel are marked sensitive",
    area="security",
    priority="high",
    looks_at=(
        "The type of each variable of the projects at Vercel that the stack declares as a secret, or whose "
        "name says that it is one, but for those of development, where Vercel has no such type."
    ),
    risk="Every member of the team, and whoever takes over one member's account, reads the secrets in clear.",
    fix="Delete the variable at Vercel, declare it under `secrets` of the host, and run `./bulwark up`.",
    controls=(Control.SOC_CC6_1, Control.ISO_A_8_24, Control.NIST_IA_5),
    look=_look,
    limit_seconds=60.0,
)
