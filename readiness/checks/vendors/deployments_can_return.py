"""Each hosted service has an earlier deployment that it can be rolled back to."""

from collections.abc import Sequence
from typing import Final

from components.settings import RailwaySettings, VercelSettings
from core.text import printable
from live import railway, vercel
from live.vendor_api import WritingApi
from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform

_SHORT: Final = 12
_IN_USE: Final = frozenset(("SUCCESS", "CRASHED", "SLEEPING"))
"""Railway's statuses of the deployment that users reach."""


def _look(platform: LivePlatform) -> Observation:
    hosts = platform.settings.hosts
    if not hosts or platform.open_host is None:
        raise NotApplicableError("no service has a host (`host` in bulwark:services)")
    seen = Observation()
    for service, host in sorted(hosts.items()):
        with platform.open_host(host.type) as api:
            in_use, others = (
                _ask_railway(api, host) if isinstance(host, RailwaySettings) else _ask_vercel(api, host)
            )
        seen.measured[f"{service}, in use"] = in_use or "nothing"
        seen.measured[f"{service}, to return to"] = others[0] if others else "none"
        seen.expect(in_use, f"{service} has no deployment in use")
        seen.expect(others, f"{service} has no other deployment that can run again")
    return seen


_UseAndReturns = tuple[str, Sequence[str]]
"""The deployment in use, and the others that can run again, the newest first."""


def _ask_railway(api: WritingApi, host: RailwaySettings) -> _UseAndReturns:
    listed = railway.list_deployments(
        api, project=host.project, environment=host.environment, service=host.service
    )
    active = next((one for one in listed if one.status in _IN_USE), None)
    others = [_describe(one.id, one.commit) for one in listed if one is not active and one.can_roll_back]
    return _describe(active.id, active.commit) if active else "", others


def _ask_vercel(api: WritingApi, host: VercelSettings) -> _UseAndReturns:
    project = vercel.find_project(api, host.project, host.team)
    ready = [one for one in vercel.list_deployments(api, host.project, host.team) if one.state == "READY"]
    active = next((one for one in ready if one.id == project.active), None)
    others = [_describe(one.id, one.commit) for one in ready if one is not active]
    return _describe(active.id, active.commit) if active else "", others


def _describe(identifier: str, commit: str) -> str:
    return printable(f"{identifier}, commit {commit[:_SHORT]}" if commit else identifier)


CHECK: Final = ReadinessCheck(
    id="deployments-can-return",
    title="Each hosted service can be rolled back",
    area="recovery",
    priority="high",
    looks_at=(
        "The deployments of each service at Railway or Vercel: which is in use, and whether another one can "
        "run again without a build."
    ),
    risk="A bad deployment stays until another one is built, and the build may be what is broken.",
    fix=(
        "Deploy a second time, or take a larger plan of Railway, which says how long images are kept. Then "
        "`./bulwark respond roll-back SERVICE` returns within seconds."
    ),
    controls=(Control.SOC_CC8_1, Control.NIST_CM_3, Control.NIST_CP_10),
    look=_look,
    limit_seconds=60.0,
)
