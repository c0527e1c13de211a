"""
Calls to the twin's AWS as CloudTrail records them and hands them to EventBridge.

A call is recorded where a trail of the account logs. Of a refused call only S3 records the parameters. As on
AWS, an event is there after the call, so rules match it as they are then, and a call that turns the trail off
is recorded itself.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

from moto.cloudtrail.models import Trail, cloudtrail_backends
from werkzeug.wrappers import Request, Response

from twin.aws.alarm_actions import read_call
from twin.aws.evaluation import find_bucket
from twin.aws.policy import Principal
from twin.aws.s3_actions import list_s3_permissions

_GLOBAL_REGION: Final = "us-east-1"
_FIRST_ERROR: Final = 300
_FIRST_BYTES: Final = 2000
_READS: Final = ("Describe", "Get", "Head", "List")
_PARAMETERS: Final = frozenset(
    (
        "AliasName",
        "KeyId",
        "Name",
        "OpenIDConnectProviderArn",
        "PolicyArn",
        "PolicyName",
        "RoleArn",
        "RoleName",
        "Rule",
        "SubscriptionArn",
        "TopicArn",
        "TrailName",
        "Url",
    )
)
"""Parameters that an event has; AWS's has all of them, without secrets."""

_BUCKET_CALLS: Final = {
    "accelerate": "AccelerateConfiguration",
    "intelligent-tiering": "IntelligentTieringConfiguration",
    "inventory": "InventoryConfiguration",
    "metrics": "MetricsConfiguration",
    "object-lock": "ObjectLockConfiguration",
    "ownershipControls": "OwnershipControls",
    "publicAccessBlock": "PublicAccessBlock",
    "requestPayment": "RequestPayment",
}
"""Parameter of a query -> how CloudTrail calls the configuration; others are called as they are."""

_ERROR: Final = re.compile(r'<Code>([^<]+)|"__type": ?"([^"]+)"')
_ERROR_TEXT: Final = re.compile(r'<Message>([^<]+)|"[Mm]essage": ?"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class RecordedCall:
    """A call that trails record, before its outcome is known."""

    accounts: tuple[str, ...]
    """The caller's account and that of what it calls, as far as these have a trail."""

    event: Mapping[str, Any]
    """The event without its account."""

    keeps_parameters: bool
    """Whether the parameters are recorded even if the call is refused."""

    def complete(self, response: Response, account: str) -> dict[str, Any]:
        """Return the event as an account's EventBridge gets it."""
        detail = dict(self.event["detail"])
        if response.status_code >= _FIRST_ERROR:
            text = response.get_data()[:_FIRST_BYTES].decode(errors="replace")
            detail["errorCode"] = _find(_ERROR, text).removesuffix("Exception") or str(response.status_code)
            detail["errorMessage"] = _find(_ERROR_TEXT, text)
            if detail["errorCode"] == "AccessDenied" and not self.keeps_parameters:
                detail["requestParameters"] = None
        return {**self.event, "account": account, "detail": detail}


def record_call(request: Request, service: str, principal: Principal, region: str) -> RecordedCall | None:
    """Return what trails record of a call; None for one that EventBridge would not get."""
    if service == "s3":
        found = _describe_s3_call(request)
        if found is None:
            return None
        name, parameters, region, owner, managing = found
    else:
        name, given = read_call(request, service)
        parameters = {
            key[:1].lower() + key[1:]: value
            for key, value in given.items()
            if key in _PARAMETERS and isinstance(value, str)
        }
        region = _GLOBAL_REGION if service == "iam" else region
        owner, managing = _find_owner(parameters), True
    if not name or name.startswith(_READS) or not principal.kind:
        return None
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "AWS API Call via CloudTrail",
        "source": f"aws.{service}",
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": region,
        "resources": [],
        "detail": {
            "eventID": str(uuid.uuid4()),
            "eventSource": f"{service}.amazonaws.com",
            "eventName": name,
            "awsRegion": region,
            "sourceIPAddress": "127.0.0.1",
            "userIdentity": _describe_identity(principal),
            "requestParameters": parameters,
            "readOnly": service == "sts",
            "managementEvent": managing,
            "eventCategory": "Management" if managing else "Data",
        },
    }
    resource = f"arn:aws:s3:::{parameters.get('bucketName', '')}/{parameters.get('key', '')}"
    accounts = tuple(
        account
        for account in dict.fromkeys((principal.account, owner or principal.account))
        if any(_records(trail, region, resource, managing=managing) for trail in _list_trails(account))
    )
    return RecordedCall(accounts, event, keeps_parameters=service == "s3") if accounts else None


def _describe_s3_call(request: Request) -> tuple[str, dict[str, str], str, str, bool] | None:
    """Return the name of a call that changes something, its parameters, region, owner, and if it manages."""
    bucket_name, _, key = request.path.removeprefix("/").partition("/")
    if request.method in {"GET", "HEAD", "OPTIONS"} or not bucket_name:
        return None
    bucket = find_bucket(bucket_name)
    region = bucket.region_name if bucket else _GLOBAL_REGION
    owner = bucket.account_id if bucket else ""
    parameters = {"bucketName": bucket_name, **({"key": key} if key else {})}
    if key or "delete" in request.args:
        action = list_s3_permissions(request)[-1].action if list_s3_permissions(request) else ""
        return action.removeprefix("s3:").replace("Version", ""), parameters, region, owner, False
    part = next(iter(request.args), "")
    verb = "Delete" if request.method == "DELETE" else "Put" if part else "Create"
    return f"{verb}Bucket{_BUCKET_CALLS.get(part, part.capitalize())}", parameters, region, owner, True


def _find_owner(parameters: Mapping[str, str]) -> str:
    """Return the account of the role or key that a call names by its ARN."""
    arn = parameters.get("roleArn") or parameters.get("keyId") or ""
    return arn.split(":")[4] if arn.startswith("arn:") and arn.count(":") >= 5 else ""


def _describe_identity(principal: Principal) -> dict[str, Any]:
    if not principal.session:
        return {"type": "Root", "arn": principal.arn, "accountId": principal.account}
    return {
        "type": "AssumedRole",
        "arn": principal.session,
        "accountId": principal.account,
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": principal.arn}},
    }


def _list_trails(account: str) -> Iterator[Trail]:
    if account in cloudtrail_backends:
        for backend in cloudtrail_backends[account].values():
            yield from backend.trails.values()


def _records(trail: Trail, region: str, resource: str, *, managing: bool) -> bool:
    """Tell whether a trail records a call; of selectors the twin knows what equals, and what begins with."""
    if not trail.status.is_logging or not (trail.is_multi_region or trail.region_name == region):
        return False
    _, selectors = trail.get_event_selectors()
    if not selectors:
        return managing
    category = "Management" if managing else "Data"
    values = {"eventCategory": category, "resources.type": "AWS::S3::Object", "resources.ARN": resource}
    return any(
        all(
            any(values.get(field["Field"], "") == text for text in field.get("Equals", ()))
            or any(values.get(field["Field"], "").startswith(text) for text in field.get("StartsWith", ()))
            for field in cast("list[dict[str, Any]]", selector["FieldSelectors"])
        )
        for selector in selectors
    )


def _find(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return next(filter(None, match.groups()), "") if match else ""
