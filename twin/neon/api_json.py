"""
Neon's JSON on one side, the model's attributes on the other.

The source of every name is Neon's OpenAPI definition (https://neon.com/api_spec/release/v2.json). What the
twin does not measure (traffic, compute time) is 0.
"""

import zlib
from datetime import UTC, datetime
from typing import Any

from twin.vendor.store import Attributes

JsonObject = dict[str, Any]

_SWITCHES = {
    "block_public_connections": "blockPublicConnections",
    "block_vpc_connections": "blockVpcConnections",
    "enable_logical_replication": "enableLogicalReplication",
    "hipaa": "hipaa",
}
_COMPUTE = {
    "autoscaling_limit_min_cu": "autoscalingLimitMinCu",
    "autoscaling_limit_max_cu": "autoscalingLimitMaxCu",
    "suspend_timeout_seconds": "suspendTimeoutSeconds",
}
_QUOTA = {
    "active_time_seconds": "activeTimeSeconds",
    "compute_time_seconds": "computeTimeSeconds",
    "written_data_bytes": "writtenDataBytes",
    "data_transfer_bytes": "dataTransferBytes",
    "logical_size_bytes": "logicalSizeBytes",
}
_MAINTENANCE = {"weekdays": "weekdays", "start_time": "startTime", "end_time": "endTime"}
_PROJECT = {
    "name": "name",
    "org_id": "orgId",
    "region_id": "regionId",
    "pg_version": "pgVersion",
    "provisioner": "computeProvisioner",
    "history_retention_seconds": "historyRetentionSeconds",
}
_DEFAULT_BRANCH = {"name": "name", "role_name": "roleName", "database_name": "databaseName"}
_ENDPOINT = {
    "branch_id": "branchId",
    "type": "type",
    "region_id": "regionId",
    "pooler_enabled": "poolerEnabled",
    "pooler_mode": "poolerMode",
    "disabled": "disabled",
    "provisioner": "computeProvisioner",
    **_COMPUTE,
}
_UNMEASURED = (
    *("active_time_seconds", "compute_time_seconds", "written_data_bytes", "data_transfer_bytes"),
    "cpu_used_sec",
)


def project_from_json(said: JsonObject) -> Attributes:
    """Read the request for a new or changed project; what it leaves out is left out."""
    settings = said.get("settings") or {}
    wanted = _taken(said, _PROJECT)
    wanted |= {
        name: _switch(settings[key]) for key, name in _SWITCHES.items() if settings.get(key) is not None
    }
    if "store_passwords" in said:
        wanted["storePassword"] = _switch(said["store_passwords"])
    if said.get("default_endpoint_settings"):
        wanted["defaultEndpointSettings"] = _taken(said["default_endpoint_settings"], _COMPUTE)
    if said.get("branch"):
        wanted["branch"] = _taken(said["branch"], _DEFAULT_BRANCH)
    if settings.get("quota"):
        wanted["quota"] = _taken(settings["quota"], _QUOTA)
    if settings.get("maintenance_window"):
        wanted["maintenanceWindow"] = _taken(settings["maintenance_window"], _MAINTENANCE)
    allowed = settings.get("allowed_ips") or {}
    if "ips" in allowed:
        wanted["allowedIps"] = allowed["ips"] or None
    if allowed.get("protected_branches_only") is not None:
        wanted["allowedIpsProtectedBranchesOnly"] = _switch(allowed["protected_branches_only"])
    return wanted


def branch_from_json(said: JsonObject) -> Attributes:
    wanted = _taken(said, {"name": "name", "parent_id": "parentId", "parent_lsn": "parentLsn"})
    if said.get("protected") is not None:
        wanted["protected"] = _switch(said["protected"])
    if said.get("parent_timestamp"):
        wanted["parentTimestamp"] = datetime.fromisoformat(said["parent_timestamp"]).timestamp()
    return wanted


