"""Neon's provider (kislerdm/neon 0.15.0): its input rules, defaults and replacements, by its source."""

from http import HTTPStatus
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
    """Check a switch that is a string: yes, no or unset."""
    return one_of(path, "yes", "no", "")


def _whole(path: str) -> InputRule:
    return each(path, lambda value: float(value).is_integer(), "be a whole number")


def _output_only(path: str) -> InputRule:
    """Refuse an output that the bridge's schema has among the inputs."""
    return each(path, lambda _value: False, "be left out")


def _without_zero_quota(wanted: Properties) -> Properties:
    """Return the inputs without quotas of 0: the provider doesn't send them, so a quota can't be lifted."""
    quota: dict[str, Any] | None = wanted.get("quota")
    if not isinstance(quota, dict):
        return wanted
    return {**wanted, "quota": {name: value for name, value in quota.items() if value}}


def _database_address(identifier: str, state: Properties) -> str:
    """Return the address with the current name; the engine keeps the id of the database's first name."""
    parts = [str(state.get(name) or "") for name in ("projectId", "branchId", "name")]
    return "/".join(parts) if all(parts) else identifier


NEON = VendorSpec(
    title="Neon",
    scalar_lists_are_sets=False,
    uses_sdk_v2=True,
    # The whole creation of a project (retry.go); nothing else.
    repeats_creation=lambda kind, status: kind == "project" and status == HTTPStatus.INTERNAL_SERVER_ERROR,
    # The provider's source takes a refused deletion (422) for success: the object may exist without a state.
    delete_success_statuses=frozenset({404, 422}),
    resources={
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
                _output_only("defaultEndpointSettings.id"),
                _output_only("branch.id"),
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
            # An organization that is left out, and blocks: the schema doesn't mark them as computed.
            computed=frozenset({"orgId", "branch", "quota", "maintenanceWindow", "defaultEndpointSettings"}),
            replaces=frozenset({"orgId", "regionId", "pgVersion", "branch"}),
            empty_is_value=frozenset({"orgId"}),
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
            rules=(_output_only("roleId"),),
            replaces=frozenset({"projectId", "branchId", "name"}),
            empty_is_value=frozenset({"name"}),
        ),
        "database": ResourceSpec(
            rules=(_output_only("databaseId"),),
            replaces=frozenset({"projectId", "branchId", "ownerName"}),
            empty_is_value=frozenset({"name"}),
            only_on_create=frozenset({"projectId", "branchId", "ownerName", "databaseId"}),
            address=_database_address,
        ),
    },
)
