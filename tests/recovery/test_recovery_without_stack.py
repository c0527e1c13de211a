"""Recovery by a recovery file: any PostgreSQL, any S3 service, no stack, nothing of Pulumi."""

import base64
import hashlib
import json
import secrets
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from psycopg import sql
from recovery_blocks import SECRETS, application, database, vault
from recovery_command import RecoveryCommand, reference, without_password
from s3_server import KEY_ID, SECRET
from servers import PASSWORD, NewDatabase, database_url
from vaults import ProxiedVault

from core import vault_layout
from postgres_server.cluster import Cluster
from recovery.drill.evidence import Drill
from recovery.vault.client import create_client
from recovery.vault.vault import VaultClient
from twin.host.home import TwinHome

pytestmark = pytest.mark.shares("without-stack")

ROLE_PASSWORD = "planted p@ss/word"
CONTENT = {"a.txt": b"a", "folder/b.bin": bytes(range(256)), "ü ☃": b"snow"}


@pytest.fixture(scope="module")
def role(cluster: Cluster) -> Generator[str]:
    """Give a role that may read everything and do nothing else."""
    name = "newcomer_backup"
    with psycopg.connect(database_url(cluster, "postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {0} LOGIN PASSWORD {1}; GRANT pg_read_all_data TO {0}").format(
                sql.Identifier(name), sql.Literal(ROLE_PASSWORD)
            )
        )
        yield name
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def source(new_database: NewDatabase) -> str:
    """Give the URL of a database with some rows."""
    url = new_database("newcomer shop")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE orders (id int PRIMARY KEY, customer text NOT NULL, at timestamptz NOT NULL);"
            "INSERT INTO orders SELECT n, 'customer ' || n, now() FROM generate_series(1, 500) n;"
            "CREATE TABLE tags (name text); INSERT INTO tags VALUES ('a'), ('b')"
        )
    return url


def make_files(endpoint: str, bucket: str, content: dict[str, bytes]) -> dict[str, Any]:
    """Make a bucket with files at an S3 service, and return the block of its store."""
    raw = create_client("eu-central-1", endpoint, attempts=1)
    raw.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for key, body in content.items():
        raw.put_object(Bucket=bucket, Key=key, Body=body, ContentMD5=content_md5(body))
    return {
        "type": "s3",
        "endpoint": endpoint,
        "region": "eu-central-1",
        "buckets": [bucket],
        "credentials": reference("FILES_KEY_ID", "FILES_SECRET"),
    }


def content_md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def read_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def files(moto_url: str) -> dict[str, Any]:
    """Give the block of a store of files with `CONTENT`."""
    return make_files(moto_url, f"documents-{secrets.token_hex(4)}", CONTENT)


@pytest.fixture
def command(tmp_path: Path, servers_home: TwinHome) -> RecoveryCommand:
    folder = tmp_path / "empty"
    folder.mkdir()
    return RecoveryCommand(
        folder,
        servers_home,
        {
            **SECRETS,
            "FILES_KEY_ID": KEY_ID,
            "FILES_SECRET": SECRET,
            "SHOP_PASSWORD": ROLE_PASSWORD,
        },
    )