def endpoint_from_json(said: JsonObject) -> Attributes:
    settings = (said.get("settings") or {}).get("pg_settings")
    return _taken(said, _ENDPOINT) | ({"pgSettings": settings} if settings else {})


def project_to_json(identifier: str, record: Attributes) -> JsonObject:
    settings: JsonObject = {key: record[name] == "yes" for key, name in _SWITCHES.items() if record.get(name)}
    allowed: JsonObject = {"ips": record.get("allowedIps", [])}
    if only := record.get("allowedIpsProtectedBranchesOnly"):
        allowed["protected_branches_only"] = only == "yes"
    if window := record.get("maintenanceWindow"):
        settings["maintenance_window"] = _told(window, _MAINTENANCE)
    return {
        **_told(record, _PROJECT),
        **dict.fromkeys(_UNMEASURED, 0),
        **_times(record),
        "id": identifier,
        "settings": settings | {"quota": _told(record["quota"], _QUOTA), "allowed_ips": allowed},
        "default_endpoint_settings": _told(record["defaultEndpointSettings"], _COMPUTE),
        "store_passwords": record.get("storePassword") != "no",
        "platform_id": "aws",
        "proxy_host": "127.0.0.1",
        "creation_source": "console",
        "owner_id": record["orgId"],
        "data_storage_bytes_hour": 0,
        "branch_logical_size_limit": 0,
        "branch_logical_size_limit_bytes": 0,
        "consumption_period_start": instant(record["created"]),
        "consumption_period_end": instant(record["created"]),
    }


def branch_to_json(identifier: str, record: Attributes) -> JsonObject:
    told: JsonObject = {
        **dict.fromkeys(_UNMEASURED, 0),
        **_times(record),
        "id": identifier,
        "project_id": record["projectId"],
        "name": record["name"],
        "default": record["default"],
        "primary": record["default"],  # deprecated, but the provider's get_project reads it
        "protected": record["protected"] == "yes",
        "current_state": "ready",
        "state_changed_at": instant(record["created"]),
        "creation_source": "console",
    }
    if parent := record.get("parentId"):
        told |= {"parent_id": parent, "parent_timestamp": instant(record["parentTimestamp"])}
    return told


def endpoint_to_json(identifier: str, record: Attributes, read: Attributes) -> JsonObject:
    """Tell an endpoint; `record` has its times, `read` its host and what was left to Neon."""
    return {
        **_told(read, _ENDPOINT),
        **_times(record),
        "id": identifier,
        "project_id": record["projectId"],
        "host": read["host"],
        "proxy_host": read["proxyHost"],
        "settings": {"pg_settings": read.get("pgSettings", {})},
        "current_state": "idle" if read.get("disabled") else "active",
        "passwordless_access": True,
        "creation_source": "console",
    }


def role_to_json(record: Attributes, *, password: bool = False) -> JsonObject:
    """Tell a role; its password only in the answer to the request that set it."""
    told = {"branch_id": record["branchId"], "name": record["name"], "protected": False, **_times(record)}
    return told | ({"password": record["password"]} if password else {})


def database_to_json(record: Attributes) -> JsonObject:
    return {
        "id": zlib.crc32(f"{record['branchId']}/{record['name']}".encode()),
        "branch_id": record["branchId"],
        "name": record["name"],
        "owner_name": record["ownerName"],
        **_times(record),
    }


def _taken(said: JsonObject, names: dict[str, str]) -> Attributes:
    return {name: said[key] for key, name in names.items() if said.get(key) is not None}


def _told(record: Attributes, names: dict[str, str]) -> JsonObject:
    return {key: record[name] for key, name in names.items() if record.get(name) is not None}


def _switch(on: bool) -> str:
    return "yes" if on else "no"


def _times(record: Attributes) -> JsonObject:
    return {"created_at": instant(record["created"]), "updated_at": instant(record["created"])}


def instant(unix_seconds: float) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat().replace("+00:00", "Z")
