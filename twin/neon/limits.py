"""The limits of Neon's plans and of its API. Sources: Neon's API reference and its page on plans."""

from typing import NamedTuple

from twin.vendor.errors import VendorError
from twin.vendor.store import Attributes


class PlanLimits(NamedTuple):
    """What a plan allows."""

    name: str
    history_seconds: int
    protected_branches: int
    maintenance_window: bool
    network_rules: bool
    always_on: bool


PLANS = {
    plan.name: plan
    for plan in (
        PlanLimits("free", 21_600, 0, maintenance_window=False, network_rules=False, always_on=False),
        PlanLimits("launch", 604_800, 2, maintenance_window=True, network_rules=False, always_on=True),
        PlanLimits("scale", 2_592_000, 5, maintenance_window=True, network_rules=True, always_on=True),
    )
}
DEFAULT_PLAN = "launch"
REGIONS = (
    *("aws-us-east-1", "aws-us-east-2", "aws-us-west-2", "aws-eu-central-1", "aws-eu-west-2"),
    *("aws-ap-southeast-1", "aws-ap-southeast-2", "aws-sa-east-1"),
    *("azure-eastus2", "azure-westus3", "azure-gwc"),
)
_VERSIONS = range(14, 19)
_NAME_CHARACTERS = 256
_NETWORK_RULES = ("allowedIpsProtectedBranchesOnly", "blockPublicConnections", "blockVpcConnections", "hipaa")
_SUSPEND_SECONDS = range(60, 604_801)
_SMALLEST_COMPUTE_UNITS = 0.25


def check_project(wanted: Attributes, plan: PlanLimits) -> None:
    """Raise VendorError (400) unless the project is within the limits of the plan and the API."""
    if not 1 <= len(wanted["name"]) <= _NAME_CHARACTERS:
        raise VendorError(400, f"name must have 1 to {_NAME_CHARACTERS} characters.")
    if wanted["pgVersion"] not in _VERSIONS:
        raise VendorError(400, "pg_version must be 14 to 18.")
    if wanted["regionId"] not in REGIONS:
        raise VendorError(400, f"There is no region {wanted['regionId']!r}.")
    if not 0 <= (retention := wanted["historyRetentionSeconds"]) <= plan.history_seconds:
        raise VendorError(
            400,
            f"history_retention_seconds must be at most {plan.history_seconds} on the {plan.name} plan,"
            f" not {retention}.",
        )
    if "maintenanceWindow" in wanted and not plan.maintenance_window:
        raise VendorError(400, f"The {plan.name} plan has no maintenance window.")
    rules = [name for name in _NETWORK_RULES if wanted.get(name) == "yes"]
    rules += ["allowedIps"] if wanted.get("allowedIps") else []
    if rules and not plan.network_rules:
        raise VendorError(400, f"The {plan.name} plan does not offer {', '.join(rules)}.")
    check_compute(wanted.get("defaultEndpointSettings", {}), plan)


def check_compute(wanted: Attributes, plan: PlanLimits) -> None:
    """Raise VendorError (400) unless compute size and suspension are within the limits."""
    smallest = wanted.get("autoscalingLimitMinCu", _SMALLEST_COMPUTE_UNITS)
    largest = wanted.get("autoscalingLimitMaxCu", smallest)
    if not _SMALLEST_COMPUTE_UNITS <= smallest <= largest:
        raise VendorError(
            400, f"Compute limits must be at least {_SMALLEST_COMPUTE_UNITS} CU, and min <= max."
        )
    if (mode := wanted.get("poolerMode") or "transaction") != "transaction":
        raise VendorError(400, f"pooler_mode must be transaction, not {mode}.")
    match wanted.get("suspendTimeoutSeconds", 0):
        case -1 if not plan.always_on:
            raise VendorError(400, f"On the {plan.name} plan scale to zero cannot be switched off.")
        case -1 | 0:
            pass
        case seconds if seconds not in _SUSPEND_SECONDS:
            raise VendorError(400, "suspend_timeout_seconds must be -1, 0, or 60 to 604800.")
        case 300:
            pass
        case _ if not plan.network_rules:
            raise VendorError(400, f"The {plan.name} plan has no suspend timeout other than 300 seconds.")
        case _:
            pass
