"""
An AWS account on the twin with a vault, its roles and its alarms, which an HTTP receiver takes.

The rules are those of components/alarms.py, made with AWS's own calls.
"""

import json
import queue
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aws_role import ACCOUNT, create_role_and_bucket, document
from aws_twin import Service

from components.alarm_names import GLOBAL_REGION, AlarmNames
from components.alarm_patterns import losses_pattern, watch_pattern
from components.alarms import MESSAGE_FACTS, message_template, topic_policy
from components.guard import list_guards
from twin.aws import second_factor

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
    """Takes messages, as the receiver of a webhook does, but for the addresses that it refuses."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
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
    server: Receiver  # pyrefly: ignore[bad-override-mutable-attribute] - the server that runs it

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        refused = self.path in self.server.refused
        if not refused:
            self.server.messages.put(json.loads(body))
        self.send_response(503 if refused else 200)
        self.end_headers()

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - the base class's name
        """Log nothing."""


class AlarmedAccount:
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
        self.subscription = self.subscribe("alarms")
        for rule in (NAMES.losses, NAMES.watch):
            self.make_rule(rule)
        while self.is_pending(self.subscription) or not receiver.is_quiet():
            pass

    def subscribe(self, path: str) -> str:
        """Subscribe an address of the receiver to the alarms, and return the subscription's ARN."""
        return self.sns.subscribe(
            TopicArn=self.topic,
            Protocol="http",
            Endpoint=f"http://127.0.0.1:{self.receiver.server_address[1]}/{path}",
            ReturnSubscriptionArn=True,
            Attributes={"RawMessageDelivery": "true"},
        )["SubscriptionArn"]

    def is_pending(self, subscription: str) -> bool:
        attributes = self.sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
        return attributes["PendingConfirmation"] == "true"

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
        delivery = {
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::record/AWSLogs/{ACCOUNT}/*",
        }
        self.s3.put_bucket_policy(Bucket="record", Policy=document(delivery))
        self.cloudtrail.create_trail(Name=NAMES.trail, S3BucketName="record", IsMultiRegionTrail=True)
        self.cloudtrail.start_logging(Name=NAMES.trail)


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
