"""Alarms on the twin's AWS: a call that a rule matches is told to the endpoints of the rule's topic."""

import time
from collections.abc import Callable

import pytest
from alarmed_account import NAMES, REGION, TRUST, AlarmedAccount
from aws_role import ACCOUNT, READ, client, document, session
from botocore.exceptions import ClientError

pytestmark = pytest.mark.shares("aws-alarms")


@pytest.fixture
def account(alarmed_account: AlarmedAccount) -> AlarmedAccount:
    return alarmed_account


CALLS: dict[str, Callable[[AlarmedAccount], object]] = {
    "AssumeRole": lambda here: here.break_glass(),
    "DisableKey": lambda here: here.kms.disable_key(KeyId=here.key),
    "ScheduleKeyDeletion": lambda here: here.kms.schedule_key_deletion(KeyId=here.key),
    "PutBucketPolicy": lambda here: here.s3.put_bucket_policy(
        Bucket="vault",
        Policy=document(
            {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::vault/x"}
        ),
    ),
    "DeleteBucketPolicy": lambda here: here.s3.delete_bucket_policy(Bucket="vault"),
    "PutBucketLogging": lambda here: here.s3.put_bucket_logging(Bucket="vault", BucketLoggingStatus={}),
    "PutBucketVersioning": lambda here: here.s3.put_bucket_versioning(
        Bucket="vault", VersioningConfiguration={"Status": "Enabled"}
    ),
    "PutRolePolicy": lambda here: here.iam.put_role_policy(
        RoleName="example-writer", PolicyName="more", PolicyDocument=document(READ)
    ),
    "UpdateAssumeRolePolicy": lambda here: here.iam.update_assume_role_policy(
        RoleName="example-break-glass", PolicyDocument=TRUST
    ),
    "SetTopicAttributes": lambda here: here.sns.set_topic_attributes(
        TopicArn=here.topic, AttributeName="DisplayName", AttributeValue="Alarms"
    ),
    "PutEventSelectors": lambda here: here.cloudtrail.put_event_selectors(
        TrailName=NAMES.trail, EventSelectors=[{"ReadWriteType": "All", "IncludeManagementEvents": True}]
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_alarm_tells_of_a_call(account: AlarmedAccount, call: str) -> None:
    CALLS[call](account)
    told = account.receiver.take()
    assert told["call"] == call
    assert told["alarm"].startswith(f"example: {call} at ")
    assert told["who"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert (told["account"], told["region"], told["error"]) == (ACCOUNT, REGION, "")
    assert account.receiver.is_quiet()


@pytest.mark.parametrize("rule", [NAMES.losses, NAMES.watch])
def test_the_other_rule_tells_of_a_rule_that_is_turned_off(account: AlarmedAccount, rule: str) -> None:
    account.events.disable_rule(Name=rule)
    assert account.receiver.take()["call"] == "DisableRule"
    account.events.enable_rule(Name=rule)
    account.events.remove_targets(Rule=rule, Ids=[NAMES.topic])
    assert account.receiver.take()["call"] == "RemoveTargets"
    account.events.delete_rule(Name=rule)
    assert account.receiver.take()["call"] == "DeleteRule"
    account.make_rule(rule)
    assert [account.receiver.take()["call"] for _ in range(2)] == ["PutRule", "PutTargets"]
    assert account.receiver.is_quiet()


def test_the_trail_that_is_turned_off_is_told_and_then_nothing(account: AlarmedAccount) -> None:
    account.cloudtrail.stop_logging(Name=NAMES.trail)
    assert account.receiver.take()["call"] == "StopLogging"
    account.break_glass()
    assert account.receiver.is_quiet()
    account.cloudtrail.start_logging(Name=NAMES.trail)
    account.break_glass()
    assert account.receiver.take()["call"] == "AssumeRole"


def test_an_alarm_tells_of_a_call_that_is_refused(account: AlarmedAccount) -> None:
    reader = session(account.service)
    for call, try_it in {
        "DisableKey": lambda: client(account.service, "kms", reader).disable_key(KeyId=account.key),
        "DeleteBucketPolicy": lambda: client(account.service, "s3", reader).delete_bucket_policy(
            Bucket="vault"
        ),
        "PutRolePolicy": lambda: client(account.service, "iam", reader).put_role_policy(
            RoleName="example-writer", PolicyName="more", PolicyDocument=document(READ)
        ),
        "DisableRule": lambda: client(account.service, "events", reader).disable_rule(Name=NAMES.losses),
        "DeleteTopic": lambda: client(account.service, "sns", reader).delete_topic(TopicArn=account.topic),
    }.items():
        with pytest.raises(ClientError, match=r"not authorized|AccessDenied|Access Denied"):
            try_it()
        told = account.receiver.take()
        assert (told["call"], told["error"]) == (call, "AccessDenied")
        assert told["who"].endswith(":assumed-role/reader/job")
    assert account.receiver.is_quiet()


def test_no_alarm_tells_of_what_a_backup_does(account: AlarmedAccount) -> None:
    reader = client(account.service, "s3", session(account.service))
    account.s3.put_object(Bucket="vault", Key="dump", Body=b"x")
    reader.get_object(Bucket="vault", Key="dump")
    account.s3.list_object_versions(Bucket="vault")
    account.kms.generate_data_key(KeyId=account.kms.create_key()["KeyMetadata"]["Arn"], KeySpec="AES_256")
    account.s3.create_bucket(Bucket="another")
    account.s3.put_bucket_versioning(Bucket="another", VersioningConfiguration={"Status": "Enabled"})
    account.iam.get_role(RoleName="example-writer")
    assert account.receiver.is_quiet()


def test_nobody_is_told_if_the_topics_policy_does_not_let_the_rule_publish(account: AlarmedAccount) -> None:
    allowed = account.sns.get_topic_attributes(TopicArn=account.topic)["Attributes"]["Policy"]
    account.sns.set_topic_attributes(
        TopicArn=account.topic,
        AttributeName="Policy",
        AttributeValue=allowed.replace(f"rule/{NAMES.losses}", "rule/other"),
    )
    assert account.receiver.take()["call"] == "SetTopicAttributes"
    account.break_glass()
    assert account.receiver.is_quiet()
    account.sns.set_topic_attributes(TopicArn=account.topic, AttributeName="Policy", AttributeValue=allowed)
    assert account.receiver.take()["call"] == "SetTopicAttributes"


def test_an_endpoint_hears_nothing_before_it_confirms(account: AlarmedAccount) -> None:
    account.receiver.refused.add("/pending")
    pending = account.subscribe("pending")
    account.break_glass()
    assert account.receiver.take()["call"] == "AssumeRole"
    assert account.receiver.is_quiet()
    listed = account.sns.list_subscriptions_by_topic(TopicArn=account.topic)["Subscriptions"]
    assert [row["SubscriptionArn"] for row in listed] == [account.subscription, "PendingConfirmation"]
    with pytest.raises(ClientError, match="pending confirmation"):
        account.sns.unsubscribe(SubscriptionArn=pending)
    assert account.receiver.take()["error"] == "InvalidParameter"

    account.receiver.refused.clear()
    assert account.subscribe("pending") == pending  # asks again
    assert account.receiver.take()["Type"] == "SubscriptionConfirmation"
    while account.is_pending(pending):
        time.sleep(0.02)
    account.break_glass()
    assert [account.receiver.take()["call"] for _ in range(2)] == ["AssumeRole"] * 2
    account.sns.unsubscribe(SubscriptionArn=pending)
    assert account.receiver.take()["call"] == "Unsubscribe"
    assert account.receiver.is_quiet()
