"""The copy elsewhere: encrypted to a public key, locked by another S3 server, and enough to restore from."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from attesting import SIGN, TRUST, make_key
from elsewhere_store import LOCK_DAYS, Elsewhere, elsewhere, second_server, write_identity
from recovery_blocks import KEY, SECRETS, database, vault
from recovery_command import RecoveryCommand, without_password
from s3_server import KEY_ID, SECRET, Fault
from servers import PASSWORD, NewDatabase
from vaults import ProxiedVault, back_up_database

from cli.backups import backups as backups_command
from cli.restore import restore as restore_command
from cli.verify import verify as verify_command
from components.settings.backups import ELSEWHERE_KEY
from core import vault_layout
from core.failure import Failure
from engine import stack_file
from engine.program import PLATFORM, Program
from engine.stack_target import AwsRole, VendorTarget
from live import elsewhere as live_elsewhere
from live.finding import look
from recovery import catalogue
from recovery.attestation import put_attested, sign_with
from recovery.catalogue import Disownment
from recovery.elsewhere import fill
from recovery.elsewhere.verify import ListedFiles, verify_copy
from recovery.manifest import Manifest
from recovery.restore import restore_database
from recovery.vault.client import AccessKey, create_client
from recovery.verify import verify
from twin.host.home import TwinHome

__all__ = ["elsewhere", "second_server"]

pytestmark = [pytest.mark.shares("elsewhere"), pytest.mark.scenario("copies elsewhere")]


@pytest.fixture
def source(new_database: NewDatabase) -> str:
    url = new_database("elsewhere shop")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE planted_orders (id int PRIMARY KEY, body text);"
            "INSERT INTO planted_orders SELECT n, 'planted-row-' || n FROM generate_series(1, 2000) n"
        )
    return url


def test_a_database_comes_back_from_the_copy_elsewhere_alone(  # noqa: PLR0917 - fixtures
    source: str,
    locked_vault: ProxiedVault,
    elsewhere: Elsewhere,
    new_database: NewDatabase,
    scratch: Any,
    tmp_path: Path,
) -> None:
    taken = back_up_database(source, locked_vault.client)
    (copy,) = elsewhere.fill(locked_vault)
    assert (copy.backup, copy.store, copy.recipients) == (taken.id, "database", elsewhere.rules.recipients)

    # Whoever reads the store sees ciphertext, and the names of no table.
    assert b"planted" not in elsewhere.bodies()
    keys = {one.encrypted.key for one in copy.all_objects}
    assert keys == {f"{key}.age" for key in (taken.key, f"{taken.key}.attestation")} | {
        f"{stored.key}.age" for stored in taken.objects
    }
    until = datetime.now(UTC) + timedelta(days=LOCK_DAYS)
    for version in elsewhere.direct.list_object_versions(Bucket=elsewhere.bucket)["Versions"]:
        retention = elsewhere.direct.get_object_retention(
            Bucket=elsewhere.bucket, Key=version["Key"], VersionId=version["VersionId"]
        )["Retention"]
        assert retention["Mode"] == "COMPLIANCE"
        assert abs(retention["RetainUntilDate"] - until) < timedelta(minutes=5)

    # The AWS vault is lost: nothing below asks it for anything.
    locked_vault.proxy.is_down = True
    without_key = elsewhere.open()
    assert [one.backup for one in without_key.copies] == [taken.id]
    assert verify_copy(without_key, copy, ListedFiles(without_key.stored)).problems == ()

    opened = elsewhere.open(identity=elsewhere.identity)
    (backup,) = catalogue.read_backups(opened, Manifest, TRUST, store="database")
    assert (backup.manifest, backup.doubts) == (taken, ())
    deep = verify(taken, opened, scratch=scratch, check=lambda: ())
    assert (deep.deep, deep.problems) == (True, ())
    target = new_database("elsewhere restored")
    restore_database(taken, opened, target, folder=tmp_path)
    with psycopg.connect(target) as connection:
        assert connection.execute("SELECT count(*), max(body) FROM planted_orders").fetchone() == (
            2000,
            "planted-row-999",
        )


def test_the_copy_elsewhere_opens_with_its_own_private_key_alone(
    source: str, locked_vault: ProxiedVault, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    taken = back_up_database(source, locked_vault.client)
    elsewhere.fill(locked_vault)
    with pytest.raises(Failure, match="no private key was given"):
        elsewhere.open().read(taken.key, "")
    other, _ = write_identity(tmp_path)
    with pytest.raises(Failure, match="holds no private key that opens"):
        list(elsewhere.open(identity=other).read(taken.key, ""))


def test_a_second_run_copies_elsewhere_what_is_missing_alone(
    source: str, locked_vault: ProxiedVault, elsewhere: Elsewhere
) -> None:
    first = back_up_database(source, locked_vault.client)
    assert [one.backup for one in elsewhere.fill(locked_vault)] == [first.id]
    assert elsewhere.fill(locked_vault) == []
    second = back_up_database(source, locked_vault.client)
    # Killed before the document of the second copy was written: its objects are there, and it is not listed.
    elsewhere.proxy.faults.append(
        Fault(
            "PUT", query=f"{vault_layout.COPIES}database/{second.id}", times=9, answer=(403, "AccessDenied")
        )
    )
    with pytest.raises(Failure, match="may not do this"):
        elsewhere.fill(locked_vault)
    assert [one.backup for one in elsewhere.open().copies] == [first.id]
    elsewhere.proxy.faults.clear()
    (copy,) = elsewhere.fill(locked_vault)
    assert copy.backup == second.id
    assert verify_copy(elsewhere.open(), copy, ListedFiles(elsewhere.open().stored)).problems == ()


def test_a_copy_that_nobody_attested_is_not_there_elsewhere(
    source: str, locked_vault: ProxiedVault, elsewhere: Elsewhere
) -> None:
    taken = back_up_database(source, locked_vault.client)
    thief = sign_with(make_key("thief")[0])
    elsewhere.fill(locked_vault, issue_token=thief)
    elsewhere.fill(locked_vault, issue_token=None)
    opened = elsewhere.open(identity=elsewhere.identity)
    faults = [listed.fault for listed in opened.list_copies()]
    assert len(faults) == 2
    assert all(faults)
    assert catalogue.read_backups(opened, Manifest, TRUST, store="database") == []
    # The next run copies it again, and that copy counts.
    assert [one.backup for one in elsewhere.fill(locked_vault)] == [taken.id]
    assert [
        one.id
        for one in catalogue.read_backups(
            elsewhere.open(identity=elsewhere.identity), Manifest, TRUST, store="database"
        )
    ] == [taken.id]


def test_a_changed_object_elsewhere_is_found_without_the_private_key(
    source: str, locked_vault: ProxiedVault, elsewhere: Elsewhere
) -> None:
    back_up_database(source, locked_vault.client)
    (copy,) = elsewhere.fill(locked_vault)
    dump = copy.objects[0].encrypted
    elsewhere.proxy.faults.append(Fault("GET", query="dump.pgc.zst.age?versionId", damage_answer=200))
    problems = verify_copy(elsewhere.open(), copy, ListedFiles(elsewhere.open().stored)).problems
    assert len(problems) == 1
    assert dump.key in problems[0]


def test_only_young_backups_are_copied_elsewhere_and_a_disowned_one_is_disowned_there_too(
    source: str, locked_vault: ProxiedVault, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = back_up_database(source, locked_vault.client)
    with monkeypatch.context() as patch:
        later = datetime.now(UTC) + timedelta(days=LOCK_DAYS, hours=1)
        patch.setattr(fill, "require_right_clock", lambda _: later)
        assert elsewhere.fill(locked_vault) == []
    assert [one.backup for one in elsewhere.fill(locked_vault)] == [taken.id]
    (listed,) = catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
    mark = Disownment(
        backup=taken.id, manifest_sha256=listed.manifest_sha256, at=datetime.now(UTC), reason="it is empty"
    )
    document = mark.model_dump_json().encode()
    put_attested(locked_vault.client, vault_layout.disownment(taken.id, document), document, SIGN)
    assert elsewhere.fill(locked_vault) == []
    (copied,) = catalogue.read_backups(
        elsewhere.open(identity=elsewhere.identity), Manifest, TRUST, store="database"
    )
    assert copied.doubts == ("was disowned: it is empty",)


@pytest.mark.parametrize(
    ("lock", "message"),
    [
        (None, "keeps no versions and has no Object Lock"),
        ("GOVERNANCE", "can be lifted: its mode is GOVERNANCE"),
    ],
)
def test_a_vault_elsewhere_whose_lock_can_be_lifted_is_refused(
    lock: str | None, message: str, locked_vault: ProxiedVault, elsewhere: Elsewhere
) -> None:
    elsewhere.bucket = f"weak-{secrets.token_hex(4)}"
    elsewhere.direct.create_bucket(Bucket=elsewhere.bucket, ObjectLockEnabledForBucket=bool(lock))
    if lock:
        elsewhere.direct.put_object_lock_configuration(
            Bucket=elsewhere.bucket,
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": lock, "Days": 1}},
            },
        )
    with pytest.raises(Failure, match=message):
        elsewhere.fill(locked_vault)


def test_an_audit_tells_what_a_vault_elsewhere_lacks_in_reality(
    source: str, locked_vault: ProxiedVault, elsewhere: Elsewhere
) -> None:
    taken = back_up_database(source, locked_vault.client)
    elsewhere.fill(locked_vault)

    def find() -> set[str]:
        client = create_client("us-east-1", elsewhere.proxy.url, attempts=1, portable=True)
        found, unknown = look(live_elsewhere.lookups(elsewhere.bucket, elsewhere.open, lambda: client), print)
        assert unknown == []
        return {finding.thing.removeprefix(f"elsewhere/{elsewhere.bucket}/") for finding in found}

    # The key of these tests may do everything.
    assert find() == {"key"}
    elsewhere.proxy.faults[:] = [
        Fault("DELETE", times=99, answer=(403, "AccessDenied")),
        Fault("GET", query="?retention", answer=(404, "NoSuchObjectLockConfiguration")),
    ]
    assert find() == {f"copy/database/{taken.id}"}
    assert find() == set()
    assert elsewhere.proxy.requests("DELETE", taken.id) == []
    rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
    elsewhere.direct.put_object_lock_configuration(Bucket=elsewhere.bucket, ObjectLockConfiguration=rule)
    assert find() == {"lock"}


def test_a_service_that_ignores_the_lock_is_refused_elsewhere(
    source: str, locked_vault: ProxiedVault, elsewhere: Elsewhere
) -> None:
    """It says that the bucket has Object Lock, and locks nothing."""
    back_up_database(source, locked_vault.client)
    elsewhere.proxy.faults.append(
        Fault("GET", query="?retention", times=99, answer=(404, "NoSuchObjectLockConfiguration"))
    )
    with pytest.raises(Failure, match="is not locked in mode COMPLIANCE, though"):
        elsewhere.fill(locked_vault)
    assert elsewhere.open().copies == []


class WithoutAws(VendorTarget):
    """A stack whose AWS account is closed: no role is to be had, and its state lies there as well."""

    def role_credentials(self, role: AwsRole) -> AccessKey | None:
        raise Failure(f"The role {role} can't be taken on.", "open the account again.")

    def workspace(self, program: Program = PLATFORM) -> Path:  # noqa: ARG002 - the same for both
        raise Failure("The stack's state can't be read.", "open the account again.")


def test_a_stack_whose_aws_account_is_lost_restores_from_elsewhere(  # noqa: PLR0917 - fixtures
    source: str,
    locked_vault: ProxiedVault,
    elsewhere: Elsewhere,
    new_database: NewDatabase,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    taken = back_up_database(source, locked_vault.client)
    elsewhere.fill(locked_vault)
    locked_vault.proxy.is_down = True
    production = stack_file.load_settings("prod", stack_file.read("prod"))
    assert production.vaults.elsewhere
    store = production.vaults.elsewhere.model_copy(
        update={"endpoint": elsewhere.proxy.url, "region": "us-east-1", "bucket": elsewhere.bucket}
    )
    backups = production.vaults.model_copy(update={"elsewhere": store, "operator_keys": TRUST.operator_keys})
    # The backups of these tests are those of a stack of this name.
    target = WithoutAws("test", production.model_copy(update={"backups": backups}), "real")
    monkeypatch.setattr("engine.targets.find_target", lambda *_, **__: target)
    for name, value in zip(ELSEWHERE_KEY, (KEY_ID, SECRET), strict=True):
        monkeypatch.setenv(name, value)
    assert backups_command(stack="test", vault="elsewhere", as_json=True) == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == [taken.id]
    assert verify_command(stack="test", vault="elsewhere") == 0
    identity = elsewhere.identity.file
    empty = new_database("elsewhere without aws")
    monkeypatch.setenv("BULWARK_RESTORE_PASSWORD", PASSWORD)
    to = without_password(empty)
    assert restore_command(stack="test", vault="elsewhere", identity=identity, to=to) == 0
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT count(*) FROM planted_orders").fetchone() == (2000,)


def test_a_recovery_file_that_names_the_vault_elsewhere_alone_restores(  # noqa: PLR0917 - fixtures
    source: str,
    locked_vault: ProxiedVault,
    elsewhere: Elsewhere,
    new_database: NewDatabase,
    tmp_path: Path,
    servers_home: TwinHome,
) -> None:
    command = RecoveryCommand(tmp_path / "empty", servers_home, dict(SECRETS))
    command.folder.mkdir()
    block = {
        "bucket": elsewhere.bucket,
        "region": "us-east-1",
        "endpoint": elsewhere.proxy.url,
        "credentials": KEY,
        "recipients": list(elsewhere.rules.recipients),
        "lock_days": LOCK_DAYS,
    }
    command.write(stores={"database": database(source)}, vaults={**vault(locked_vault), "elsewhere": block})
    backup = command.run("backup", "database", "--json")
    assert backup.code == 0, backup.text
    copied = command.run("copy")
    assert copied.code == 0, copied.text
    assert "1 copied" in copied.out

    locked_vault.proxy.is_down = True
    command.variables.pop("SHOP_PASSWORD")
    command.write(vaults={"elsewhere": {key: block[key] for key in block if key != "recipients"}})
    listed = command.run("backups", "--vault", "elsewhere", "--json")
    assert [row["id"] for row in listed.json] == [backup.json["database"]["id"]], listed.text
    assert "planted_orders" not in listed.text
    read = command.run("verify", "--vault", "elsewhere")
    assert (read.code, "read and compared, good" in read.out) == (0, True), read.text
    options = ("restore", "--vault", "elsewhere", "--to")
    empty = new_database("elsewhere alone")
    password = {"BULWARK_RESTORE_PASSWORD": PASSWORD}
    without = command.run(*options, without_password(empty), variables=password)
    assert (without.code, "--identity FILE" in without.err) == (1, True), without.text
    identity = str(elsewhere.identity.file)
    restored = command.run(*options, without_password(empty), "--identity", identity, variables=password)
    assert restored.code == 0, restored.text
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT count(*) FROM planted_orders").fetchone() == (2000,)
    # What needs the vault that is lost says so.
    assert "There is no vault primary" in command.run("backups").err
