"""
Translate between the JSON of Neon's API and the model's attributes.

The source of every name is Neon's OpenAPI definition (https://neon.com/api_spec/release/v2.json). Quantities
that the twin doesn't measure (traffic, compute time) are 0 unless `usage` says otherwise.
"""

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from twin.neon.usage import find_period
from twin.vendor.errors import VendorError
from twin.vendor.store import Attributes

JsonObject = dict[str, Any]

_SWITCH_FIELDS = {
    "block_public_connections": "blockPublicConnections",
    "block_vpc_connections": "blockVpcConnections",
    "enable_logical_replication": "enableLogicalReplication",
    "hipaa": "hipaa",
}
_COMPUTE_FIELDS = {
    "autoscaling_limit_min_cu": "autoscalingLimitMinCu",
    "autoscaling_limit_max_cu": "autoscalingLimitMaxCu",
    "suspend_timeout_seconds": "suspendTimeoutSeconds",
}
_QUOTA_FIELDS = {
    "active_time_seconds": "activeTimeSeconds",
    "compute_time_seconds": "computeTimeSeconds",
    "written_data_bytes": "writtenDataBytes",
    "data_transfer_bytes": "dataTransferBytes",
    "logical_size_bytes": "logicalSizeBytes",
}
_MAINTENANCE_FIELDS = {"weekdays": "weekdays", "start_time": "startTime", "end_time": "endTime"}
_PROJECT_FIELDS = {
    "name": "name",
    "org_id": "orgId",
    "region_id": "regionId",
    "pg_version": "pgVersion",
    "provisioner": "computeProvisioner",
    "history_retention_seconds": "historyRetentionSeconds",
}
_DEFAULT_BRANCH_FIELDS = {"name": "name", "role_name": "roleName", "database_name": "databaseName"}
_ENDPOINT_FIELDS = {
    "branch_id": "branchId",
    "type": "type",
    "region_id": "regionId",
    "pooler_enabled": "poolerEnabled",
    "pooler_mode": "poolerMode",
    "disabled": "disabled",
    "provisioner": "computeProvisioner",
    **_COMPUTE_FIELDS,
}
ACCOUNT = "00000000-0000-0000-0000-000000000001"
"""The user whose account the twin is."""

_UNMEASURED_FIELDS = (
    *("active_time_seconds", "compute_time_seconds", "written_data_bytes", "data_transfer_bytes"),
    "cpu_used_sec",
)


def project_from_json(body: JsonObject) -> Attributes:
    """Return the attributes that a request for a new or changed project names."""
    settings = body.get("settings") or {}
    wanted = _fields_from_json(body, _PROJECT_FIELDS)
    wanted |= {
        name: _yes_or_no(settings[key])
        for key, name in _SWITCH_FIELDS.items()
        if settings.get(key) is not None
    }
    if "store_passwords" in body:
        wanted["storePassword"] = _yes_or_no(body["store_passwords"])
    if body.get("default_endpoint_settings"):
        wanted["defaultEndpointSettings"] = _fields_from_json(
            body["default_endpoint_settings"], _COMPUTE_FIELDS
        )
    if body.get("branch"):
        wanted["branch"] = _fields_from_json(body["branch"], _DEFAULT_BRANCH_FIELDS)
    if settings.get("quota"):
        wanted["quota"] = _fields_from_json(settings["quota"], _QUOTA_FIELDS)
    if settings.get("maintenance_window"):
        wanted["maintenanceWindow"] = _fields_from_json(settings["maintenance_window"], _MAINTENANCE_FIELDS)
    allowed = settings.get("allowed_ips") or {}
    if "ips" in allowed:
        wanted["allowedIps"] = allowed["ips"] or None
    if allowed.get("protected_branches_only") is not None:
        wanted["allowedIpsProtectedBranchesOnly"] = _yes_or_no(allowed["protected_branches_only"])
    return wanted


def branch_from_json(body: JsonObject) -> Attributes:
    wanted = _fields_from_json(body, {"name": "name", "parent_id": "parentId", "parent_lsn": "parentLsn"})
    if body.get("protected") is not None:
        wanted["protected"] = _yes_or_no(body["protected"])
    if body.get("parent_timestamp"):
        wanted["parentTimestamp"] = read_instant(body["parent_timestamp"])
    return wanted


