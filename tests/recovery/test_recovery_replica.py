"""The other vault: the same backup, from it alone; and what is on its way told from what is missing."""

import secrets
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from replicated_buckets import lock, replicate, role, settled
from servers import NewDatabase
from twin.aws_twin import Service

from recovery import catalogue, replica
from recovery.backup import back_up
from recovery.context import RecoveryContext
from recovery.manifest import Manifest
from recovery.restore import restore_database
from recovery.vault.client import client
from recovery.vault.vault import VaultClient
from recovery.verify import verify

ROWS = 3000


@dataclass(frozen=True)
class Pair:
    """Two vaults, the second one the replica of the first, and a way to both that skips this project."""

    primary: VaultClient
    replica: VaultClient
    raw: Any

    def site(self, url: str) -> RecoveryContext:
        return RecoveryContext("test", url, {"primary": self.primary, "replica": self.replica}, {}, {})

    def await_copies(self, manifest: Manifest) -> None:
        for entry in self.primary.listed(manifest.folder):
            assert settled(self.raw, self.primary.bucket, entry.key, entry.version) == "COMPLETED"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    service = Service(tmp_path_factory.mktemp("aws"))
    yield service
    service.kill()


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    """Give a service that takes an hour to replicate."""
    service = Service(tmp_path_factory.mktemp("slow"), BULWARK_TWIN_REPLICATION_SECONDS="3600")
    yield service
    service.kill()


def pair(service: Service) -> Pair:
    raw, name = client("us-east-1", service.url), secrets.token_hex(4)
    iam = service.client("iam")
    roles = iam.list_roles()["Roles"]
    lock(raw, f"{name}-primary", "eu-west-1")
    lock(raw, f"{name}-replica", "eu-north-1")
    replicate(raw, f"{name}-primary", f"{name}-replica", roles[0]["Arn"] if roles else role(iam))
    return Pair(VaultClient(raw, f"{name}-primary"), VaultClient(raw, f"{name}-replica"), raw)


@pytest.fixture
def source(database: NewDatabase) -> str:
    url = database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (id int)")
        connection.execute("INSERT INTO notes SELECT generate_series(1, %s)", [ROWS])
    return url


def test_a_backup_comes_back_from_the_replica_alone(
    service: Service, source: str, database: NewDatabase, tmp_path: Path
) -> None:
    vaults = pair(service)
    taken = back_up(vaults.site(source))
    vaults.await_copies(taken)
    assert verify(taken, vaults.primary, replica=vaults.replica).problems == ()
    # The primary is gone: nothing is left that could be asked.
    manifest = catalogue.choose_backup(catalogue.read_backups(vaults.replica, Manifest))
    assert manifest == taken
    assert verify(manifest, vaults.replica).problems == ()
    target = database()
    restore_database(manifest, vaults.replica, target, folder=tmp_path, source_url=source)
    with psycopg.connect(target) as connection:
        assert connection.execute("SELECT count(*), sum(id) FROM notes").fetchone() == (
            ROWS,
            ROWS * (ROWS + 1) // 2,
        )


def test_what_is_on_its_way_is_no_problem_until_it_is_late(
    slow: Service, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vaults = pair(slow)
    taken = back_up(vaults.site(source))
    look = verify(taken, vaults.primary, replica=vaults.replica)
    assert look.good
    assert len(look.pending) == 3
    assert f"{taken.dump.key} is on its way to the replica for 0 min" in look.pending
    monkeypatch.setattr(replica, "LONGEST", timedelta())
    late = verify(taken, vaults.primary, replica=vaults.replica)
    assert not late.good
    assert len(late.problems) == 3
    assert all("is on its way to the replica for 0 min" in problem for problem in late.problems)


def test_what_was_stored_before_the_rule_is_missing(service: Service, source: str) -> None:
    vaults = pair(service)
    vaults.raw.delete_bucket_replication(Bucket=vaults.primary.bucket)
    taken = back_up(vaults.site(source))
    assert verify(taken, vaults.primary, replica=vaults.replica).problems == tuple(
        f"{key} is not in the replica, and not on its way there"
        for key in (taken.dump.key, taken.cluster.key, taken.key)
    )


def test_what_s3_gave_up_to_replicate_is_said_to_be(service: Service, source: str) -> None:
    vaults = pair(service)
    replicate(vaults.raw, vaults.primary.bucket, vaults.replica.bucket, "arn:aws:iam::123456789012:role/gone")
    taken = back_up(vaults.site(source))
    for entry in vaults.primary.listed(taken.folder):
        assert settled(vaults.raw, vaults.primary.bucket, entry.key, entry.version) == "FAILED"
    problems = verify(taken, vaults.primary, replica=vaults.replica).problems
    assert (
        f"{taken.dump.key} was not replicated: S3 gave up; look at the replicating role and its keys"
        in problems
    )


def test_a_copy_that_was_deleted_replaced_or_unlocked_is_found(service: Service, source: str) -> None:
    vaults = pair(service)
    taken = back_up(vaults.site(source))
    vaults.await_copies(taken)
    where = {"Bucket": vaults.replica.bucket, "Key": taken.dump.key, "VersionId": taken.dump.version}
    soon = datetime.now(UTC) + timedelta(hours=1)
    vaults.raw.put_object_retention(
        **where, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": soon}, BypassGovernanceRetention=True
    )
    assert verify(taken, vaults.primary, replica=vaults.replica).problems == (
        f"the replica's {taken.dump.key} is locked for less time than the primary's",
    )
    vaults.raw.delete_object(**where, BypassGovernanceRetention=True)
    assert verify(taken, vaults.primary, replica=vaults.replica).problems == (
        f"{taken.dump.key} is not in the replica, and not on its way there",
    )
