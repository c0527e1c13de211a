"""
Roll a service back to another deployment at its host, or deploy one again.

Which deployment is named by its id: so a repeated call means the same one, whatever runs meanwhile.
"""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from components.secrets import TOKEN_VARIABLES
from components.settings import RailwaySettings, VercelSettings
from core.failure import Failure
from live import railway, vercel
from live.vendor_api import WritingApi
from live.vendor_apis import open_writing_api
from respond.step import (
    RespondContext,
    ResponseAction,
    ResponsePlan,
    ResponseStep,
    StepOptions,
    TargetProof,
    choose_target,
    format_instant,
    require_proven,
)

_WAIT_SECONDS: Final = 900.0
"""A build takes minutes."""

_POLL_SECONDS: Final = 0.5
_SHOWN: Final = 5
_SHORT: Final = 12


@dataclass(frozen=True)
class HostedDeployment:
    """A deployment at any host."""

    id: str
    commit: str
    created: datetime
    status: str
    runs: bool
    """Whether it was built and started."""

    can_return: bool
    """Whether it can run again without a build."""

    def describe(self) -> str:
        commit = f", commit {self.commit[:_SHORT]}" if self.commit else ""
        return f"{self.id} of {format_instant(self.created)}{commit}, {self.status}"


@dataclass(frozen=True)
class HostedService:
    """What a host has of a service now."""

    active: HostedDeployment | None
    """What users reach."""

    deployments: tuple[HostedDeployment, ...]
    """The newest first."""

    proofs: tuple[TargetProof, ...]

    def find(self, identifier: str) -> HostedDeployment:
        for deployment in self.deployments:
            if deployment.id == identifier:
                return deployment
        raise Failure(
            f"{identifier} is no deployment of this service.",
            f"choose one of these: {', '.join(one.id for one in self.deployments[:_SHOWN]) or 'none'}.",
        )


class _Host(Protocol):
    """How a host is asked."""

    title: str
    variables: str
    """What a deployment there has of the service's variables."""

    def read(self) -> HostedService: ...

    def return_to(self, wanted: HostedDeployment, *, forward: bool) -> None: ...

    def redeploy(self, wanted: HostedDeployment) -> None: ...


class _RailwayService:
    title = "Railway"
    variables = "It runs with the variables that it was made with. The stack's are those of now"

    def __init__(self, api: WritingApi, host: RailwaySettings) -> None:
        self._api, self._host = api, host

    def read(self) -> HostedService:
        host = self._host
        listed = railway.list_deployments(
            self._api, project=host.project, environment=host.environment, service=host.service
        )
        found = [
            HostedDeployment(
                one.id, one.commit, one.created, one.status, one.status == "SUCCESS", one.can_roll_back
            )
            for one in listed
        ]
        newest = listed[0] if listed else None
        return HostedService(
            active=next((one for one in found if one.status in {"SUCCESS", "CRASHED", "SLEEPING"}), None),
            deployments=tuple(found),
            proofs=(
                TargetProof("project", host.project, newest.project_id if newest else ""),
                TargetProof("environment", host.environment, newest.environment_id if newest else ""),
                TargetProof("service", host.service, (newest.service_id or "") if newest else ""),
            ),
        )

    def return_to(self, wanted: HostedDeployment, *, forward: bool) -> None:  # noqa: ARG002 - Vercel's
        railway.roll_back(self._api, wanted.id)

    def redeploy(self, wanted: HostedDeployment) -> None:
        railway.redeploy(self._api, wanted.id)


class _VercelProject:
    title = "Vercel"
    variables = "It has the variables that it was built with. The project's are those of now"

    def __init__(self, api: WritingApi, host: VercelSettings) -> None:
        self._api, self._host = api, host

    def read(self) -> HostedService:
        host = self._host
        project = vercel.find_project(self._api, host.project, host.team)
        found = [
            HostedDeployment(
                one.id, one.commit, one.created, one.state, one.state == "READY", one.state == "READY"
            )
            for one in vercel.list_deployments(self._api, host.project, host.team)
        ]
        owner = [TargetProof("team", host.team, project.owner)] if host.team else []
        return HostedService(
            active=next((one for one in found if one.id == project.active), None),
            deployments=tuple(found),
            proofs=(TargetProof("project", host.project, project.id), *owner),
        )

    def return_to(self, wanted: HostedDeployment, *, forward: bool) -> None:
        host = self._host
        vercel.point_to(self._api, host.project, wanted.id, host.team, forward=forward)

    def redeploy(self, wanted: HostedDeployment) -> None:
        host = self._host
        name = vercel.find_project(self._api, host.project, host.team).name
        vercel.redeploy(self._api, name, host.project, wanted.id, host.team)


@contextmanager
def _open_host(context: RespondContext, service: str) -> Generator[_Host]:
    hosts = context.target.settings.hosts
    host = hosts[choose_target("service with a host", service, hosts)]
    vendor = host.type
    token = context.tokens.get(TOKEN_VARIABLES[f"at_{vendor}"], "")
    with open_writing_api(context.target, vendor, token) as api:
        yield _RailwayService(api, host) if isinstance(host, RailwaySettings) else _VercelProject(api, host)


def read_service(context: RespondContext, service: str) -> HostedService:
    """Return what a service's host has of it now. Raises Failure: also if it is not the declared one."""
    with _open_host(context, service) as host:
        found = host.read()
    require_proven("a look at the deployments", found.proofs)
    return found


def start_deployment(context: RespondContext, service: str, deployment: str) -> None:
    """Let a deployment run that ran before, whether it works or not. Raises Failure."""
    with _open_host(context, service) as host:
        now = host.read()
        require_proven("the change", now.proofs)
        wanted = now.find(deployment)
        host.return_to(wanted, forward=_is_forward(now, wanted))


