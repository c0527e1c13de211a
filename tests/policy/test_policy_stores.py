"""Which resources are stores, where they are, what keeps their history, and what is a copy of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pytest
from policy_harness import (
    ABSENT,
    UNKNOWN,
    Toy,
    alter,
    find_toy,
    find_violations,
    production,
    secret,
    with_options,
    without,
)

from policies.rules import RULES

_RULES: Final = {rule.id: rule for rule in RULES}
_BACKUP: Final = "store-has-independent-backup"
_HISTORY: Final = "store-has-history"
_REPLICATION: Final = "backups-replication"
_VAULTS: Final = {"backups-vault-bucket", "backups-replica-bucket"}
_CLOUD_SQL: Final = {
    "enabled": True,
    "pointInTimeRecoveryEnabled": True,
    "transactionLogRetentionDays": 7,
}
_ACCOUNT, _OTHER = "123456789012", "210987654321"
_KEY: Final = f"arn:aws:kms:eu-west-1:{_ACCOUNT}:key/00000000-0000-4000-8000-000000000000"


def complaints(stack: Sequence[Toy], rule: str) -> dict[str, str]:
    """Return resource -> message of one rule's violations, all of which must be mandatory."""
    found = [violation for violation in find_violations(stack, [_RULES[rule]]) if violation.rule == rule]
    assert {violation.level for violation in found} <= {1}
    assert not any("crashed" in violation.message for violation in found)
    return {violation.resource: violation.message for violation in found}


def store(token: str, name: str = "store", provider: str = "own-provider", **inputs: Any) -> Toy:
    return Toy(token, name, inputs, provider=provider, options={"protect": True})


def bucket(name: str, region: str, **inputs: Any) -> Toy:
    return store("aws:s3/bucket:Bucket", name, bucket=name, region=region, **inputs)


def part(kind: str, name: str, of: str, **inputs: Any) -> Toy:
    token = f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}"
    return Toy(token, name, {"bucket": of, **inputs}, provider="own-provider", made_from={"bucket": [of]})


@pytest.mark.parametrize(
    "token",
    [
        "aws:s3/bucket:Bucket",
        "aws:s3/bucketV2:BucketV2",
        "aws:rds/instance:Instance",
        "aws:rds/cluster:Cluster",
        "aws:dynamodb/table:Table",
        "aws:efs/fileSystem:FileSystem",
        "aws:ebs/volume:Volume",
        "gcp:sql/databaseInstance:DatabaseInstance",
        "azure-native:storage:StorageAccount",
        "kubernetes:core/v1:PersistentVolumeClaim",
        "mongodbatlas:index/cluster:Cluster",
        "supabase:index/project:Project",
        "planetscale:index/databasePostgres:DatabasePostgres",
        "railway:index/volume:Volume",
        "kubernetes:core/v1:PersistentVolume",
        "upstash:index/redisDatabase:RedisDatabase",
    ],
)
def test_a_foreign_data_store_without_backup_is_refused(token: str) -> None:
    assert set(complaints([store(token)], _BACKUP)) == {"store"}


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
        "mongodbatlas:index/project:Project",
        "postgresql:index/database:Database",
        "mysql:index/database:Database",
        "azure-native:sql:Server",
        "digitalocean:index/databaseDb:DatabaseDb",
        "kubernetes:apps/v1:StatefulSet",
    ],
)
def test_a_resource_without_data_of_its_own_needs_no_backup(token: str) -> None:
    stack = [store(token)]
    assert complaints(stack, _BACKUP) == complaints(stack, "type-is-classified") == {}


@pytest.mark.parametrize(
    ("facts", "refused"),
    [({"holdsData": True}, True), ({"holdsData": UNKNOWN}, True), ({"holdsData": False}, False), ({}, False)],
)
def test_a_component_holds_data_if_it_says_so(facts: dict[str, Any], refused: bool) -> None:
    assert bool(complaints([Toy("acme:index:Archive", "archive", facts)], _BACKUP)) is refused


def test_each_store_needs_its_own_backup() -> None:
    second = store("neon:index/project:Project", "second", regionId="aws-eu-central-1")
    assert set(complaints([*production(), second], _BACKUP)) == {"second"}


