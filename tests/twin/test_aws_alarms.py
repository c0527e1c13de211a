"""
Alarms on the twin's AWS: a call that a rule matches is told to the endpoints of the rule's topic.

The rules are those of components/alarms.py, made with AWS's own calls; an HTTP receiver takes the messages.
"""

import json
import queue
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aws_role import ACCOUNT, READ, client, create_role_and_bucket, document, session
from aws_twin import Service, running_service
from botocore.exceptions import ClientError

from components.alarm_names import GLOBAL_REGION, AlarmNames
from components.alarm_patterns import losses_pattern, watch_pattern
from components.alarms import MESSAGE_FACTS, message_template, topic_policy
from components.guard import list_guards
from twin.aws import second_factor

pytestmark = pytest.mark.shares("aws-alarms")

REGION = GLOBAL_REGION
NAMES = AlarmNames("example", ACCOUNT, REGION)
TRUST = document(
    {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
    }
)
WAIT_SECONDS = 10.0
QUIET_SECONDS = 0.5


class Receiver(ThreadingHTTPServer):
    """Takes messages, as the receiver of a webhook does."""

    def __init__(self) -> None:
        self.messages: queue.Queue[dict[str, str]] = queue.Queue()
        super().__init__(("127.0.0.1", 0), _Handler)

    def take(self) -> dict[str, str]:
        return self.messages.get(timeout=WAIT_SECONDS)

    def is_quiet(self) -> bool:
        with suppress(queue.Empty):
            self.messages.get(timeout=QUIET_SECONDS)
            return False
        return True


class _Handler(BaseHTTPRequestHandler):
    server: Receiver  # pyright: ignore[reportIncompatibleVariableOverride] - the server that runs it

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.messages.put(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - the base class's name
        """Log nothing."""


class Account:
    """An AWS account with a vault, its roles and its alarms."""

    def __init__(self, service: Service, receiver: Receiver) -> None:
        self.service, self.receiver = service, receiver
        self.s3, self.iam, self.kms, self.sns, self.events, self.cloudtrail = (
            service.client(name) for name in ("s3", "iam", "kms", "sns", "events", "cloudtrail")
        )
        create_role_and_bucket(service)
        self._make_roles()
        self.key = self.kms.create_key()["KeyMetadata"]["Arn"]
        self._make_trail()
        self.topic = self.sns.create_topic(
            Name=NAMES.topic,
            Attributes={"Policy": topic_policy(NAMES, list_guards("example", ACCOUNT, protect=False))},
        )["TopicArn"]
        port = receiver.server_address[1]
        self.subscription = self.sns.subscribe(
            TopicArn=self.topic,
            Protocol="http",
            Endpoint=f"http://127.0.0.1:{port}/alarms",
            ReturnSubscriptionArn=True,
            Attributes={"RawMessageDelivery": "true"},
        )["SubscriptionArn"]
        for rule in (NAMES.losses, NAMES.watch):
            self.make_rule(rule)
        while not receiver.is_quiet():
            pass

    def make_rule(self, name: str) -> None:
        pattern = losses_pattern(NAMES, ["vault"]) if name == NAMES.losses else watch_pattern(NAMES)
        self.events.put_rule(Name=name, EventPattern=pattern)
        transformer = {"InputPathsMap": MESSAGE_FACTS, "InputTemplate": message_template("example")}
        target = {"Id": NAMES.topic, "Arn": self.topic, "InputTransformer": transformer}
        self.events.put_targets(Rule=name, Targets=[target])

    def break_glass(self) -> dict[str, Any]:
        """Take on the break-glass role, with the second factor."""
        return self.service.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/example-break-glass",
            RoleSessionName="night",
            SerialNumber=second_factor.serial_number(ACCOUNT),
            TokenCode=second_factor.show_code(self.service.home),
        )

    def _make_roles(self) -> None:
        for name in ("example-break-glass", "example-writer"):
            self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)

    def _make_trail(self) -> None:
        self.s3.create_bucket(Bucket="record")
        self.cloudtrail.create_trail(Name=NAMES.trail, S3BucketName="record", IsMultiRegionTrail=True)
        self.cloudtrail.start_logging(Name=NAMES.trail)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Generator[Account]:
    with running_service(tmp_path_factory.mktemp("twin")) as service, receiving() as receiver:
        yield Account(service, receiver)


@contextmanager
def receiving() -> Generator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


CALLS: dict[str, Callable[[Account], object]] = {
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
def test_an_alarm_tells_of_a_call(account: Account, call: str) -> None:
    CALLS[call](account)
    told = account.receiver.take()
    assert told["call"] == call
    assert told["alarm"].startswith(f"example: {call} at ")
    assert told["who"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert (told["account"], told["region"], told["error"]) == (ACCOUNT, REGION, "")
    assert account.receiver.is_quiet()


@pytest.mark.parametrize("rule", [NAMES.losses, NAMES.watch])
def test_the_other_rule_tells_of_a_rule_that_is_turned_off(account: Account, rule: str) -> None:
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


def test_the_trail_that_is_turned_off_is_told_and_then_nothing(account: Account) -> None:
    account.cloudtrail.stop_logging(Name=NAMES.trail)
    assert account.receiver.take()["call"] == "StopLogging"
    account.break_glass()
    assert account.receiver.is_quiet()
    account.cloudtrail.start_logging(Name=NAMES.trail)
    account.break_glass()
    assert account.receiver.take()["call"] == "AssumeRole"


def test_an_alarm_tells_of_a_call_that_is_refused(account: Account) -> None:
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


def test_no_alarm_tells_of_what_a_backup_does(account: Account) -> None:
    reader = client(account.service, "s3", session(account.service))
    account.s3.put_object(Bucket="vault", Key="dump", Body=b"x")
    reader.get_object(Bucket="vault", Key="dump")
    account.s3.list_object_versions(Bucket="vault")
    account.kms.generate_data_key(KeyId=account.kms.create_key()["KeyMetadata"]["Arn"], KeySpec="AES_256")
    account.s3.create_bucket(Bucket="another")
    account.s3.put_bucket_versioning(Bucket="another", VersioningConfiguration={"Status": "Enabled"})
    account.iam.get_role(RoleName="example-writer")
    assert account.receiver.is_quiet()


def test_nobody_is_told_if_the_topics_policy_does_not_let_the_rule_publish(account: Account) -> None:
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