def read_instant(text: Any) -> float:
    """Return a timestamp of a request as Unix time. Raises VendorError (400)."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        raise VendorError(400, f"{text!r} is no timestamp in ISO 8601.") from None


def endpoint_from_json(body: JsonObject) -> Attributes:
    settings = (body.get("settings") or {}).get("pg_settings")
    return _fields_from_json(body, _ENDPOINT_FIELDS) | ({"pgSettings": settings} if settings else {})


def project_to_json(identifier: str, record: Attributes, usage: Mapping[str, int]) -> JsonObject:
    settings: JsonObject = {
        key: record[name] == "yes" for key, name in _SWITCH_FIELDS.items() if record.get(name)
    }
    allowed: JsonObject = {"ips": record.get("allowedIps", [])}
    if protected_only := record.get("allowedIpsProtectedBranchesOnly"):
        allowed["protected_branches_only"] = protected_only == "yes"
    if window := record.get("maintenanceWindow"):
        settings["maintenance_window"] = _fields_to_json(window, _MAINTENANCE_FIELDS)
    period_start, period_end = find_period(datetime.now(UTC))
    return {
        **_fields_to_json(record, _PROJECT_FIELDS),
        **dict.fromkeys(_UNMEASURED_FIELDS, 0),
        **usage,
        **_times(record),
        "id": identifier,
        "settings": settings
        | {"quota": _fields_to_json(record["quota"], _QUOTA_FIELDS), "allowed_ips": allowed},
        "default_endpoint_settings": _fields_to_json(record["defaultEndpointSettings"], _COMPUTE_FIELDS),
        "store_passwords": record.get("storePassword") != "no",
        "platform_id": "aws",
        "proxy_host": "127.0.0.1",
        "creation_source": "console",
        "owner_id": record["orgId"],
        "data_storage_bytes_hour": 0,
        "branch_logical_size_limit": 0,
        "branch_logical_size_limit_bytes": 0,
        "consumption_period_start": format_instant(period_start.timestamp()),
        "consumption_period_end": format_instant(period_end.timestamp()),
    }


def branch_to_json(identifier: str, record: Attributes, usage: Mapping[str, int]) -> JsonObject:
    body: JsonObject = {
        **dict.fromkeys(_UNMEASURED_FIELDS, 0),
        "logical_size": 0,
        **usage,
        **_times(record),
        "id": identifier,
        "project_id": record["projectId"],
        "name": record["name"],
        "default": record["default"],
        "primary": record["default"],  # deprecated, but the provider's get_project reads it
        "protected": record["protected"] == "yes",
        "current_state": "ready",
        "state_changed_at": format_instant(record["created"]),
        "creation_source": "console",
    }
    if parent := record.get("parentId"):
        body |= {"parent_id": parent, "parent_timestamp": format_instant(record["parentTimestamp"])}
    return body


def endpoint_to_json(identifier: str, record: Attributes, attributes: Attributes) -> JsonObject:
    """Return an endpoint: the times of its record, and the attributes that the model reads."""
    return {
        **_fields_to_json(attributes, _ENDPOINT_FIELDS),
        **_times(record),
        "id": identifier,
        "project_id": record["projectId"],
        "host": attributes["host"],
        "proxy_host": attributes["proxyHost"],
        "settings": {"pg_settings": attributes.get("pgSettings", {})},
        "current_state": "idle" if attributes.get("disabled") else "active",
        "passwordless_access": True,
        "creation_source": "console",
    }


def key_to_json(identifier: str, record: Attributes) -> JsonObject:
    """Return an API key as a list has it: without its token."""
    return {
        "id": int(identifier),
        "name": record["name"],
        "created_at": format_instant(record["created"]),
        "created_by": {"id": ACCOUNT, "name": "Twin", "image": ""},
        "last_used_at": format_instant(record["used"]) if record["used"] else None,
        "last_used_from_addr": "127.0.0.1" if record["used"] else "",
        **({"project_id": record["project"]} if record["project"] else {}),
    }


def role_to_json(record: Attributes, *, password: bool = False) -> JsonObject:
    """Return a role, with its password only in the response to the request that set it."""
    body = {"branch_id": record["branchId"], "name": record["name"], "protected": False, **_times(record)}
    return body | ({"password": record["password"]} if password else {})


def database_to_json(record: Attributes) -> JsonObject:
    return {
        "id": zlib.crc32(f"{record['branchId']}/{record['name']}".encode()),
        "branch_id": record["branchId"],
        "name": record["name"],
        "owner_name": record["ownerName"],
        **_times(record),
    }


def _fields_from_json(body: JsonObject, names: dict[str, str]) -> Attributes:
    return {name: body[key] for key, name in names.items() if body.get(key) is not None}


def _fields_to_json(record: Attributes, names: dict[str, str]) -> JsonObject:
    return {key: record[name] for key, name in names.items() if record.get(name) is not None}


def _yes_or_no(on: bool) -> str:
    return "yes" if on else "no"


def _times(record: Attributes) -> JsonObject:
    return {"created_at": format_instant(record["created"]), "updated_at": format_instant(record["created"])}


def format_instant(unix_seconds: float) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat().replace("+00:00", "Z")
