"""What `audit --live` sees of alarms and trails that no refresh shows, at the twin's AWS."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from alarmed_account import NAMES, REGION, AlarmedAccount
from aws_role import ACCOUNT, document

from core.failure import Failure
from live import alarms, trails
from live.aws_access import AwsAccess
from live.declared import DeclaredStack
from live.finding import LiveFinding, Lookup
from recovery.vault.client import AccessKey
from twin.aws.administrator import administrator_key

pytestmark = pytest.mark.shares("aws-alarms")

PROVIDER = "urn:pulumi:prod::bulwark::pulumi:providers:aws::aws"


@pytest.fixture
def account(alarmed_account: AlarmedAccount) -> AlarmedAccount:
    return alarmed_account


def resource(type_: str, id_: str, **inputs: Any) -> dict[str, Any]:
    return {
        "urn": f"urn:pulumi:prod::bulwark::{type_}::{id_}",
        "type": type_,
        "id": id_,
        "custom": True,
        "provider": f"{PROVIDER}::1",
        "inputs": inputs,
        "outputs": {"arn": NAMES.rule_arn(id_)} if type_.endswith("EventRule") else {},
    }


def declare(account: AlarmedAccount, *subscriptions: str) -> DeclaredStack:
    """Return the state of the account's alarms, of which these subscriptions are declared."""
    provider = {
        "urn": PROVIDER,
        "type": "pulumi:providers:aws",
        "id": "1",
        "custom": True,
        "inputs": {"region": "eu-west-1", "allowedAccountIds": f'["{ACCOUNT}"]'},
    }
    rules = (NAMES.losses, NAMES.watch)
    return DeclaredStack(
        [
            provider,
            resource("aws:s3/bucket:Bucket", "vault"),
            resource("aws:cloudtrail/trail:Trail", NAMES.trail_arn),
            resource("aws:sns/topic:Topic", account.topic),
            *(resource("aws:sns/topicSubscription:TopicSubscription", each) for each in subscriptions),
            *(resource("aws:cloudwatch/eventRule:EventRule", each) for each in rules),
            *(
                resource(
                    "aws:cloudwatch/eventTarget:EventTarget",
                    f"{each}-{NAMES.topic}",
                    rule=each,
                    targetId=NAMES.topic,
                    arn=account.topic,
                )
                for each in rules
            ),
        ]
    )


@cache
def open_access(account: AlarmedAccount) -> AwsAccess:
    key = administrator_key(account.service.home, ACCOUNT)
    return AwsAccess(
        account.service.url,
        find_key=lambda: AccessKey(key.id, key.secret),
        find_replica_key=lambda: None,
    )


def find_all(lookups: Iterable[Lookup]) -> dict[str, LiveFinding]:
    return {finding.thing: finding for lookup in lookups for finding in lookup.find()}


def look_at_alarms(account: AlarmedAccount, *subscriptions: str) -> dict[str, LiveFinding]:
    return find_all(alarms.lookups(declare(account, *subscriptions), open_access(account)))


def look_at_trails(account: AlarmedAccount, *, named: str = "") -> dict[str, LiveFinding]:
    found = {ACCOUNT: named} if named else {}
    return find_all(trails.lookups(declare(account), open_access(account), found))


@contextmanager
def pending_subscription(account: AlarmedAccount) -> Generator[str]:
    """Subscribe an endpoint that does not confirm."""
    account.receiver.refused.add("/mailbox")
    arn = account.subscribe("mailbox")
    try:
        yield arn
    finally:
        account.receiver.refused.clear()
        account.subscribe("mailbox")
        while account.is_pending(arn):
            pass
        account.sns.unsubscribe(SubscriptionArn=arn)
        while not account.receiver.is_quiet():
            pass


def test_alarms_as_they_are_declared_have_no_finding(account: AlarmedAccount) -> None:
    assert look_at_alarms(account, account.subscription) == {}
    assert look_at_trails(account) == {}
    assert look_at_trails(account, named=NAMES.trail_arn).keys() == {
        f"aws/trail/{NAMES.trail_arn}/validation"  # which a trail that is declared would show by a refresh
    }


