"""The rule that every data store has an independent backup."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from policy_harness import (
    ABSENT,
    UNKNOWN,
    Toy,
    altered,
    bucket,
    judged,
    monitor,
    production,
    replication,
    secret,
    vault,
    without,
)

RULE = "store-has-independent-backup"


def complaints(stack: Sequence[Toy]) -> dict[str, str]:
    """Return resource -> message of this rule's violations, all of which must be mandatory."""
    found = [violation for violation in judged(stack) if violation.rule == RULE]
    assert {violation.level for violation in found} <= {1}
    return {violation.resource: violation.message for violation in found}


def test_a_protected_production_stack_passes() -> None:
    assert judged(production()) == []


def test_an_empty_stack_passes() -> None:
    assert judged([Toy("pulumi:pulumi:Stack", "shop-production")]) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schedule": ABSENT}, "has no schedule"),
        ({"schedule": ""}, "has no schedule"),
        ({"schedule": "whenever"}, "has no schedule"),
        ({"schedule": 5}, "has no schedule"),
        ({"schedule": "0 0 30 2 *"}, "has no schedule"),
        ({"retentionDays": ABSENT}, "keeps its copies for no time"),
        ({"retentionDays": 0}, "keeps its copies for no time"),
        ({"retentionDays": "35"}, "keeps its copies for no time"),
        ({"copies": ABSENT}, "makes no copy in another"),
        ({"copies": []}, "makes no copy in another"),
        ({"copies": [{"provider": "neon", "region": "aws-eu-central-1"}]}, "makes no copy in another"),
        ({"copies": [{"provider": "Neon", "account": "other"}]}, "makes no copy in another"),
        ({"copies": [{"region": "eu-west-1"}]}, "makes no copy in another"),
        ({"protects": ABSENT}, "no scheduled job protects it"),
        ({"protects": []}, "no scheduled job protects it"),
        ({"protects": ["files"]}, "no scheduled job protects it"),
    ],
)
def test_a_weakened_backup_is_refused(change: dict[str, Any], reason: str) -> None:
    found = complaints(altered(production(), "job", **change))
    assert set(found) == {"project"}
    assert reason in found["project"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"schedule": UNKNOWN}, "schedule of job"),
        ({"retentionDays": UNKNOWN}, "retentionDays of job"),
        ({"copies": UNKNOWN}, "copies of job"),
        ({"copies": [{"provider": UNKNOWN, "region": "eu-west-1"}]}, "copies of job"),
        ({"protects": UNKNOWN}, "protects of job"),
        ({"protects": ["files", UNKNOWN]}, "protects of job"),
    ],
)
def test_what_a_preview_can_not_decide_is_refused_and_named(change: dict[str, Any], path: str) -> None:
    found = complaints(altered(production(), "job", **change))
    assert f"could not be decided: {path}" in found["project"]


@pytest.mark.parametrize("copy", [{"provider": "aws"}, {"provider": "neon", "region": "aws-us-east-1"}])
def test_one_copy_elsewhere_is_enough(copy: dict[str, str]) -> None:
    near = {"provider": "neon", "region": "aws-eu-central-1"}
    assert complaints(altered(production(), "job", copies=[near, copy])) == {}


def test_secret_facts_decide_like_others() -> None:
    assert complaints(altered(production(), "job", schedule=secret("17 2 * * *"))) == {}
    assert complaints(altered(production(), "job", retentionDays=secret(0)))


def test_a_job_names_its_store_by_urn_alone() -> None:
    stack = [replace(toy, made_from={}) if toy.name == "job" else toy for toy in production()]
    assert complaints(stack) == {}


def test_a_store_whose_urn_is_not_known_yet_is_found_by_its_dependency() -> None:
    stack = [
        replace(toy, inputs={**toy.inputs, "protects": UNKNOWN}) if toy.name == "job" else toy
        for toy in production()
    ]
    assert complaints(stack) == {}


def test_any_component_that_publishes_the_same_facts_is_a_backup() -> None:
    stack = [
        replace(toy, type="acme:index:NightlyDump") if toy.name == "job" else toy for toy in production()
    ]
    assert complaints(stack) == {}


@pytest.mark.parametrize(
    ("stack", "reason"),
    [
        (without(production(), "heartbeat"), "has no heartbeat"),
        (altered(production(), "heartbeat", type="HTTP"), "has no heartbeat"),
        (altered(production(), "heartbeat", isPaused=True), "must declare isPaused false"),
        (altered(production(), "heartbeat", isPaused=ABSENT), "must declare isPaused false"),
        (altered(production(), "heartbeat", isPaused=UNKNOWN), "could not be decided: isPaused"),
    ],
)
def test_a_job_that_nobody_misses_is_no_backup(stack: list[Toy], reason: str) -> None:
    assert reason in complaints(stack)["project"]


