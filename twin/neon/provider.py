"""Neon's provider (kislerdm/neon 0.15.0): its client-side rules, defaults and replacement, by its source."""

from typing import Any

from twin.provider.rules import InputRule, at_most_one, each, one_of, size, within
from twin.provider.terraform_spec import ResourceSpec, VendorSpec, last_part
from twin.provider.values import Properties

_QUOTA = (
    "activeTimeSeconds",
    "computeTimeSeconds",
    "writtenDataBytes",
    "dataTransferBytes",
    "logicalSizeBytes",
)
_PROJECT_SWITCHES = (
    *("storePassword", "allowedIpsProtectedBranchesOnly", "blockPublicConnections", "blockVpcConnections"),
    *("enableLogicalReplication", "hipaa"),
)
_PROVISIONER = one_of("computeProvisioner", "k8s-pod", "k8s-neonvm")


def _switch(path: str) -> InputRule:
    """Check a three-valued switch, which is a string and no boolean."""
    return one_of(path, "yes", "no", "")


def _whole(path: str) -> InputRule:
    return each(path, lambda value: float(value).is_integer(), "be a whole number")


def _left_out(path: str) -> InputRule:
    """Refuse what is an output, although the bridge's schema has it among the inputs."""
    return each(path, lambda _value: False, "be left out")


def _without_zero_quota(wanted: Properties) -> Properties:
    """Leave zeros out: the provider never sends one, so a quota can't be lifted again."""
    quota: dict[str, Any] | None = wanted.get("quota")
    if not isinstance(quota, dict):
        return wanted
    return {**wanted, "quota": {name: value for name, value in quota.items() if value}}


def _database(identifier: str, state: Properties) -> str:
    """Address a database by what it is called now; the engine keeps the id that it was made under."""
    parts = [str(state.get(name) or "") for name in ("projectId", "branchId", "name")]
    return "/".join(parts) if all(parts) else identifier


NEON = VendorSpec(
    title="Neon",
    sets=False,
    old_sdk=True,
    # A refused deletion (422) counts as success: the object may live on, forgotten. Seen in the source.
    forgiven=frozenset({404, 422}),
    kinds={
        "project": ResourceSpec(
            rules=(
                within("historyRetentionSeconds", 0),
                _whole("historyRetentionSeconds"),
                _whole("pgVersion"),
                _PROVISIONER,
                *(within(f"quota.{name}", 0) for name in _QUOTA),
                *(_whole(f"quota.{name}") for name in _QUOTA),
                within("defaultEndpointSettings.suspendTimeoutSeconds", -1),
                _whole("defaultEndpointSettings.suspendTimeoutSeconds"),
                _left_out("defaultEndpointSettings.id"),
                _left_out("branch.id"),
                size("allowedIps", 1),
                size("maintenanceWindow.weekdays", 1, 7),
                _whole("maintenanceWindow.weekdays[]"),
                *map(_switch, _PROJECT_SWITCHES),
            ),
            defaults={
                "historyRetentionSeconds": 86_400,
                "storePassword": "yes",
                "defaultBranchProtected": False,
            },
            # An organization that is not named, and blocks, which the schema does not mark as computed.
            computed=frozenset({"orgId", "branch", "quota", "maintenanceWindow", "defaultEndpointSettings"}),
            replaces=frozenset({"orgId", "regionId", "pgVersion", "branch"}),
            literal=frozenset({"orgId"}),
            only_on_create=frozenset({"storePassword", "computeProvisioner", "branch", "orgId", "regionId"}),
            prepare=_without_zero_quota,
        ),
        "branch": ResourceSpec(
            rules=(
                within("parentTimestamp", 0),
                _whole("parentTimestamp"),
                at_most_one("", "parentLsn", "parentTimestamp"),
                _switch("protected"),
            ),
            replaces=frozenset({"parentLsn", "parentTimestamp"}),
            only_on_create=frozenset({"projectId", "parentId", "parentLsn", "parentTimestamp"}),
            address=last_part,
        ),
        "endpoint": ResourceSpec(
            rules=(
                one_of("type", "read_write", "read_only"),
                _whole("suspendTimeoutSeconds"),
                _PROVISIONER,
            ),
            defaults={"type": "read_write"},
            replaces=frozenset({"regionId"}),
            only_on_create=frozenset({"projectId", "type", "regionId"}),
            address=last_part,
        ),
        "role": ResourceSpec(
            rules=(_left_out("roleId"),),
            replaces=frozenset({"projectId", "branchId", "name"}),
            literal=frozenset({"name"}),
        ),
        "database": ResourceSpec(
            rules=(_left_out("databaseId"),),
            replaces=frozenset({"projectId", "branchId", "ownerName"}),
            literal=frozenset({"name"}),
            only_on_create=frozenset({"projectId", "branchId", "ownerName", "databaseId"}),
            address=_database,
        ),
    },
)