def rows(url: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT * FROM orders ORDER BY id").fetchall()


def test_a_newcomer_backs_up_verifies_and_restores_with_one_file(  # noqa: PLR0917 - fixtures
    command: RecoveryCommand,
    source: str,
    role: str,
    files: dict[str, Any],
    locked_vault: ProxiedVault,
    new_database: NewDatabase,
    other_cluster: Cluster,
) -> None:
    command.write(stores={"database": database(source, role), "files": files}, vaults=vault(locked_vault))
    backup = command.run("backup", "--json")
    assert backup.code == 0, backup.text
    assert set(backup.json) == {"database", "files", "warnings"}
    assert backup.json["database"]["stack"] == "example"
    assert ["GOVERNANCE" in line for line in backup.json["warnings"]] == [True, False]
    assert "accepts what nobody attested" in backup.json["warnings"][1]
    assert f"Warning: The lock of the vault {locked_vault.bucket} can be lifted" in backup.err

    deep = command.run("verify", "--deep", "--json")
    assert deep.code == 0, deep.text
    assert [(look["deep"], look["problems"]) for look in deep.json["looks"]] == [(True, [])] * 2
    assert deep.json["recorded"] is True
    assert deep.json["warnings"] == backup.json["warnings"]

    # The rest needs no secret of the stores: they are lost.
    for name in ("SHOP_PASSWORD", "FILES_KEY_ID", "FILES_SECRET"):
        del command.variables[name]
    listed = command.run("backups", "--json")
    assert {(row["store"], row["replica"], row["how"]) for row in listed.json} == {
        ("database", None, "restored"),
        ("files", None, "restored"),
    }
    shown = command.run("backups")
    assert "no replica" in shown.out
    assert "Warning: " in shown.err

    empty = new_database("newcomer restored", server=other_cluster)
    restored = command.run(
        "restore", "--to", without_password(empty), variables={"BULWARK_RESTORE_PASSWORD": PASSWORD}
    )
    assert restored.code == 0, restored.text
    assert rows(empty) == rows(source)

    made = command.run("restore", "--store", "files", "--to", "restored")
    assert made.code == 0, made.text
    [bucket] = files["buckets"]
    assert read_files(command.folder / "restored" / bucket) == CONTENT
    assert {path.name for path in command.folder.iterdir()} == {"recovery.yaml", "restored"}


@pytest.mark.scenario("recovery without a stack")
def test_stores_of_one_vault_do_not_cross_and_the_damage_of_one_is_told_of_that_one(  # noqa: PLR0917 - fixtures
    command: RecoveryCommand,
    source: str,
    role: str,
    files: dict[str, Any],
    rclone_url: str,
    locked_vault: ProxiedVault,
    new_database: NewDatabase,
    other_cluster: Cluster,
) -> None:
    invoices = new_database("newcomer billing")
    with psycopg.connect(invoices, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT -n AS id, 'invoice' AS customer FROM generate_series(1, 9) n;"
            "CREATE TABLE tags (name text); INSERT INTO tags VALUES ('c')"
        )
    # Another service has a bucket of the same name with the same keys, and other bytes under them.
    [bucket] = files["buckets"]
    other_content = {key: body + b", archived" for key, body in CONTENT.items()}
    stores = {
        "orders": database(source, role),
        "billing": database(invoices, role),
        "documents": files,
        "archive": make_files(rclone_url, bucket, other_content),
    }
    command.write(stores=stores, vaults=vault(locked_vault))
    backup = command.run("backup", "--json")
    assert backup.code == 0, backup.text
    manifests = {name: backup.json[name] for name in stores}
    assert {name: manifest["store"] for name, manifest in manifests.items()} == {
        name: name for name in stores
    }
    # The first backup of each is the one of its month, whatever the other has.
    assert [manifests[name]["tier"] for name in ("orders", "billing")] == ["monthly", "monthly"]
    assert [manifests[name]["copied"] for name in ("documents", "archive")] == [len(CONTENT)] * 2
    again = command.run("backup", "documents", "archive", "--json")
    assert [again.json[name]["copied"] for name in ("documents", "archive")] == [0, 0], again.text
    deep = command.run("verify", "--deep", "--json")
    assert deep.code == 0, deep.text
    assert {look["store"]: look["problems"] for look in deep.json["looks"]} == {name: [] for name in stores}

    unclear = command.run("restore", "--to", "new")
    assert unclear.code == 1
    assert "name one with --store: orders, billing, documents, archive" in unclear.err
    unknown = command.run("backups", "--store", "ordres")
    assert unknown.code == 1
    assert "choose one of these: orders, billing, documents, archive" in unknown.err
    for name, url in (("orders", source), ("billing", invoices)):
        empty = new_database(f"newcomer {name} again", server=other_cluster)
        restored = command.run(
            *("restore", "--store", name, "--to", without_password(empty)),
            variables={"BULWARK_RESTORE_PASSWORD": PASSWORD},
        )
        assert restored.code == 0, restored.text
        assert rows(empty) == rows(url)
    for name, content in (("documents", CONTENT), ("archive", other_content)):
        restored = command.run("restore", "--store", name, "--to", name)
        assert restored.code == 0, restored.text
        assert read_files(command.folder / name / bucket) == content

    drilled = command.run("drill", "loss", "--store", "billing", "--json")
    assert drilled.code == 0, drilled.text
    assert [(one["kind"], one["stores"]) for one in drilled.json["scenarios"]] == [("loss", ["billing"])]
    assert set(command.run("drills", "--json").json["passed"]) == {"billing"}
    rest = command.run("drills").out
    assert "billing: proven" in rest
    assert "orders: no drill has passed" in rest

    require_damage_told_of_its_store_alone(command, locked_vault, manifests, bucket)


def require_damage_told_of_its_store_alone(
    command: RecoveryCommand, locked_vault: ProxiedVault, manifests: dict[str, Any], bucket: str
) -> None:
    # Their locks are lifted, as the bucket's owner could: a dump of one database, a file of one source.
    dump = manifests["billing"]["dump"]
    prefix = vault_layout.file_copies("archive")[0]
    [lost] = [one for one in locked_vault.client.list_entries(prefix) if one.key.endswith("/a.txt")]
    for key, version in ((dump["key"], dump["version"]), (lost.key, lost.version)):
        locked_vault.direct.delete_object(
            Bucket=locked_vault.bucket, Key=key, VersionId=version, BypassGovernanceRetention=True
        )
    looked = command.run("verify", "--json")
    assert looked.code == 1
    damaged = {look["store"] for look in looked.json["looks"] if look["problems"]}
    assert damaged == {"billing", "archive"}, looked.text
    assert command.run("verify", "--deep", "--store", "orders").code == 0
    shown = command.run("verify", "--deep", "--store", "archive")
    assert shown.code == 1
    assert f"files/objects/archive/{bucket}/a.txt" in shown.out
    assert "documents" not in shown.out.replace(bucket, "")
    assert manifests["orders"]["id"] not in shown.out


def test_a_backup_comes_back_into_a_new_server(
    command: RecoveryCommand, source: str, role: str, locked_vault: ProxiedVault
) -> None:
    command.write(stores={"database": database(source, role)}, vaults=vault(locked_vault))
    backup = command.run("backup", "database", "--json")
    assert backup.code == 0, backup.text
    made = command.run("restore", "--to", "new")
    try:
        assert made.code in {0, 3}, made.text
        assert f"./bulwark discard {backup.json['database']['id']}" in made.out
    finally:
        removed = command.run("discard", backup.json["database"]["id"], recovery=False)
    assert removed.code == 0, removed.text


@pytest.mark.scenario("recovery without a stack")
def test_a_vault_without_versions_and_lock_is_refused_or_used_with_a_warning_on_every_run(
    command: RecoveryCommand, source: str, plain_vault: ProxiedVault
) -> None:
    command.variables["SHOP_PASSWORD"] = PASSWORD
    stores = {"database": database(source)}
    command.write(stores=stores, vaults=vault(plain_vault))
    both = "accept_without_versions: true, accept_without_lock: true in vaults.primary of recovery.yaml"
    for arguments in (("backup",), ("backups",), ("verify",), ("restore", "--to", "new")):
        refused = command.run(*arguments)
        assert (refused.code, refused.out) == (1, "")
        assert both in refused.err
    command.write(stores=stores, vaults=vault(plain_vault, accept_without_versions=True))
    refused = command.run("backup")
    assert refused.code == 1
    assert "locks nothing: its credentials can destroy every backup" in refused.err
    assert "accept_without_versions" not in refused.err
    assert plain_vault.keys() == []

    accepted = {"accept_without_versions": True, "accept_without_lock": True}
    command.write(stores=stores, vaults=vault(plain_vault, **accepted))
    backup = command.run("backup", "--json")
    assert backup.code == 0, backup.text
    warnings = backup.json["warnings"]
    assert ["keeps no versions" in line for line in warnings] == [True, False, False]
    assert ["locks nothing" in line for line in warnings] == [False, True, False]
    runs = {
        "backups": command.run("backups", "--json"),
        "verify": command.run("verify", "--deep", "--json"),
        "restore": command.run("restore", "--to", "new"),
    }
    command.run("discard", backup.json["database"]["id"], recovery=False)
    for name, ended in runs.items():
        assert ended.code in {0, 3}, (name, ended.text)
        assert [f"Warning: {line}" in ended.err for line in warnings] == [True, True, True], name
    assert runs["backups"].json[0]["warnings"] == warnings
    assert runs["verify"].json["warnings"] == warnings


def test_versions_without_a_lock_are_told_from_neither(locked_vault: ProxiedVault, moto_url: str) -> None:
    raw = create_client("us-east-1", moto_url, attempts=1)
    bucket = f"versions-{secrets.token_hex(4)}"
    raw.create_bucket(Bucket=bucket)
    client = VaultClient(create_client("us-east-1", moto_url), bucket)
    assert not client.read_protection().has_versions
    raw.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert client.read_protection().has_versions
    assert client.read_protection().lock is None
    raw.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert not client.read_protection().has_versions
    protection = locked_vault.client.read_protection()
    assert protection.has_versions
    assert protection.lock == locked_vault.client.read_lock() is not None


WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "stack and file": (("backups", "--stack", "prod"), "leave out --stack, or --recovery"),
    "local stack and file": (("backup", "--stack", "local"), "leave out --stack, or --recovery"),
    "twin and file": (("verify", "--twin"), "leave out --twin, or --recovery"),
    "state without a stack": (("backup", "state"), "Only a stack has a state"),
    "store that is not there": (("backup", "files"), "recovery.yaml names no store files"),
    "replica that is not there": (("verify", "--vault", "replica"), "There is no vault replica"),
    "restore from a replica that is not there": (
        ("restore", "--to", "new", "--vault", "replica"),
        "There is no vault replica",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_recovery_file_does_not_have_is_refused_with_a_next_step(
    command: RecoveryCommand, case: str, locked_vault: ProxiedVault
) -> None:
    arguments, expected = WRONG[case]
    url = "postgresql://nobody@127.0.0.1:1/shop"
    command.write(stores={"database": database(url)}, vaults=vault(locked_vault))
    refused = command.run(*arguments)
    assert (refused.code, refused.out) == (1, "")
    assert expected in refused.err
    assert "Next: " in refused.err
    assert "Traceback" not in refused.err


def test_a_missing_variable_and_an_open_file_stop_a_backup_before_anything_is_stored(
    command: RecoveryCommand, source: str, locked_vault: ProxiedVault
) -> None:
    address = database(source)
    command.write(stores={"database": address}, vaults=vault(locked_vault))
    del command.variables["SHOP_PASSWORD"]
    refused = command.run("backup")
    assert refused.code == 1
    assert "The environment variable SHOP_PASSWORD is not set." in refused.err

    command.write(
        stores={"database": address | {"password": {"file": "password"}}}, vaults=vault(locked_vault)
    )
    (command.folder / "password").write_text(PASSWORD)
    (command.folder / "password").chmod(0o644)
    refused = command.run("backup")
    assert refused.code == 1
    assert "open to others (mode 0644)" in refused.err
    assert PASSWORD not in refused.text
    assert locked_vault.keys() == []
    (command.folder / "password").chmod(0o600)
    assert command.run("backup").code == 0


def test_each_command_tells_of_its_recovery_file_without_reading_one(command: RecoveryCommand) -> None:
    for name in ("backup", "backups", "verify", "restore", "drill", "drills", "disown", "break-lease"):
        shown = command.run(name, "--help", recovery=False)
        assert shown.code == 0, shown.text
        assert "--recovery" in shown.out
        assert "docs/recovery.md" in shown.out


def test_a_file_that_is_wrong_ends_every_command_with_its_problems(command: RecoveryCommand) -> None:
    (command.folder / "recovery.yaml").write_text(json.dumps({"name": "example", "surprise": 1}))
    for arguments in (("backup",), ("backups",), ("verify",), ("restore", "--to", "new")):
        refused = command.run(*arguments)
        assert (refused.code, refused.out) == (1, "")
        assert "recovery.yaml has 3 problems" in refused.err
        assert "surprise: is no key of a recovery file" in refused.err


TESTS: dict[str, Any] = {
    "newest_change": "SELECT max(at) FROM public.orders",
    "assertions": [
        {"name": "there are orders", "sql": "SELECT count(*) FROM public.orders", "expected": 500},
        {"name": "each has a customer", "sql": "SELECT count(*) = 0 FROM public.orders WHERE customer = ''"}
        | {"expected": True},
    ],
    "write": "INSERT INTO public.orders VALUES (0, 'nobody', now())",
    "application": application("orders"),
}


@pytest.mark.scenario("recovery without a stack")
def test_a_loss_and_a_loss_of_files_are_drilled_with_a_recovery_file(
    command: RecoveryCommand,
    source: str,
    role: str,
    files: dict[str, Any],
    locked_vault: ProxiedVault,
) -> None:
    login = "newcomer_shop"
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {0}; GRANT SELECT, INSERT ON orders TO {0}").format(sql.Identifier(login))
        )
    try:
        tested = database(source, role, drill=TESTS | {"application_role": login})
        command.write(stores={"database": tested, "files": files}, vaults=vault(locked_vault))
        made = command.run("backup", "--json")
        assert made.code == 0, made.text
        before = rows(source)
        drilled = command.run("drill", "--json")
        assert drilled.code == 0, drilled.text
        assert "Evidence: evidence/drills/" in drilled.err
    finally:
        with psycopg.connect(source, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(login)))
    evidence = Drill.model_validate_json(drilled.out)
    identity = evidence.identity
    assert (identity.stack, identity.place, identity.environment) == ("example", "file", "production")
    assert "pulumi" not in identity.versions
    assert [(one.kind, one.verdict, one.not_measured) for one in evidence.scenarios] == [
        ("loss", "passed", ()),
        ("files", "passed", ()),
    ]
    loss, of_files = evidence.scenarios
    assert set(loss.times) == {"first_query", "verified", "health"}
    assert {"there are orders", "each has a customer", "a write that is rolled back"} <= {
        check.name for check in loss.checks
    }
    assert loss.negative_control
    assert "may not change public.tags any more" in loss.negative_control.damage
    assert loss.newest_change == max(at for _, _, at in before)
    assert any("GOVERNANCE" in line for line in loss.deviations)
    assert any(scope.what == "the rows that refer to files" for scope in of_files.not_tested)
    assert rows(source) == before
    assert not (command.home.postgres / "scratch").exists()
    how = {row["store"]: row["how"] for row in command.run("backups", "--json").json}
    assert how == {"database": "drill", "files": "drill"}
    listed = command.run("drills", "--json")
    assert set(listed.json["passed"]) == {"database", "files"}, listed.text


