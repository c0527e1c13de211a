"""
Which calls raise an alarm: the rules' patterns, made of the lists of what nobody but break-glass may do.

EventBridge gets a call from CloudTrail, in the region where it was made. Calls whose names begin with Get,
List or Describe do not arrive. A call that was refused does, but often without its parameters: then the name
in the error message tells what it was about.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from components.alarm_names import GLOBAL_REGION, AlarmNames
from components.guard import (
    ALARM_ACTIONS,
    BOUNDARY,
    BREAK_GLASS,
    KEY_ACTIONS,
    OBJECT_ACTIONS,
    SUBSCRIPTION_ACTIONS,
    boundary_arn,
    role_arn,
)

_GRANT: Final = "CreateGrant"
_NO_CALL: Final = "BypassGovernanceRetention"
"""A permission that no call is named after: it is needed besides, for the calls that bypass."""

_ISSUER_CALLS: Final = (
    "AddClientIDToOpenIDConnectProvider",
    "CreateOpenIDConnectProvider",
    "DeleteOpenIDConnectProvider",
    "RemoveClientIDFromOpenIDConnectProvider",
    "UpdateOpenIDConnectProviderThumbprint",
)
_REFUSED_BY_NAME: Final = ("aws.cloudtrail", "aws.events", "aws.iam", "aws.sns", "aws.sts")


def losses_pattern(names: AlarmNames, buckets: Sequence[str]) -> str:
    """
    Return the pattern of the calls that precede a loss, and of those that turn the other rule off.

    Args:
        names: The names in the account and region.
        buckets: Names of the vaults there, and of the buckets of their logs.
    """
    break_glass = role_arn(names.platform, names.account, BREAK_GLASS)
    return _pattern(
        *(_about_keys() if buckets else ()),
        *(_about_buckets(buckets) if buckets else ()),
        _call("sts", ["AssumeRole"], requestParameters={"roleArn": [break_glass]}),
        _about_rule(names.watch),
        {
            "source": list(_REFUSED_BY_NAME),
            "detail": {"errorMessage": [{"wildcard": f"*{names.platform}-*"}]},
        },
    )


def watch_pattern(names: AlarmNames) -> str:
    """Return the pattern of the calls that change the roles, the trail, the topic or the rule of losses."""
    subscription = [{"prefix": f"{names.topic_arn}:"}]
    return _pattern(
        *(_about_roles(names) if names.region == GLOBAL_REGION else ()),
        _call("cloudtrail", _calls_of("cloudtrail")),
        _call("sns", _calls_of("sns"), requestParameters={"topicArn": [names.topic_arn]}),
        _call("sns", _names(SUBSCRIPTION_ACTIONS), requestParameters={"subscriptionArn": subscription}),
        _about_rule(names.losses),
    )


def _about_keys() -> Iterable[dict[str, Any]]:
    """Take any key of the account and region: a key's ARN is not known before it exists."""
    names = _names(KEY_ACTIONS)
    yield _call("kms", [name for name in names if name != _GRANT])
    # AWS's services make grants for those who use them with a key; these say who made the call.
    yield _call("kms", [_GRANT], userIdentity={"invokedBy": [{"exists": False}]})


def _about_buckets(buckets: Sequence[str]) -> Iterable[dict[str, Any]]:
    named = {"bucketName": list(buckets)}
    # Whatever changes a bucket: the names of S3's calls differ from those of its actions.
    yield {
        "source": ["aws.s3"],
        "detail": {"managementEvent": [True], "readOnly": [False], "requestParameters": named},
    }
    objects = {name.replace("Version", "") for name in _names(OBJECT_ACTIONS)} - {_NO_CALL} | {
        "DeleteObjects"
    }
    yield _call("s3", sorted(objects), requestParameters=named)


def _about_roles(names: AlarmNames) -> Iterable[dict[str, Any]]:
    """Whatever changes a role of the platform, the boundary or the provider of GitHub's identities."""
    yield {
        "source": ["aws.iam"],
        "detail": {
            "requestParameters": {
                "$or": [
                    {"roleName": [{"prefix": f"{names.platform}-"}]},
                    {"policyArn": [boundary_arn(names.platform, names.account)]},
                    {"policyName": [f"{names.platform}-{BOUNDARY}"]},
                ]
            }
        },
    }
    yield _call("iam", list(_ISSUER_CALLS))
    yield _call("organizations", ["LeaveOrganization"])


def _about_rule(rule: str) -> dict[str, Any]:
    return _call(
        "events", _calls_of("events"), requestParameters={"$or": [{"name": [rule]}, {"rule": [rule]}]}
    )


def _calls_of(service: str) -> list[str]:
    return _names(action for action in ALARM_ACTIONS if action.startswith(f"{service}:"))


def _names(actions: Iterable[str]) -> list[str]:
    return [action.partition(":")[2] for action in actions]


def _call(service: str, names: list[str], **detail: Any) -> dict[str, Any]:
    return {"source": [f"aws.{service}"], "detail": {"eventName": names, **detail}}


def _pattern(*calls: dict[str, Any]) -> str:
    return json.dumps(
        {"detail-type": ["AWS API Call via CloudTrail"], "$or": list(calls)}, separators=(",", ":")
    )
