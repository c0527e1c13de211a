"""The patterns of the alarms: each call that is denied to all but break-glass is told."""

import json
from typing import Any

import pytest

from components.alarm_names import AlarmNames
from components.alarm_patterns import losses_pattern, watch_pattern
from components.guard import (
    ALARM_ACTIONS,
    KEY_ACTIONS,
    OBJECT_ACTIONS,
    SUBSCRIPTION_ACTIONS,
    boundary_arn,
    role_arn,
)
from components.vault_names import VaultNames
from core.event_patterns import MOST_CHARACTERS, matches_event, parse_pattern

ACCOUNT = "123456789012"
VAULT = VaultNames.of("example", ACCOUNT, "us-east-1")
NAMES = AlarmNames("example", ACCOUNT, "us-east-1")
BUCKETS = (VAULT.bucket, VAULT.log_bucket, VAULT.trail_bucket)
PATTERNS = [parse_pattern(text) for text in (losses_pattern(NAMES, BUCKETS), watch_pattern(NAMES))]


def is_told(source: str, name: str, parameters: dict[str, str] | None = None, **detail: Any) -> list[bool]:
    """Tell for each rule whether it matches a call."""
    event = {
        "source": f"aws.{source}",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventName": name,
            "requestParameters": parameters,
            "managementEvent": True,
            "readOnly": False,
            "userIdentity": {"type": "AssumedRole"},
            **detail,
        },
    }
    return [matches_event(pattern, event) for pattern in PATTERNS]


def calls_of(actions: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(service, name) for service, _, name in (action.partition(":") for action in actions)]


@pytest.mark.parametrize("region", ["us-east-1", "ap-southeast-1"])
def test_no_pattern_is_longer_than_eventbridge_takes(region: str) -> None:
    longest = "a" * 20
    vault, names = VaultNames.of(longest, ACCOUNT, region), AlarmNames(longest, ACCOUNT, region)
    buckets = (vault.bucket, vault.log_bucket, vault.trail_bucket)
    assert len(losses_pattern(names, buckets)) <= MOST_CHARACTERS
    assert len(watch_pattern(names)) <= MOST_CHARACTERS


def test_an_alarm_pattern_has_each_call_that_takes_a_key_or_an_object_away() -> None:
    for service, name in calls_of(KEY_ACTIONS):
        assert is_told(service, name, {"keyId": "1234"}) == [True, False], name
    for service, name in calls_of(OBJECT_ACTIONS):
        call = name.replace("Version", "")
        if call != "BypassGovernanceRetention":  # no call: a permission that a call needs besides
            told = is_told(service, call, {"bucketName": VAULT.bucket, "key": "a"}, managementEvent=False)
            assert told == [True, False], name


def test_an_alarm_pattern_leaves_out_what_is_no_danger() -> None:
    for told in (
        is_told("kms", "CreateGrant", {"keyId": "1"}, userIdentity={"invokedBy": "rds.amazonaws.com"}),
        is_told("kms", "GenerateDataKey", {"keyId": "1"}),
        is_told("s3", "PutObject", {"bucketName": VAULT.bucket, "key": "a"}, managementEvent=False),
        is_told("s3", "HeadBucket", {"bucketName": VAULT.bucket}, readOnly=True),
        is_told("s3", "PutBucketPolicy", {"bucketName": "another"}),
        is_told("iam", "PutRolePolicy", {"roleName": "another"}),
        is_told("sts", "AssumeRole", {"roleArn": role_arn("example", ACCOUNT, "planner")}),
        is_told("sts", "AssumeRoleWithWebIdentity", {"roleArn": role_arn("example", ACCOUNT, "planner")}),
        is_told("events", "PutRule", {"name": "another"}),
        is_told("sns", "DeleteTopic", {"topicArn": NAMES.topic_arn + "-2"}),
    ):
        assert told == [False, False]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_an_alarm_pattern_has_whatever_changes_a_bucket(bucket: str) -> None:
    assert is_told("s3", "PutBucketWhatIsNew", {"bucketName": bucket}) == [True, False]


def test_an_alarm_pattern_has_roles_the_boundary_the_issuer_and_break_glass() -> None:
    assert is_told("iam", "DeleteRolePermissionsBoundary", {"roleName": "example-planner"})[1]
    assert is_told("iam", "CreatePolicyVersion", {"policyArn": boundary_arn("example", ACCOUNT)})[1]
    assert is_told("iam", "DeleteOpenIDConnectProvider", {"openIDConnectProviderArn": "arn:x"})[1]
    assert is_told("sts", "AssumeRole", {"roleArn": role_arn("example", ACCOUNT, "break-glass")})[0]
    refused = "User: arn:aws:iam::1:user/a is not authorized to perform: iam:PutRolePolicy on resource: role "
    assert is_told("iam", "PutRolePolicy", None, errorMessage=f"{refused}example-planner because no") == [
        True,
        False,
    ]
    assert not any(is_told("iam", "PutRolePolicy", None, errorMessage=f"{refused}another"))


def test_what_turns_one_rule_off_is_told_by_the_other_and_the_rest_by_the_second() -> None:
    for service, name in calls_of(ALARM_ACTIONS):
        if service == "events":
            key = "rule" if "Target" in name else "name"
            assert is_told(service, name, {key: NAMES.losses}) == [False, True]
            assert is_told(service, name, {key: NAMES.watch}) == [True, False]
        else:
            key, arn = ("topicArn", NAMES.topic_arn) if service == "sns" else ("name", "any")
            assert is_told(service, name, {key: arn}) == [False, True]
    for service, name in calls_of(SUBSCRIPTION_ACTIONS):
        assert is_told(service, name, {"subscriptionArn": f"{NAMES.topic_arn}:1234"}) == [False, True]


def test_a_region_without_a_vault_watches_no_keys() -> None:
    pattern = json.loads(losses_pattern(NAMES, []))
    assert {source for call in pattern["$or"] for source in call["source"]}.isdisjoint({"aws.kms", "aws.s3"})