@pytest.mark.parametrize(
    ("inputs", "passes"), [({"enabled": True}, True), ({"enabled": False}, False), ({}, False)]
)
def test_a_cron_monitor_is_a_heartbeat_too(inputs: dict[str, Any], passes: bool) -> None:
    cron = Toy("sentry:index/cronMonitor:CronMonitor", "cron", inputs, parent="job", provider={})
    assert (complaints([*without(production(), "heartbeat"), cron]) == {}) is passes


def test_a_heartbeat_may_depend_on_the_job_instead_of_being_its_child() -> None:
    beat = replace(monitor("beat", type="HEARTBEAT"), made_from={"name": ("job",)})
    assert complaints([*without(production(), "heartbeat"), beat]) == {}


@pytest.mark.parametrize(
    "token",
    [
        "aws:s3/bucket:Bucket",
        "aws:s3/bucketV2:BucketV2",
        "aws:rds/instance:Instance",
        "aws:rds/cluster:Cluster",
        "aws:dynamodb/table:Table",
        "aws:efs/fileSystem:FileSystem",
        "gcp:sql/databaseInstance:DatabaseInstance",
        "azure-native:storage:StorageAccount",
        "kubernetes:core/v1:PersistentVolumeClaim",
        "mongodbatlas:index/cluster:Cluster",
        "supabase:index/project:Project",
        "vendor:module/strangeBucket:StrangeBucket",
    ],
)
def test_a_foreign_data_store_without_backup_is_refused(token: str) -> None:
    assert set(complaints([Toy(token, "store", provider={})])) == {"store"}


@pytest.mark.parametrize(
    "token",
    [
        "aws:ec2/instance:Instance",
        "aws:ecs/cluster:Cluster",
        "aws:eks/cluster:Cluster",
        "aws:glue/catalogDatabase:CatalogDatabase",
        "aws:rds/clusterInstance:ClusterInstance",
        "aws:rds/subnetGroup:SubnetGroup",
        "aws:s3/bucketVersioning:BucketVersioning",
        "neon:index/branch:Branch",
        "neon:index/database:Database",
        "neon:index/role:Role",
        "sentry:index/project:Project",
    ],
)
def test_what_holds_no_data_of_its_own_needs_no_backup(token: str) -> None:
    assert complaints([Toy(token, "thing", provider={})]) == {}


def test_each_store_needs_its_own_backup() -> None:
    second = Toy("neon:index/project:Project", "second", {"regionId": "aws-eu-central-1"}, provider={})
    assert set(complaints([*production(), second])) == {"second"}


@pytest.mark.parametrize(
    ("store_region", "copy_region", "passes"),
    [("eu-west-1", "eu-north-1", True), ("eu-west-1", "eu-west-1", False), (UNKNOWN, "eu-west-1", False)],
)
def test_a_store_without_component_is_where_its_provider_is(
    store_region: str, copy_region: str, passes: bool
) -> None:
    data = bucket("data", region=store_region)
    copies = [{"provider": "aws", "region": copy_region}]
    stack = [*altered(production(), "job", protects=[data.urn], copies=copies), data]
    assert ("data" not in complaints(stack)) is passes


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"status": "Disabled"}, "is not enabled"),
        ({"status": None}, "is not enabled"),
        ({"status": UNKNOWN}, "could not be decided"),
        ({"filter": {"prefix": "logs/"}}, "does not take the whole bucket"),
        ({"filter": {"tag": {"key": "keep", "value": "yes"}}}, "does not take the whole bucket"),
    ],
)
def test_a_weakened_replication_protects_neither_vault(rule: dict[str, Any], reason: str) -> None:
    weak = replication("replication", "vault", "replica", **rule)
    found = complaints([*without(production(), "replication"), weak])
    assert set(found) == {"vault-bucket", "replica-bucket"}
    assert all(reason in message for message in found.values())


def test_a_vault_needs_a_replica() -> None:
    assert set(complaints(without(production(), "replication"))) == {"vault-bucket", "replica-bucket"}


def test_a_replica_in_the_same_account_and_region_is_none() -> None:
    names = ("replica", "replica-bucket", "replica-log", "replica-logging")
    found = complaints([*without(production(), *names), *vault("replica", "eu-west-1")])
    assert "joins no bucket of another account or region" in found["vault-bucket"]


def test_a_replica_is_found_by_its_known_arn() -> None:
    destination = {"bucket": "arn:aws:s3:::shop-replica-bucket"}
    known = replace(replication("known", "vault", "replica", destination=destination), made_from={})
    assert complaints([*without(production(), "replication"), known]) == {}


def test_a_bucket_is_no_log_of_its_own() -> None:
    data = bucket("data")
    logging = Toy(
        "aws:s3/bucketLoggingV2:BucketLoggingV2",
        "logging",
        {"bucket": "shop-data", "targetBucket": "shop-data"},
        provider={},
    )
    assert set(complaints([data, logging])) == {"data"}
