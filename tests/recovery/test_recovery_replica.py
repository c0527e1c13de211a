"""The replica: a backup is restored from it alone, and a pending copy is told apart from a missing one."""

import secrets
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from attesting import SIGN, TRUST
from aws_twin import Service
from replicated_buckets import (
    await_replication,
    create_locked_bucket,
    create_replication_role,
    put_replication,
)
from servers import NewDatabase
from vaults import start_aws

from core import vault_layout
from recovery import catalogue, replica
from recovery.backup import back_up
from recovery.context import RecoveryContext
from recovery.manifest import Manifest
from recovery.restore import restore_database
from recovery.vault.client import create_client
from recovery.vault.vault import VaultClient
from recovery.verify import verify

pytestmark = pytest.mark.shares("replica-service")

ROWS = 3000


@dataclass(frozen=True)
class VaultPair:
    """Two vaults, the second one the replica of the first, and a boto3 client of both."""

    primary: VaultClient
    replica: VaultClient
    direct: Any

    def context(self, url: str) -> RecoveryContext:
        return RecoveryContext(
            "test",
            {"primary": self.primary, "replica": self.replica},
            {},
            {},
            TRUST,
            SIGN,
            store="database",
            database_url=url,
        )

    def await_replication(self, manifest: Manifest) -> None:
        for entry in self.primary.list_entries(manifest.folder):
            assert (
                await_replication(self.direct, self.primary.bucket, entry.key, entry.version) == "COMPLETED"
            )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    service = start_aws(tmp_path_factory.mktemp("aws"))
    yield service
    service.kill()


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    """Give a service that takes an hour to replicate."""
    service = start_aws(tmp_path_factory.mktemp("slow"), BULWARK_TWIN_REPLICATION_SECONDS="3600")
    yield service
    service.kill()


def create_vaults(service: Service) -> VaultPair:
    raw, name = create_client("us-east-1", service.url), secrets.token_hex(4)
    iam = service.client("iam")
    roles = iam.list_roles()["Roles"]
    create_locked_bucket(raw, f"{name}-primary", "eu-west-1")
    create_locked_bucket(raw, f"{name}-replica", "eu-north-1")
    put_replication(
        raw, f"{name}-primary", f"{name}-replica", roles[0]["Arn"] if roles else create_replication_role(iam)
    )
    return VaultPair(VaultClient(raw, f"{name}-primary"), VaultClient(raw, f"{name}-replica"), raw)


@pytest.fixture
def source(new_database: NewDatabase) -> str:
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (id int)")
        connection.execute("INSERT INTO notes SELECT generate_series(1, %s)", [ROWS])
    return url


def test_a_backup_is_restored_from_the_replica_alone(
    service: Service, source: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    vaults = create_vaults(service)
    taken = back_up(vaults.context(source))
    vaults.await_replication(taken)
    assert verify(taken, vaults.primary, replica=vaults.replica).problems == ()
    # From here on only the replica is used.
    manifest = catalogue.choose_backup(
        catalogue.read_backups(vaults.replica, Manifest, TRUST, store="database")
    )
    assert manifest == taken
    assert verify(manifest, vaults.replica).problems == ()
    target = new_database()
    restore_database(manifest, vaults.replica, target, folder=tmp_path, source_url=source)
    with psycopg.connect(target) as connection:
        assert connection.execute("SELECT count(*), sum(id) FROM notes").fetchone() == (
            ROWS,
            ROWS * (ROWS + 1) // 2,
        )


def test_a_pending_replication_is_no_problem_until_it_is_late(
    slow: Service, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vaults = create_vaults(slow)
    manifest = back_up(vaults.context(source))
    verification = verify(manifest, vaults.primary, replica=vaults.replica)
    assert verification.passed
    assert len(verification.pending) == 5
    assert f"{manifest.dump.key} is on its way to the replica for 0 min" in verification.pending
    monkeypatch.setattr(replica, "MAX_REPLICATION_TIME", timedelta())
    late = verify(manifest, vaults.primary, replica=vaults.replica)
    assert not late.passed
    assert len(late.problems) == 5
    assert all("is on its way to the replica for 0 min" in problem for problem in late.problems)


def test_objects_stored_before_the_replication_rule_are_missing_in_the_replica(
    service: Service, source: str
) -> None:
    vaults = create_vaults(service)
    vaults.direct.delete_bucket_replication(Bucket=vaults.primary.bucket)
    manifest = back_up(vaults.context(source))
    assert verify(manifest, vaults.primary, replica=vaults.replica).problems == tuple(
        f"{key} is not in the replica, and not on its way there"
        for key in (
            *(stored.key for stored in manifest.objects),
            manifest.key,
            vault_layout.attestation(manifest.key),
        )
    )


def test_a_replication_that_s3_gave_up_is_reported(service: Service, source: str) -> None:
    vaults = create_vaults(service)
    put_replication(
        vaults.direct, vaults.primary.bucket, vaults.replica.bucket, "arn:aws:iam::123456789012:role/gone"
    )
    manifest = back_up(vaults.context(source))
    for entry in vaults.primary.list_entries(manifest.folder):
        assert await_replication(vaults.direct, vaults.primary.bucket, entry.key, entry.version) == "FAILED"
    problems = verify(manifest, vaults.primary, replica=vaults.replica).problems
    assert (
        f"{manifest.dump.key} was not replicated: S3 gave up, and does not try again; if it was stored in "
        "the first minutes of a new vault, back up again; else look at the replicating role and its keys"
    ) in problems


def test_a_replica_that_was_deleted_or_locked_for_less_time_is_found(service: Service, source: str) -> None:
    vaults = create_vaults(service)
    manifest = back_up(vaults.context(source))
    vaults.await_replication(manifest)
    where = {"Bucket": vaults.replica.bucket, "Key": manifest.dump.key, "VersionId": manifest.dump.version}
    soon = datetime.now(UTC) + timedelta(hours=1)
    vaults.direct.put_object_retention(
        **where, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": soon}, BypassGovernanceRetention=True
    )
    assert verify(manifest, vaults.primary, replica=vaults.replica).problems == (
        f"the replica's {manifest.dump.key} is locked for less time than the primary's",
    )
    vaults.direct.delete_object(**where, BypassGovernanceRetention=True)
    assert verify(manifest, vaults.primary, replica=vaults.replica).problems == (
        f"{manifest.dump.key} is not in the replica, and not on its way there",
    )