def _plan_return(context: RespondContext, service: str, options: StepOptions) -> ResponsePlan:
    with _open_host(context, service) as host:
        found = host.read()
        title, variables = host.title, host.variables
    proofs = require_proven("roll-back", found.proofs)
    active = found.active
    wanted = found.find(_require_deployment("roll-back", options, found, _candidates(found)))
    is_active = active is not None and active.id == wanted.id
    if not wanted.can_return and not is_active and not _has_returned(found, wanted):
        raise Failure(
            f"{title} can't roll back to {wanted.describe()}: it never ran, or its image is gone.",
            f"./bulwark respond redeploy {service} --deployment {wanted.id} builds it again.",
        )
    return ResponsePlan(
        proofs=proofs,
        found=_describe(found),
        actions=(
            ResponseAction(
                "roll-back",
                f"Let {wanted.describe()} run in place of {active.describe() if active else 'nothing'}, "
                "without a build.",
                run=lambda: _change(
                    context,
                    service,
                    lambda host, now: host.return_to(wanted, forward=_is_forward(now, wanted)),
                    lambda now: _has_returned(now, wanted),
                ),
                is_done=_has_returned(found, wanted),
            ),
        ),
        left=(f"{variables}: the next deployment has them.",)
        + (
            ("New deployments get no traffic after a rollback until one is promoted: roll-back to it.",)
            if title == "Vercel"
            else ()
        ),
        next_step="see that /health is green from outside: ./bulwark status{options}.",
    )


def _plan_redeploy(context: RespondContext, service: str, options: StepOptions) -> ResponsePlan:
    with _open_host(context, service) as host:
        found = host.read()
        title = host.title
    proofs = require_proven("redeploy", found.proofs)
    candidates = [one for one in (found.active, *_candidates(found)) if one]
    wanted = found.find(_require_deployment("redeploy", options, found, candidates))
    if not wanted.commit:
        raise Failure(
            f"{title} names no commit of {wanted.describe()}, by which a repeated call would know it again.",
            "deploy it again in the dashboard.",
        )
    has = "the variables of now" if title == "Vercel" else "the variables that it was made with"
    return ResponsePlan(
        proofs=proofs,
        found=_describe(found),
        actions=(
            ResponseAction(
                "redeploy",
                f"Deploy the source of {wanted.describe()} again, with {has}.",
                run=lambda: _change(
                    context,
                    service,
                    lambda host, _now: host.redeploy(wanted),
                    lambda now: _is_deployed_again(now, wanted),
                ),
                is_done=_is_deployed_again(found, wanted),
            ),
        ),
        next_step="see that /health is green from outside: ./bulwark status{options}.",
    )


def _require_deployment(
    step: str, options: StepOptions, found: HostedService, candidates: list[HostedDeployment]
) -> str:
    if options.deployment:
        return options.deployment
    active = found.active.describe() if found.active else "nothing"
    shown = "; ".join(one.describe() for one in candidates[:_SHOWN]) or "there is none"
    raise Failure(
        f"{step} needs the deployment; {active} is in use.",
        f"--deployment ID; the newest that ran: {shown}.",
    )


def _candidates(found: HostedService) -> list[HostedDeployment]:
    """Return the deployments that could run again, the newest first."""
    return [one for one in found.deployments if one.can_return and one != found.active]


def _describe(found: HostedService) -> dict[str, str]:
    return {"in use": found.active.describe() if found.active else "nothing"}


def _is_forward(now: HostedService, wanted: HostedDeployment) -> bool:
    return now.active is not None and wanted.created > now.active.created


def _has_returned(now: HostedService, wanted: HostedDeployment) -> bool:
    """Tell whether a deployment is in use, or one that was made of its commit after another one's."""
    active = now.active
    if active is None or not active.runs:
        return False
    between = [one for one in now.deployments if wanted.created < one.created < active.created]
    return active.id == wanted.id or (
        bool(active.commit)
        and active.commit == wanted.commit
        and any(one.commit != wanted.commit for one in between)
    )


def _is_deployed_again(now: HostedService, wanted: HostedDeployment) -> bool:
    return any(
        one.created > wanted.created and one.runs and bool(one.commit) and one.commit == wanted.commit
        for one in now.deployments
    )


def _change(
    context: RespondContext,
    service: str,
    send: Callable[[_Host, HostedService], None],
    is_done: Callable[[HostedService], bool],
) -> Mapping[str, str]:
    """Send a change unless it is made already, and wait until the host has made it. Raises Failure."""
    deadline = time.monotonic() + _WAIT_SECONDS
    with _open_host(context, service) as host:
        now = host.read()
        require_proven("the change", now.proofs)
        if not is_done(now):
            send(host, now)
        while not is_done(now := host.read()):
            if time.monotonic() > deadline:
                raise Failure(
                    f"{host.title} is not done after {_WAIT_SECONDS / 60:.0f} minutes.",
                    "look at the deployments there; then this again.",
                )
            time.sleep(_POLL_SECONDS)
    return _describe(now)


_RIGHTS: Final = (
    "a token of the host that deploys: RAILWAY_TOKEN (an account's or a workspace's), VERCEL_API_TOKEN (for "
    "the team)"
)
ROLL_BACK: Final = ResponseStep(
    "roll-back",
    "Let another deployment of a service run that ran before, without a build.",
    "a service with a host",
    _RIGHTS,
    _plan_return,
)
REDEPLOY: Final = ResponseStep(
    "redeploy",
    "Deploy the source of a service's deployment again.",
    "a service with a host",
    _RIGHTS,
    _plan_redeploy,
)