def test_any_component_that_publishes_the_same_facts_is_a_backup() -> None:
    stack = [
        replace(toy, type="acme:index:NightlyDump") if toy.name == "job-database" else toy
        for toy in production()
    ]
    assert complaints(stack, _BACKUP) == {}


def test_a_store_whose_urn_is_not_known_yet_is_found_by_its_dependency() -> None:
    stack = [
        replace(
            toy,
            inputs={**toy.inputs, "protects": [UNKNOWN], "copies": UNKNOWN},
            made_from={**toy.made_from, "copies": ["backups-vault-bucket", "backups-replica-bucket"]},
        )
        if toy.name == "job-database"
        else toy
        for toy in production()
    ]
    assert complaints(stack, _BACKUP) == {}


def test_a_list_that_is_known_to_be_empty_names_nothing_whatever_it_was_made_from() -> None:
    stack = [
        replace(toy, inputs={**toy.inputs, "protects": []}) if toy.name == "job-database" else toy
        for toy in production()
    ]
    assert "no scheduled job protects it" in complaints(stack, _BACKUP)["database-project"]


def account(name: str, **inputs: Any) -> Toy:
    """Return an AWS provider."""
    return Toy("pulumi:providers:aws", name, inputs)


def copied(*, home: dict[str, Any], copy: dict[str, Any]) -> list[Toy]:
    """Return a bucket, a copy of it in another account, and the job that makes it."""
    data = store("aws:s3/bucket:Bucket", "data", provider="here", **home)
    target = store("aws:s3/bucket:Bucket", "copy", provider="there", **copy)
    job = Toy("acme:index:Sync", "sync", {"protects": [data.urn], "copies": [target.urn]})
    return [data, target, job]


@pytest.mark.parametrize(
    ("home", "copy", "passes"),
    [
        ({"region": "eu-west-1"}, {"region": "eu-north-1"}, True),
        ({"region": "eu-west-1"}, {"region": "eu-west-1"}, False),
        ({"region": "eu-west-1"}, {"region": "EU-WEST-1"}, False),
        ({"region": UNKNOWN}, {"region": "eu-west-1"}, False),
        ({"region": "eu-west-1"}, {"region": UNKNOWN}, False),
        ({}, {"region": "eu-west-1"}, False),
        ({}, {}, False),
    ],
)
def test_a_copy_of_a_bucket_is_elsewhere_if_its_region_is_known_to_be_another(
    home: dict[str, Any], copy: dict[str, Any], passes: bool
) -> None:
    providers = [
        account(name, allowedAccountIds=f'["{number}"]')
        for name, number in (("here", _ACCOUNT), ("there", _OTHER))
    ]
    found = complaints([*providers, *copied(home=home, copy=copy)], _BACKUP)
    assert ("data" not in found) is passes


@pytest.mark.parametrize(
    ("inputs", "passes"),
    [
        ({"allowedAccountIds": f'["{_OTHER}"]'}, True),
        ({"allowedAccountIds": f'["{_ACCOUNT}"]'}, False),
        ({"allowedAccountIds": f'["{_ACCOUNT}", "{_OTHER}"]'}, False),
        ({"allowedAccountIds": UNKNOWN}, False),
        ({}, False),
    ],
)
def test_a_copy_in_another_region_is_elsewhere_if_its_provider_allows_another_account_alone(
    inputs: dict[str, Any], passes: bool
) -> None:
    here = account("here", region="eu-west-1", allowedAccountIds=f'["{_ACCOUNT}"]')
    there = account("there", region="eu-north-1", **inputs)
    found = complaints([here, there, *copied(home={}, copy={})], _BACKUP)
    assert ("data" not in found) is passes
    assert ("could not be decided" in found.get("data", "")) is (UNKNOWN in inputs.values())


@pytest.mark.parametrize(
    ("region", "passes"), [("aws-eu-west-1", False), ("aws-eu-central-1", True), ("azure-eu-west-1", True)]
)
def test_a_vault_in_the_region_that_hosts_the_databases_vendor_is_no_independent_copy(
    region: str, passes: bool
) -> None:
    stack = alter(production(), "job-database", copies=[find_toy(production(), "backups-vault-bucket").urn])
    found = complaints(alter(stack, "database-project", regionId=region), _BACKUP)
    assert ("database-project" not in found) is passes


