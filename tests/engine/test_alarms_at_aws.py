"""Alarms of deployed production: who touches a vault, its guards or the alarms is told of."""

import time
from collections.abc import Callable
from contextlib import suppress

import pytest
import role_clients
from botocore.exceptions import ClientError
from deployment import Deployment
from received_alarms import list_alarms, no_alarms, wait_for_alarms
from role_clients import ACCOUNT, AwsIdentity

from twin.aws import second_factor

pytestmark = pytest.mark.shares("production")

VAULT = f"example-vault-{ACCOUNT}-eu-west-1"
ALARMS = "example-alarms"
CHANNELS = {"automation", "email:operations@example.com"}


def admin(production: Deployment) -> AwsIdentity:
    return role_clients.administrator(production.installation.home)


def tell(production: Deployment, call: Callable[[], object]) -> list[tuple[str, dict[str, str]]]:
    """Make a call, whether it is refused or not, and return what arrives of it at both endpoints."""
    home = production.installation.home
    before = len(list_alarms(home))
    with suppress(ClientError):
        call()
    wait_for_alarms(home, before + len(CHANNELS))
    return list_alarms(home)[before:]


def take_on_break_glass(production: Deployment) -> object:
    home = production.installation.home
    return (
        admin(production)
        .client("sts")
        .assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/example-break-glass",
            RoleSessionName="night",
            SerialNumber=second_factor.serial_number(ACCOUNT),
            TokenCode=second_factor.show_code(home),
        )
    )


CALLS: dict[str, tuple[str, Callable[[Deployment], object]]] = {
    "AssumeRole": ("", take_on_break_glass),
    "DisableKey": (
        "AccessDenied",
        lambda stack: admin(stack).client("kms").disable_key(KeyId=stack["backups-vault-key"].outputs["arn"]),
    ),
    "DeleteBucketReplication": (
        "AccessDenied",
        lambda stack: admin(stack).client("s3").delete_bucket_replication(Bucket=VAULT),
    ),
    "PutBucketLogging": (
        "AccessDenied",
        lambda stack: admin(stack).client("s3").put_bucket_logging(Bucket=VAULT, BucketLoggingStatus={}),
    ),
    "DeleteTopic": (
        "AccessDenied",
        lambda stack: (
            admin(stack)
            .client("sns")
            .delete_topic(TopicArn=stack["backups-alarms-eu-west-1-topic"].outputs["arn"])
        ),
    ),
    "DisableRule": (
        "AccessDenied",
        lambda stack: (
            role_clients.assume_role(stack.installation.home, "deployer")
            .client("events")
            .disable_rule(Name=f"{ALARMS}-losses")
        ),
    ),
}
"""Call -> the error that it ends with, and how it is made. None of them changes anything."""


@pytest.mark.parametrize("call", CALLS)
def test_an_alarm_reaches_mail_and_webhook(production: Deployment, call: str) -> None:
    error, make = CALLS[call]
    told = tell(production, lambda: make(production))
    assert {channel for channel, _ in told} == CHANNELS
    for _, message in told:
        assert (message["call"], message["error"], message["account"]) == (call, error, ACCOUNT)


def test_no_alarm_tells_of_what_jobs_do(production: Deployment) -> None:
    home = production.installation.home
    with no_alarms(home):
        for role in ("backup-writer", "backup-restorer", "planner", "deployer"):
            s3 = role_clients.assume_role(home, role).client("s3")
            with suppress(ClientError):
                s3.list_object_versions(Bucket=VAULT)
        writer = role_clients.assume_role(home, "backup-writer").client("s3")
        key = f"database/daily/alarms-{time.time_ns()}/dump.pgc.zst"
        writer.put_object(Bucket=VAULT, Key=key, Body=b"x", IfNoneMatch="*")
