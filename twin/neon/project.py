"""A Neon project as its API first takes it and later tells it, in the provider's terms."""

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


def complete(project: str, endpoint: str, wanted: Attributes) -> Attributes:
    """Fill in what a request for a new project left out. Sources: Neon's API reference, "Create project"."""
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


def answer(
    project: Attributes, branch: tuple[str, Attributes], records: Records, endpoint: str, host: str
) -> Attributes | None:
    """
    Tell a project with its default connection: the oldest database of the default branch, and its owner.

    None when no database or owner is left, which the provider takes for "no such project".
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