def test_a_component_can_not_claim_another_region_than_its_buckets_provider_has() -> None:
    domain = {"provider": "aws", "account": "210987654321", "region": "us-east-1"}
    stack = alter(production(), "backups-replica", failureDomain=domain)
    stack = alter(stack, "aws-replica", region="eu-west-1")
    assert set(complaints(stack, _BACKUP)) == _VAULTS


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "Disabled"}, "has a rule that is off"),
        ({"status": ABSENT}, "has a rule that is off"),
        ({"status": UNKNOWN}, "could not be decided"),
        ({"filter__prefix": "logs/"}, "does not take the whole bucket"),
        ({"filter": {"tag": {"key": "keep", "value": "yes"}}}, "does not take the whole bucket"),
        ({"filter": {"and": {"prefix": ""}}}, "does not take the whole bucket"),
        ({"filter": UNKNOWN}, "could not be decided"),
    ],
)
def test_a_weakened_replication_saves_neither_vault(change: dict[str, Any], reason: str) -> None:
    paths = {f"rules__0__{path}": value for path, value in change.items()}
    found = complaints(alter(production(), _REPLICATION, **paths), _BACKUP)
    assert set(found) == _VAULTS
    assert all(reason in message for message in found.values())


def test_a_replication_without_filter_takes_the_whole_bucket() -> None:
    assert complaints(alter(production(), _REPLICATION, rules__0__filter=ABSENT), _BACKUP) == {}


def test_a_vault_needs_a_replica() -> None:
    assert set(complaints(without(production(), _REPLICATION), _BACKUP)) == _VAULTS


def test_a_replica_is_found_by_its_known_arn() -> None:
    arn = f"arn:aws:s3:::{find_toy(production(), 'backups-replica-bucket').inputs['bucket']}"
    stack = alter(production(), _REPLICATION, rules__0__destination__bucket=arn)
    stack = [replace(toy, made_from={}) if toy.name == _REPLICATION else toy for toy in stack]
    assert complaints(stack, _BACKUP) == {}


def test_one_key_for_both_vaults_takes_both_with_it() -> None:
    stack = [
        replace(toy, made_from={**toy.made_from, "rules": ["backups-vault-key"]})
        if toy.name == "backups-replica-encryption"
        else toy
        for toy in production()
    ]
    found = complaints(stack, _BACKUP)
    assert set(found) == _VAULTS
    assert all("whose key the same account can take away" in message for message in found.values())


@pytest.mark.parametrize(
    ("other", "passes"),
    [
        (_KEY, False),
        (_KEY.replace("eu-west-1", "eu-north-1"), False),
        (_KEY.replace("0000-4000", "1111-4000"), False),
        (secret(_KEY), False),
        (_KEY.replace(_ACCOUNT, _OTHER), True),
        # By itself an id or an alias is of the account that asks.
        ("alias/backups", True),
        ("00000000-0000-4000-8000-000000000000", True),
    ],
)
def test_a_key_that_the_stack_does_not_declare_is_of_the_account_in_its_arn(other: Any, passes: bool) -> None:
    path = "rules__0__applyServerSideEncryptionByDefault__kmsMasterKeyId"
    stack = alter(production(), "backups-vault-encryption", **{path: _KEY})
    stack = alter(stack, "backups-replica-encryption", **{path: other})
    assert (complaints(stack, _BACKUP) == {}) is passes


def test_a_bucket_is_no_log_of_its_own() -> None:
    data = bucket("data", "eu-west-1")
    logging = part("BucketLogging", "logging", "data", targetBucket="data")
    assert set(complaints([data, logging], _BACKUP)) == {"data"}