@pytest.mark.scenario("recovery without a stack")
def test_a_drill_without_tests_of_its_own_says_what_it_does_not_test(
    command: RecoveryCommand, source: str, role: str, locked_vault: ProxiedVault
) -> None:
    command.write(stores={"database": database(source, role)}, vaults=vault(locked_vault))
    assert command.run("backup").code == 0
    del command.variables["SHOP_PASSWORD"]
    drilled = command.run("drill", "loss", "--json", "--evidence", "evidence.json")
    assert drilled.code == 0, drilled.text
    evidence = Drill.model_validate_json((command.folder / "evidence.json").read_bytes())
    [scenario] = evidence.scenarios
    assert (scenario.verdict, scenario.not_measured) == ("passed", ("health",))
    assert "the platform's program on the recovered database" in {one.what for one in scenario.not_tested}
    assert scenario.recovery_point
    assert scenario.newest_change == scenario.recovery_point.as_of
    assert scenario.negative_control
    assert len(scenario.negative_control.found) >= 3

    command.write(
        stores={
            "database": database(source, role, drill={"newest_change": "SELECT now() - interval '3 days'"})
        },
        vaults=vault(locked_vault),
    )
    late = command.run("drill", "loss", "--json", "--evidence", "late.json")
    assert late.code == 1
    assert "data loss of 259," in late.json["faults"][0]


