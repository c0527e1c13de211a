"""
Reads and changes the deployments of a service at Railway, by its GraphQL API.

Source: docs.railway.com/integrations/api, and the schema in the repository of its provider 0.6.2.
"""

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, Field

from core.failure import Failure
from core.text import printable
from live.vendor_api import WritingApi

_PATH: Final = "/graphql/v2?source=bulwark"
"""Requests without a query meet a limit of the network's edge (provider, issue 55)."""

_FIELDS: Final = "id status createdAt canRollback projectId environmentId serviceId meta"
_MOST: Final = 50
_LETTERS: Final = 200


class RailwayDeployment(BaseModel, defer_build=True):
    """One deployment of a service in an environment."""

    id: str
    status: str
    created: datetime = Field(alias="createdAt")
    can_roll_back: bool = Field(alias="canRollback")
    project_id: str = Field(alias="projectId")
    environment_id: str = Field(alias="environmentId")
    service_id: str | None = Field(alias="serviceId")
    meta: dict[str, Any] | None = None

    @property
    def commit(self) -> str:
        """The commit, or the image of a service that has no repository."""
        meta = self.meta or {}
        return str(meta.get("commitHash") or meta.get("image") or "")


class _Error(BaseModel, defer_build=True):
    message: str = ""


class _Answer(BaseModel, defer_build=True):
    data: dict[str, Any] | None = None
    errors: list[_Error] = []


class _Edge(BaseModel, defer_build=True):
    node: RailwayDeployment


class _Edges(BaseModel, defer_build=True):
    edges: list[_Edge]


def list_deployments(
    api: WritingApi, *, project: str, environment: str, service: str
) -> list[RailwayDeployment]:
    """Return the newest deployments of a service, the newest first. Raises Failure."""
    query = (
        "query deployments($input: DeploymentListInput!) "
        f"{{ deployments(input: $input, first: {_MOST}) {{ edges {{ node {{ {_FIELDS} }} }} }} }}"
    )
    place = {"projectId": project, "environmentId": environment, "serviceId": service}
    found = _Edges.model_validate(_send(api, query, "deployments", input=place))
    return sorted(
        (edge.node for edge in found.edges), key=lambda deployment: deployment.created, reverse=True
    )


def find_deployment(api: WritingApi, deployment: str) -> RailwayDeployment:
    """Return a deployment by its id. Raises Failure: there is none."""
    query = f"query deployment($id: String!) {{ deployment(id: $id) {{ {_FIELDS} }} }}"
    return RailwayDeployment.model_validate(_send(api, query, "deployment", id=deployment))


def roll_back(api: WritingApi, deployment: str) -> None:
    """Let a former deployment run again, from its image and with its variables. Raises Failure."""
    query = "mutation deploymentRollback($id: String!) { deploymentRollback(id: $id) }"
    _send(api, query, "deploymentRollback", id=deployment)


def redeploy(api: WritingApi, deployment: str) -> None:
    """Deploy the source of a deployment again, with the variables that it was made with. Raises Failure."""
    query = f"mutation deploymentRedeploy($id: String!) {{ deploymentRedeploy(id: $id) {{ {_FIELDS} }} }}"
    _send(api, query, "deploymentRedeploy", id=deployment)


def _send(api: WritingApi, query: str, field: str, **variables: Any) -> Any:
    body = {"query": query, "variables": variables, "operationName": field}
    answer = api.change(_Answer, "POST", _PATH, body)
    if answer.errors or answer.data is None:
        # With the status 200: every error of GraphQL is one.
        messages = printable("; ".join(error.message for error in answer.errors))[:_LETTERS]
        raise Failure(
            f"Railway refused {field}: {messages or 'it answers nothing'}.",
            "see whose token RAILWAY_TOKEN is (an account's or a workspace's, and no project's), and the ids "
            "in the stack's file.",
        )
    return answer.data[field]