@pytest.mark.parametrize(
    ("token", "inputs", "passes"),
    [
        ("aws:rds/instance:Instance", {"backupRetentionPeriod": 7}, True),
        ("aws:rds/instance:Instance", {"backupRetentionPeriod": 6}, False),
        ("aws:rds/instance:Instance", {"backupRetentionPeriod": 0}, False),
        ("aws:rds/instance:Instance", {}, False),
        ("aws:rds/cluster:Cluster", {"backupRetentionPeriod": 35}, True),
        ("aws:rds/cluster:Cluster", {"backupRetentionPeriod": UNKNOWN}, False),
        ("aws:dynamodb/table:Table", {"pointInTimeRecovery": {"enabled": True}}, True),
        ("aws:dynamodb/table:Table", {"pointInTimeRecovery": {"enabled": False}}, False),
        ("aws:dynamodb/table:Table", {}, False),
        (
            "aws:dynamodb/table:Table",
            {"pointInTimeRecovery": {"enabled": True, "recoveryPeriodInDays": 1}},
            False,
        ),
        ("aws:efs/fileSystem:FileSystem", {}, False),
        ("aws:ebs/volume:Volume", {}, False),
        ("kubernetes:core/v1:PersistentVolumeClaim", {}, False),
        ("aws:s3/bucket:Bucket", {}, False),
        ("aws:s3/bucket:Bucket", {"versioning": {"enabled": True}}, True),
        ("aws:s3/bucket:Bucket", {"versioning": {"enabled": False}}, False),
        (
            "aws:s3/bucketV2:BucketV2",
            {
                "versioning": {"enabled": True},
                "lifecycleRules": [{"enabled": True, "noncurrentVersionExpiration": {"days": 1}}],
            },
            False,
        ),
        (
            "aws:s3/bucket:Bucket",
            {
                "versioning": {"enabled": True},
                "lifecycleRules": [{"enabled": False, "noncurrentVersionExpiration": {"days": 1}}],
            },
            True,
        ),
        ("aws:docdb/cluster:Cluster", {"backupRetentionPeriod": 7}, True),
        ("aws:keyspaces/table:Table", {"pointInTimeRecovery": {"status": "ENABLED"}}, True),
        ("aws:keyspaces/table:Table", {"pointInTimeRecovery": {"status": "DISABLED"}}, False),
        ("azure-native:dbforpostgresql:Server", {"backup": {"backupRetentionDays": 7}}, True),
        ("azure-native:dbforpostgresql:Server", {"backup": {"backupRetentionDays": 6}}, False),
        ("azure:mssql/database:Database", {"shortTermRetentionPolicy": {"retentionDays": 14}}, True),
        ("digitalocean:index/databaseCluster:DatabaseCluster", {"engine": "pg"}, True),
        ("digitalocean:index/databaseCluster:DatabaseCluster", {"engine": "valkey"}, False),
        (
            "gcp:sql/databaseInstance:DatabaseInstance",
            {"settings": {"backupConfiguration": _CLOUD_SQL}},
            True,
        ),
        (
            "gcp:sql/databaseInstance:DatabaseInstance",
            {"settings": {"backupConfiguration": {**_CLOUD_SQL, "pointInTimeRecoveryEnabled": False}}},
            False,
        ),
        (
            "gcp:sql/databaseInstance:DatabaseInstance",
            {"settings": {"backupConfiguration": {**_CLOUD_SQL, "transactionLogRetentionDays": 1}}},
            False,
        ),
        ("gcp:storage/bucket:Bucket", {"versioning": {"enabled": True}}, True),
        ("gcp:storage/bucket:Bucket", {"softDeletePolicy": {"retentionDurationSeconds": 604_800}}, True),
        ("gcp:storage/bucket:Bucket", {"softDeletePolicy": {"retentionDurationSeconds": 0}}, False),
        ("gcp:spanner/database:Database", {"versionRetentionPeriod": "7d"}, True),
        ("gcp:spanner/database:Database", {"versionRetentionPeriod": "1h"}, False),
        ("gcp:bigquery/dataset:Dataset", {"maxTimeTravelHours": "168"}, True),
        ("gcp:bigquery/dataset:Dataset", {"maxTimeTravelHours": "48"}, False),
        (
            "gcp:firestore/database:Database",
            {"pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_ENABLED"},
            True,
        ),
        # The pack reads no history of these.
        ("mongodbatlas:index/cluster:Cluster", {"pitEnabled": True}, False),
    ],
)
def test_each_type_of_store_has_a_history_of_its_own(
    token: str, inputs: dict[str, Any], passes: bool
) -> None:
    assert (complaints([store(token, **inputs)], _HISTORY) == {}) is passes


