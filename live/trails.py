"""
Whether CloudTrail records an account in reality: no call alarms without a trail.

Of a trail that the stack declares the refresh reads the settings. Of one that it only names nothing is in the
state, so all of it is asked here.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from live.aws_access import AwsAccess, explain_errors
from live.declared import DeclaredStack
from live.finding import LiveFinding, Lookup, name

_TRAIL: Final = "aws:cloudtrail/trail:Trail"
_BUCKET: Final = "aws:s3/bucket:Bucket"
_REPAIR: Final = "see who changed it (CloudTrail), and let whoever administers the trail put it right."


def lookups(declared: DeclaredStack, access: AwsAccess, named: Mapping[str, str]) -> Iterator[Lookup]:
    """
    Yield one lookup for each trail.

    Args:
        declared: The stack's state.
        access: AWS's APIs.
        named: Account -> ARN of the trail that records it and that the stack does not declare.
    """
    for trail in declared.of_type(_TRAIL):
        yield _look_at(str(trail["id"]), access, declared.provider_of(trail), is_declared=True)
    providers = {
        str(account): provider
        for provider in map(declared.provider_of, declared.of_type(_BUCKET))
        for account in provider.get("allowedAccountIds") or ()
    }
    for account, arn in named.items():
        yield _look_at(arn, access, providers.get(account, {}), is_declared=False)


def _look_at(arn: str, access: AwsAccess, provider: Mapping[str, Any], *, is_declared: bool) -> Lookup:
    return Lookup(
        f"trail {arn}",
        f"aws/trail/{arn}",
        lambda: _find(arn, access, provider, is_declared=is_declared),
    )


def _find(
    arn: str, access: AwsAccess, provider: Mapping[str, Any], *, is_declared: bool
) -> Iterator[LiveFinding]:
    cloudtrail = access.open_client("cloudtrail", {**provider, "region": arn.split(":")[3]})
    with explain_errors(f"reading the trail {arn}"):
        found = cloudtrail.describe_trails(trailNameList=[arn], includeShadowTrails=True)["trailList"]
        trail = next((each for each in found if each["TrailARN"] == arn), None)
        if trail is None and is_declared:
            return  # the refresh says that it is gone
        status = cloudtrail.get_trail_status(Name=arn) if trail else {}
        selectors = cloudtrail.get_event_selectors(TrailName=arn) if trail and not is_declared else {}
    problems = [] if is_declared else list(_judge(trail, status, selectors))
    if error := status.get("LatestDeliveryError"):
        problems.append(
            ("delivery", f"it does not reach its bucket {trail and trail.get('S3BucketName')}: {error}")
        )
    for what, problem in problems:
        yield LiveFinding(name("aws/trail", arn, what), problem, _REPAIR)


def _judge(
    trail: Mapping[str, Any] | None, status: Mapping[str, Any], selectors: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a trail that the stack only names: its subject, and the problem."""
    if trail is None:
        yield "existence", "it does not exist: no call of the account is recorded, and none alarms"
        return
    if not status.get("IsLogging"):
        yield "logging", "it is off: no call of the account is recorded, and none alarms"
    if not trail.get("IsMultiRegionTrail"):
        yield "regions", "it records one region alone"
    if not trail.get("IncludeGlobalServiceEvents"):
        yield "global-services", "it leaves out the calls to IAM"
    if not trail.get("LogFileValidationEnabled"):
        yield "validation", "its files can't be told from forged ones: log file validation is off"
    if not _records_management(selectors):
        yield "management", "it leaves out calls that manage something"


def _records_management(selectors: Mapping[str, Any]) -> bool:
    """Tell whether selectors take all calls that manage something; without any, a trail does."""
    advanced = selectors.get("AdvancedEventSelectors") or []
    basic = selectors.get("EventSelectors") or []
    if advanced:
        wanted = [{"Field": "eventCategory", "Equals": ["Management"]}]
        return any(selector.get("FieldSelectors") == wanted for selector in advanced)
    return not basic or any(
        selector.get("IncludeManagementEvents", True)
        and selector.get("ReadWriteType", "All") == "All"
        and not selector.get("ExcludeManagementEventSources")
        for selector in basic
    )