@pytest.mark.parametrize("scenario", ["corruption", "state"])
def test_a_drill_that_needs_a_stack_is_refused(
    command: RecoveryCommand, scenario: str, locked_vault: ProxiedVault
) -> None:
    command.write(vaults=vault(locked_vault))
    refused = command.run("drill", scenario)
    assert refused.code == 1
    assert f"The drill {scenario} needs a stack" in refused.err


def operator_key(folder: Path) -> str:
    """Write an operator's private key as `operator` into a folder; return the public key."""
    key = Ed25519PrivateKey.generate()
    (folder / "operator").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    (folder / "operator").chmod(0o600)
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@pytest.mark.scenario("recovery without a stack")
def test_only_what_an_operators_key_attested_counts(
    command: RecoveryCommand, source: str, role: str, locked_vault: ProxiedVault
) -> None:
    content: dict[str, Any] = {
        "stores": {"database": database(source, role)},
        "vaults": vault(locked_vault),
        "trust": {"operators": [operator_key(command.folder)]},
    }
    command.write(**content, attest={"key": {"file": "operator"}})
    attested = command.run("backup", "--json")
    assert attested.code == 0, attested.text
    assert ["GOVERNANCE" in line for line in attested.json["warnings"]] == [True]
    assert command.run("verify", "--deep").code == 0

    command.write(**content)
    refused = command.run("backup")
    assert (refused.code, refused.out) == (1, "")
    assert "Nothing here can attest a backup" in refused.err
    planted = command.run("backup", "--json", "--unattested")
    assert planted.code == 0, planted.text
    listed = {row["id"]: row for row in command.run("backups", "--json").json}
    good, bad = (ended.json["database"]["id"] for ended in (attested, planted))
    assert (listed[good]["counts"], listed[good]["how"]) == (True, "restored")
    assert listed[bad]["counts"] is False
    drilled = command.run("drill", "loss", "--json", "--evidence", "evidence.json")
    assert drilled.json["scenarios"][0]["recovery_point"]["id"] == good

    command.write(**content, attest={"key": {"file": "operator"}})
    added = command.run("drills", "--add", "evidence.json")
    assert added.code == 0, added.text
    assert "has no attestation, so that it does not count" in added.err
    disowned = command.run("disown", good, "--reason", "a test")
    assert disowned.code == 0, disowned.text
    listed = {row["id"]: row for row in command.run("backups", "--json").json}
    assert listed[good]["doubts"] == ["was disowned: a test"]
    assert "No backup of files holds a lease" in command.run("break-lease").out

    (command.folder / "operator").chmod(0o644)
    command.write(**content, attest={"key": {"file": "operator"}})
    assert "operator is readable by others" in command.run("backup").err