def test_a_subscription_that_nobody_confirmed_is_found(account: AlarmedAccount) -> None:
    topic = f"aws/topic/{account.topic}"
    with pending_subscription(account) as pending:
        name = f"{topic}/subscription/{pending.rpartition(':')[2]}"
        found = look_at_alarms(account, account.subscription, pending)
        assert found.keys() == {name}
        assert found[name].what == "it is pending: no alarm reaches 127.0.0.1"
        assert look_at_alarms(account, pending).keys() == {
            name,
            topic,
            f"{topic}/subscription/http:127.0.0.1",  # the other one, which is not declared then
        }
        undeclared = look_at_alarms(account, account.subscription)
        assert [one.next_step.split(";")[0] for one in undeclared.values()] == [
            "it ends by itself within two days"
        ]


def test_alarms_that_reach_nobody_are_found(account: AlarmedAccount) -> None:
    gone = f"{account.topic}:00000000-0000-4000-8000-000000000000"
    assert f"aws/topic/{account.topic}" in look_at_alarms(account, gone)
    assert f"aws/topic/{account.topic}" in look_at_alarms(account)


def test_who_listens_or_sends_without_being_declared_is_found(account: AlarmedAccount) -> None:
    stranger = account.subscribe("stranger?token=x")
    while account.is_pending(stranger):
        pass
    account.events.put_targets(
        Rule=NAMES.losses, Targets=[{"Id": "copy", "Arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:another"}]
    )
    account.events.put_rule(Name="by-hand", EventPattern='{"source": ["aws.s3"]}')
    account.events.put_targets(Rule="by-hand", Targets=[{"Id": "alarms", "Arn": account.topic}])
    found = look_at_alarms(account, account.subscription)
    account.events.remove_targets(Rule="by-hand", Ids=["alarms"])
    account.events.delete_rule(Name="by-hand")
    account.events.remove_targets(Rule=NAMES.losses, Ids=["copy"])
    account.sns.unsubscribe(SubscriptionArn=stranger)
    while not account.receiver.is_quiet():
        pass
    assert found.keys() == {
        f"aws/topic/{account.topic}/subscription/http:127.0.0.1",
        f"aws/topic/{account.topic}/rule/by-hand",
        f"aws/rule/{NAMES.rule_arn(NAMES.losses)}/target/copy",
    }
    assert "token" not in str(found)  # the address of a webhook is a secret
    assert look_at_alarms(account, account.subscription) == {}


def test_a_trail_that_does_not_reach_its_bucket_is_found(account: AlarmedAccount) -> None:
    policy = account.s3.get_bucket_policy(Bucket="record")["Policy"]
    account.s3.put_bucket_policy(Bucket="record", Policy=document())
    found = look_at_trails(account)
    account.s3.put_bucket_policy(Bucket="record", Policy=policy)
    assert [one.what for one in found.values()] == ["it does not reach its bucket record: AccessDenied"]


def test_a_trail_that_is_only_named_is_looked_at_whole(account: AlarmedAccount) -> None:
    name, other = f"aws/trail/{NAMES.trail_arn}", NAMES.trail_arn.replace("example-", "other-")
    account.cloudtrail.create_trail(
        Name="other-trail", S3BucketName="record", IncludeGlobalServiceEvents=False
    )
    account.cloudtrail.put_event_selectors(
        TrailName="other-trail", EventSelectors=[{"ReadWriteType": "WriteOnly"}]
    )
    try:
        found = look_at_trails(account, named=other)
    finally:
        account.cloudtrail.delete_trail(Name="other-trail")
        while not account.receiver.is_quiet():
            pass
    assert {one.removeprefix(f"aws/trail/{other}/") for one in found} == {
        "logging",
        "regions",
        "global-services",
        "validation",
        "management",
    }
    gone = look_at_trails(account, named=other)
    assert list(gone) == [f"aws/trail/{other}/existence"]
    assert name not in gone


def test_what_may_not_be_asked_is_no_pass(account: AlarmedAccount) -> None:
    access = AwsAccess(account.service.url, find_key=lambda: None, find_replica_key=lambda: None)
    with pytest.raises(Failure, match=r"AWS: (opening|reading)"):
        find_all(alarms.lookups(declare(account, account.subscription), access))
