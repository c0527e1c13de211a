"""
The permissions that a request to SNS, EventBridge or CloudTrail needs.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/, pages Amazon SNS, Amazon
EventBridge and AWS CloudTrail
"""

import json
from typing import Any, Final

from moto.sns.models import Topic, sns_backends
from werkzeug.wrappers import Request

from twin.aws.policy import RequiredPermission

SERVICES: Final = ("cloudtrail", "events", "sns")
_COLONS_IN_A_TOPICS_ARN: Final = 5
_ANY_RESOURCE: Final = (
    "DescribeTrails",
    "GetSubscriptionAttributes",
    "ListTopics",
    "ListTrails",
    "SetSubscriptionAttributes",
    "Unsubscribe",
)
"""Actions for which a policy can name no resource."""


def read_call(request: Request, service: str) -> tuple[str, dict[str, Any]]:
    """Return a request's action and parameters; no parameters if the body is none of the service's."""
    if service in {"sns", "iam", "sts"}:
        values = request.values.to_dict()
        return values.pop("Action", ""), values
    try:
        parameters = json.loads(request.get_data() or b"{}")
    except ValueError:
        parameters = None
    action = request.headers.get("x-amz-target", "").rpartition(".")[2]
    return action, parameters if isinstance(parameters, dict) else {}


def list_alarm_permissions(
    request: Request, service: str, account: str, region: str
) -> list[RequiredPermission]:
    action, parameters = read_call(request, service)
    resource = "*" if action in _ANY_RESOURCE else _find_resource(service, parameters, account, region)
    return [RequiredPermission(f"{service}:{action}", resource)]


def find_topic(arn: str) -> Topic | None:
    """Return the topic with an ARN, in any account; None if there is none."""
    if not arn.startswith("arn:aws:sns:") or arn.count(":") != _COLONS_IN_A_TOPICS_ARN:
        return None
    _, _, _, region, account, _ = arn.split(":")
    return sns_backends[account][region].topics.get(arn) if region and account else None


def _find_resource(service: str, parameters: dict[str, Any], account: str, region: str) -> str:
    named = ("TopicArn", "ResourceArn", "ResourceARN", "ResourceId", "TrailName", "Rule", "Name")
    ids = parameters.get("ResourceIdList")
    name = ids[0] if ids else next((parameters[key] for key in named if parameters.get(key)), "")
    if not isinstance(name, str) or not name:
        return "*"
    if name.startswith("arn:"):
        return name
    kind = {"cloudtrail": "trail/", "events": "rule/", "sns": ""}[service]
    return f"arn:aws:{service}:{region}:{account}:{kind}{name}"