@pytest.mark.parametrize(("status", "passes"), [("ENABLED", True), ("DISABLED", False), (UNKNOWN, False)])
def test_a_file_system_has_the_history_that_its_backup_policy_keeps(status: str, passes: bool) -> None:
    policy = Toy(
        "aws:efs/backupPolicy:BackupPolicy",
        "policy",
        {"fileSystemId": UNKNOWN, "backupPolicy": {"status": status}},
        provider="own-provider",
        made_from={"fileSystemId": ["store"]},
    )
    assert (complaints([store("aws:efs/fileSystem:FileSystem"), policy], _HISTORY) == {}) is passes


@pytest.mark.parametrize(
    ("resource", "change", "reason"),
    [
        ("backups-vault-versioning", {"versioningConfiguration__status": "Suspended"}, "is not Enabled"),
        ("backups-vault-versioning", {"versioningConfiguration__status": UNKNOWN}, "could not be decided"),
        (
            "backups-vault-lifecycle",
            {"rules__0__noncurrentVersionExpiration__noncurrentDays": 6},
            "expires earlier versions too soon",
        ),
        (
            "backups-vault-lifecycle",
            {"rules__0__noncurrentVersionExpiration__noncurrentDays": UNKNOWN},
            "could not be decided",
        ),
    ],
)
def test_a_bucket_has_the_history_that_versioning_and_lifecycle_keep(
    resource: str, change: dict[str, Any], reason: str
) -> None:
    found = complaints(alter(production(), resource, **change), _HISTORY)
    assert set(found) == {"backups-vault-bucket"}
    assert reason in found["backups-vault-bucket"]


def test_a_lifecycle_rule_that_is_off_expires_nothing() -> None:
    stack = alter(
        production(),
        "backups-vault-lifecycle",
        rules__0__noncurrentVersionExpiration__noncurrentDays=1,
        rules__0__status="Disabled",
    )
    assert complaints(stack, _HISTORY) == {}


def test_access_logs_need_no_history_and_no_backup() -> None:
    stack = without(production(), "backups-vault-logging")
    assert "backups-vault-access-log-bucket" in complaints(stack, _BACKUP)
    assert complaints(production(), _HISTORY) == complaints(production(), _BACKUP) == {}


@pytest.mark.parametrize(
    "name",
    [
        "backups-replica-bucket",
        "backups-vault-access-log-bucket",
        "backups-vault-key",
        "database-database",
        "database-project",
        "database-role-owner",
    ],
)
def test_a_resource_whose_deletion_deletes_data_is_protected(name: str) -> None:
    assert set(complaints(with_options(production(), name, protect=False), "store-is-protected")) == {name}


@pytest.mark.parametrize(
    ("token", "identity"),
    [
        ("aws:s3/bucket:Bucket", "bucket"),
        ("aws:rds/instance:Instance", "identifier"),
        ("aws:rds/cluster:Cluster", "clusterIdentifier"),
        ("aws:dynamodb/table:Table", "name"),
    ],
)
def test_a_store_is_called_by_its_name(token: str, identity: str) -> None:
    rule = "store-keeps-its-identity"
    assert set(complaints([store(token)], rule)) == {"store"}
    named_store = replace(store(token), inputs={identity: "orders"})
    assert complaints([named_store], rule) == {}


@pytest.mark.parametrize(
    "rule", ["store-loss-is-within-objective", "store-backups-outlast-corruption", "store-is-drilled"]
)
def test_a_replicated_store_needs_no_job_and_a_store_with_a_job_is_judged_by_it(rule: str) -> None:
    assert complaints(production(), rule) == {}
    vault = find_toy(production(), "backups-vault-bucket").urn
    job = Toy("acme:index:Sync", "sync", {"protects": [vault], "schedule": "never"})
    assert set(complaints([*production(), job], rule)) == {"backups-vault-bucket"}
    plain = bucket("data", "eu-west-1")
    assert set(complaints([*production(), plain], rule)) == {"data"}


def test_the_best_of_several_jobs_counts() -> None:
    urn = find_toy(production(), "database-project").urn
    idle = Toy("acme:index:Sync", "sync", {"protects": [urn], "schedule": "never"})
    stack = [*production(), idle]
    for rule in ("store-loss-is-within-objective", "store-backups-outlast-corruption", _BACKUP):
        assert complaints(stack, rule) == {}
