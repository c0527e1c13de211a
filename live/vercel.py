"""
Reads and changes the production deployments of a project at Vercel.

Source: vercel.com/docs/rest-api ("deployments", "projects").
"""

from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, Field

from core.failure import Failure
from live.vendor_api import Api, WritingApi

_MOST: Final = 50


class _Target(BaseModel, defer_build=True):
    id: str


class VercelProject(BaseModel, defer_build=True):
    """A project, its owner and what production is."""

    id: str
    name: str
    owner: str = Field(alias="accountId")
    targets: dict[str, _Target | None] = {}

    @property
    def active(self) -> str:
        """Id of the deployment that production's domains lead to; empty without one."""
        target = self.targets.get("production")
        return target.id if target else ""


class VercelDeployment(BaseModel, defer_build=True):
    """One deployment of a project."""

    id: str = Field(alias="uid")
    state: str
    created_ms: int = Field(alias="created")
    meta: dict[str, Any] = {}

    @property
    def created(self) -> datetime:
        return datetime.fromtimestamp(self.created_ms / 1000, UTC)

    @property
    def commit(self) -> str:
        """Of the repository, whichever host of Git it is at."""
        names = ("githubCommitSha", "gitlabCommitSha", "bitbucketCommitSha")
        return next((str(self.meta[name]) for name in names if self.meta.get(name)), "")


class VercelVariable(BaseModel, defer_build=True):
    """An environment variable of a project, without its value."""

    id: str = ""
    key: str
    type: str
    """`sensitive`: nobody can read it again; `encrypted` and `plain`: every member can."""

    targets: str | list[str] = Field(default_factory=list[str], alias="target")
    branch: str | None = Field(default=None, alias="gitBranch")
    """The one branch whose previews get it; None: all."""

    @property
    def environments(self) -> set[str]:
        """Which deployments get it: production, preview, development."""
        return {self.targets} if isinstance(self.targets, str) else set(self.targets)


class _Variables(BaseModel, defer_build=True):
    variables: list[VercelVariable] = Field(alias="envs")


class _Deployments(BaseModel, defer_build=True):
    deployments: list[VercelDeployment]


class _Anything(BaseModel, defer_build=True):
    """An answer of which nothing is needed."""


def find_project(api: WritingApi, project: str, team: str | None) -> VercelProject:
    """Return a project. Raises Failure: there is none for this token."""
    found = api.get(VercelProject, f"/v10/projects/{project}", **_of(team))
    if found is None:
        raise Failure(
            f"Vercel has no project {project} for this token.",
            "see whose token VERCEL_API_TOKEN is, and the ids in the stack's file.",
        )
    return found


def list_deployments(api: WritingApi, project: str, team: str | None) -> list[VercelDeployment]:
    """Return the newest production deployments of a project, the newest first. Raises Failure."""
    query = {"projectId": project, "target": "production", "limit": str(_MOST), **_of(team)}
    found = api.get(_Deployments, "/v6/deployments", **query)
    listed = found.deployments if found else []
    return sorted(listed, key=lambda deployment: deployment.created_ms, reverse=True)


def list_variables(api: Api, project: str, team: str | None) -> list[VercelVariable]:
    """Return the environment variables of a project. Raises Failure."""
    found = api.get(_Variables, f"/v10/projects/{project}/env", **_of(team))
    return found.variables if found else []


def point_to(api: WritingApi, project: str, deployment: str, team: str | None, *, forward: bool) -> None:
    """Let production be another deployment, without a build; `forward` to a newer one. Raises Failure."""
    way = f"/v10/projects/{project}/promote" if forward else f"/v1/projects/{project}/rollback"
    api.change(_Anything, "POST", f"{way}/{deployment}{_query(team)}", {})


def redeploy(api: WritingApi, name: str, project: str, deployment: str, team: str | None) -> None:
    """Build the source of a deployment again for production, with the variables of now. Raises Failure."""
    body = {"name": name, "project": project, "deploymentId": deployment, "target": "production"}
    api.change(_Anything, "POST", f"/v13/deployments{_query(team)}", body)


def _of(team: str | None) -> dict[str, str]:
    return {"teamId": team} if team else {}


def _query(team: str | None) -> str:
    return f"?teamId={team}" if team else ""
