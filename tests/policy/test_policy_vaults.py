"""Which buckets are vaults, and which of them a statement speaks of."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from policy_harness import (
    UNKNOWN,
    Toy,
    alter,
    find_toy,
    production,
    resource_requests,
    stack_request,
    without,
)

from policies.facts.buckets import Buckets
from policies.facts.s3_access import pattern_reaches, writers
from policies.framework.stack import PolicyStack

VAULTS = {"backups-vault-bucket", "backups-replica-bucket"}
TRAILS = {"backups-trail-bucket", "backups-replica-trail-bucket"}
LOGS = TRAILS | {"backups-vault-access-log-bucket", "backups-replica-access-log-bucket"}
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
ARN = "arn:aws:s3:::vault"


def stack_of(toys: Sequence[Toy]) -> PolicyStack:
    announced = {request.urn: request.properties for request in resource_requests(toys)}
    return PolicyStack(stack_request(toys).resources, announced)


def vaults(toys: Sequence[Toy]) -> set[str]:
    return {bucket.name for bucket in stack_of(toys).view(Buckets).vaults}


def logs(toys: Sequence[Toy]) -> set[str]:
    return {bucket.name for bucket in stack_of(toys).view(Buckets).access_logs}


def bucket(name: str, **inputs: Any) -> Toy:
    return Toy("aws:s3/bucket:Bucket", name, {"bucket": name, **inputs}, provider="aws")


def test_production_has_two_vaults_and_their_logs() -> None:
    assert vaults(production()) == VAULTS
    assert logs(production()) == LOGS


@pytest.mark.parametrize(
    "toys",
    [
        [bucket("own", objectLockEnabled=True)],
        [bucket("own", objectLockEnabled=UNKNOWN)],
        [bucket("own"), Toy(LOCK, "lock", {"bucket": "own"}, provider="aws")],
        [bucket("own"), Toy("acme:index:Dump", "job", {"copies": [bucket("own").urn]})],
        [
            bucket("own"),
            Toy("acme:index:Dump", "job", {"copies": [UNKNOWN]}, made_from={"copies": ["own"]}),
        ],
        [replace(bucket("own"), parent="safe"), Toy("acme:index:Safe", "safe", {"lockDays": 1})],
    ],
)
def test_a_bucket_that_locks_or_that_jobs_fill_is_a_vault(toys: list[Toy]) -> None:
    assert vaults(toys) == {"own"}


def test_any_other_bucket_is_no_vault() -> None:
    assert vaults([bucket("own", objectLockEnabled=False)]) == set()


def test_a_bucket_that_a_vault_replicates_into_is_a_vault() -> None:
    rules = [{"destination": {"bucket": "arn:aws:s3:::far"}}]
    replication = Toy(
        "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        "replication",
        {"bucket": "near", "rules": rules},
        provider="aws",
    )
    assert vaults([bucket("near", objectLockEnabled=True), bucket("far"), replication]) == {"near", "far"}


def test_a_vault_that_access_logs_are_written_to_is_still_a_vault() -> None:
    name = find_toy(production(), "backups-vault-bucket").inputs["bucket"]
    toys = alter(production(), "backups-replica-logging", targetBucket=name)
    assert vaults(toys) == VAULTS
    assert logs(toys) == TRAILS | {"backups-vault-access-log-bucket"}


def test_a_log_that_nothing_is_logged_to_becomes_no_vault() -> None:
    assert vaults(without(production(), "backups-vault-logging")) == VAULTS


def test_a_known_name_counts_more_than_what_it_is_made_from() -> None:
    toys = [
        replace(toy, inputs={**toy.inputs, "bucket": "another"})
        if toy.name == "backups-vault-policy"
        else toy
        for toy in production()
    ]
    stack = stack_of(toys)
    vault = next(one for one in stack.resources if one.name == "backups-vault-bucket")
    assert stack.view(Buckets).parts(vault, "aws:s3/bucketPolicy:BucketPolicy") == []


def test_the_writers_alone_write_in_production() -> None:
    assert [writer.resource.name for writer in writers(stack_of(production()))] == [
        "backups-identity-backup-writer",
        "backups-identity-state-writer",
    ]


@pytest.mark.parametrize(
    "pattern",
    [
        ARN,
        f"{ARN}/*",
        f"{ARN}/state/*",
        f"{ARN}/one",
        f"{ARN}*",
        "arn:aws:s3:::v*/x",
        "arn:aws:s3:::vaul?/*",
        "*",
    ],
)
def test_a_pattern_reaches_a_bucket_that_it_may_fit(pattern: str) -> None:
    assert pattern_reaches(pattern, ARN)


@pytest.mark.parametrize(
    "pattern", [f"{ARN}-log", f"{ARN}-log/*", f"{ARN}s*", "arn:aws:s3:::other*", "arn:aws:s3:::vaul", ""]
)
def test_a_pattern_reaches_no_other_bucket(pattern: str) -> None:
    assert not pattern_reaches(pattern, ARN)
