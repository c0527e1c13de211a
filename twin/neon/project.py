"""A Neon project in the provider's attributes: the defaults of a new one, and how the API shows it."""

from twin.vendor.store import Attributes

Records = dict[str, dict[str, Attributes]]
"""The default branch's endpoints, roles and databases: kind -> id -> record, oldest first."""

_QUOTA = (
    "activeTimeSeconds",
    "computeTimeSeconds",
    "writtenDataBytes",
    "dataTransferBytes",
    "logicalSizeBytes",
)


def complete_project(project: str, endpoint: str, wanted: Attributes) -> Attributes:
    """Return a new project with Neon's defaults. Source: Neon's API reference, "Create project"."""
    return {
        "id": project,
        "name": project,
        "orgId": "org-twin",
        "regionId": "aws-us-east-1",
        "pgVersion": 17,
        "storePassword": "yes",
        "historyRetentionSeconds": 86_400,
        "computeProvisioner": "k8s-neonvm",
        **wanted,
        "defaultEndpointSettings": {
            "autoscalingLimitMinCu": 0.25,
            "autoscalingLimitMaxCu": 2,
            "suspendTimeoutSeconds": 0,
            **wanted.get("defaultEndpointSettings", {}),
            "id": endpoint,
        },
        "branch": {
            "name": "main",
            "roleName": "neondb_owner",
            "databaseName": "neondb",
            **wanted.get("branch", {}),
        },
        "quota": {**dict.fromkeys(_QUOTA, 0), **wanted.get("quota", {})},
    }


def project_to_response(
    project: Attributes, branch: tuple[str, Attributes], records: Records, endpoint: str, host: str
) -> Attributes | None:
    """
    Return a project with its default connection: the oldest database of the default branch, and its owner.

    Return None if there is no database or owner; the provider then assumes that the project doesn't exist.
    """
    branch_id, main = branch
    database = next(iter(records["database"].values()), None)
    owners = {role["name"]: role for role in records["role"].values()}
    if database is None or database["ownerName"] not in owners:
        return None
    user, name = database["ownerName"], database["name"]
    password = owners[user]["password"]
    uri = f"postgres://{user}:{password}@{host}/{name}?sslmode=disable"
    shown = {key: value for key, value in project.items() if key not in {"maker", "created"}}
    return {
        **shown,
        "branch": {"id": branch_id, "name": main["name"], "roleName": user, "databaseName": name},
        "defaultEndpointSettings": {**project["defaultEndpointSettings"], "id": endpoint},
        "defaultBranchProtected": main["protected"] == "yes",
        "defaultBranchId": branch_id,
        "defaultEndpointId": endpoint,
        "databaseHost": host,
        "databaseHostPooler": host,
        "databaseName": name,
        "databaseUser": user,
        "databasePassword": password,
        "connectionUri": uri,
        "connectionUriPooler": uri,
    }
