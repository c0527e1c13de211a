"""
Two environments on one twin, each with three databases, two sources of files and five checks.

Nothing of one store or environment is taken for another's.
"""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from clusters import destroyed_after, reachable_home
from deployment import Deployment, Resource
from installations import Installation, make_installation, remove
from sampling import Draw

from postgres_server.cluster import Cluster
from recovery.drill.receiving_server import mark_of

pytestmark = pytest.mark.shares("many-stores")

BACKUP = 'backup: {{ schedule: "{}", longest_run_minutes: 30, lateness_minutes: 120 }}'
MORE = f"""\
    orders:
      type: neon
      plan: launch
      organization: org-example-00000000
      project: example-twin-orders
      region: aws-eu-central-1
      database: orders
      history_retention_hours: 168
      protect_default_branch: false
      tls: disable
      {BACKUP.format("17 2 * * *")}
    legacy:
      type: postgres
      vendor: railway
      cloud: gcp
      region: europe-west4
      objectives: {{ recovery_time_minutes: 30, critical_recovery_time_minutes: 10 }}
      {BACKUP.format("17 2 * * *")}
    avatars:
      type: supabase
      project: abcdefghijklmnopqrsu
      region: eu-central-1
      buckets: [avatars]
      {BACKUP.format("47 2 * * *")}

  bulwark:backups:
"""
KINDS = {"database": "dump", "legacy": "dump", "orders": "dump", "avatars": "files", "files": "files"}
CHECKS = """\
        ready: { path: /health, severity: sev2 }
        again: { path: /api/version, severity: sev3 }
"""
SHARED = {"backups-identity-github", "backups-replica-identity-github", "errors-team"}
"""What an account has only one of: staging references production's."""

STAGING = ("--stack", "staging", "--twin")
NAMES_ALONE = "immutable_subject: false"
NUMBERS = "repository_id: 456789\n    repository_owner_id: 123456"


@pytest.fixture(scope="module")
def legacy() -> Generator[dict[str, str]]:
    """Give the addresses of two databases, by stack, on a server that no stack declares."""
    with reachable_home() as home:
        cluster = Cluster(home.postgres / "legacy", home.port("legacy"))
        with destroyed_after(cluster):
            cluster.create("legacy-password")
            cluster.start()
            server = f"postgresql://cloud_admin:legacy-password@127.0.0.1:{cluster.port}"
            addresses = {"local": f"{server}/postgres?sslmode=disable"}
            query(addresses["local"], "CREATE DATABASE staging")
            addresses["staging"] = f"{server}/staging?sslmode=disable"
            for stack, rows in (("local", 42), ("staging", 5)):
                query(addresses[stack], f"CREATE TABLE old AS SELECT generate_series(1, {rows}) AS id")
            yield addresses


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, legacy: dict[str, str]) -> Generator[Installation]:
    """Give a deployed twin with all five stores, each with something of its own in it."""
    installation = make_installation(tmp_path_factory.mktemp("many") / "checkout")
    try:
        installation.edit("Pulumi.local.yaml", "\n  bulwark:backups:\n", MORE)
        version = "        version: { path: /api/version, severity: sev2 }\n"
        installation.edit("Pulumi.local.yaml", version, version + CHECKS)
        ended = installation.bulwark("up", BULWARK_LEGACY_URL=legacy["local"], timeout_seconds=300)
        assert ended.code == 0, ended.text[-4_000:]
        fill(owners_of(installation)["orders"], 7)
        (installation.home.files / "avatars" / "a.png").write_bytes(b"avatar")
        yield installation
    finally:
        remove(installation)


def query(url: str, statement: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(statement.encode())
        return found.fetchone() if found.description else None


def fill(url: str, rows: int) -> None:
    query(url, f"CREATE TABLE thing AS SELECT generate_series(1, {rows}) AS id")
    query(url, "GRANT SELECT ON thing TO platform_backup, platform_app")


def owners_of(installation: Installation, *stack: str) -> dict[str, str]:
    """Return the addresses of a stack's databases at Neon, of their owners."""
    outputs = installation.bulwark("outputs", *stack, "--json", "--show-secrets").json
    return {
        name: urls["owner"].replace("127-pooler.", "127.")
        for name, urls in outputs["database_urls"].items()
        if "owner" in urls
    }


def write_staging(installation: Installation) -> None:
    """
    Write the file of staging's stack: the stores of the other one under the same names, for less time.

    Its repository is an older one, whose names alone its roles trust.
    """
    file = installation.folder / "Pulumi.staging.yaml"
    staging = yaml.safe_load(file.read_text())
    platform = staging["config"]["bulwark:platform"]
    for number in ("repository_id", "repository_owner_id"):
        del platform[number]
    platform["immutable_subject"] = False
    local = yaml.safe_load((installation.folder / "Pulumi.local.yaml").read_text())
    stores = local["config"]["bulwark:stores"]
    for name, store in stores.items():
        store.pop("drill", None)
        if store["type"] == "neon":
            store |= {"project": f"example-staging-{name}", "history_retention_hours": 24}
        if "buckets" in store:
            store["buckets"] = [f"staging-{bucket}" for bucket in store["buckets"]]
    stores["orders"]["disposable"] = True
    staging["config"]["bulwark:stores"] = stores
    checks = staging["config"]["bulwark:services"]["backend"]["checks"]
    checks |= {f"more{number}": {"path": f"/{number}", "severity": "sev3"} for number in range(4)}
    file.write_text(yaml.safe_dump(staging))


def list_things(deployment: Deployment) -> dict[tuple[str, str], Resource]:
    """Return what a stack has at the vendors, by type and id."""
    # What its provider gives no id has this one (docs/provider-quirks.md).
    return {
        (resource.type, resource.id): resource
        for resource in deployment.custom()
        if resource.id != "missing ID"
    }


def list_ids(installation: Installation, *stack: str) -> set[str]:
    """Return the ids of a stack's backups."""
    return {backup["id"] for backup in installation.bulwark("backups", *stack, "--json").json}


def count_rows(taken: dict[str, Any]) -> dict[str, int]:
    return {
        name: sum(table["rows"] for table in taken[name]["figures"]["tables"])
        for name, kind in KINDS.items()
        if kind == "dump"
    }


@pytest.mark.scenario("a deployed stack")
def test_each_store_is_backed_up_restored_and_told_by_its_name(
    installation: Installation, tmp_path: Path, draw: Draw
) -> None:
    taken = installation.bulwark("backup", "--json", timeout_seconds=300)
    assert taken.code == 0, taken.text[-3_000:]
    rows = count_rows(taken.json)
    assert (rows["legacy"], rows["orders"]) == (42, 7)
    assert rows["database"] > 6_000
    assert {name: taken.json[name]["buckets"][0]["files"] for name in ("avatars", "files")} == {
        "avatars": 1,
        "files": 400,
    }
    verified = installation.bulwark("verify", "--deep", "--json", timeout_seconds=300)
    assert verified.code == 0, verified.text[-3_000:]
    restored = installation.bulwark("restore", "--store", "avatars", "--to", str(tmp_path / "back"))
    assert restored.code == 0, restored.text[-3_000:]
    assert [path.read_bytes() for path in (tmp_path / "back").rglob("*") if path.is_file()] == [b"avatar"]
    drills = (("loss", "legacy", 1_800), ("files", "avatars", 3_600))
    for scenario, store, objective_seconds in draw("drills of one of many stores", drills, 1):
        drilled = installation.bulwark("drill", scenario, "--store", store, "--json", timeout_seconds=300)
        [found] = drilled.json["scenarios"]
        assert (drilled.code, found["stores"]) == (0, [store]), drilled.text[-3_000:]
        assert found["times"]["verified"]["objective_seconds"] == objective_seconds
    status = installation.bulwark("status", "--json").json
    names = [store["name"] for store in status["stores"]]
    assert names == ["database", "legacy", "orders", "avatars", "files", "state"]


@pytest.mark.scenario("a deployed stack")
def test_staging_stands_beside_it_with_stores_of_the_same_names_and_goes_without_touching_it(
    installation: Installation, legacy: dict[str, str]
) -> None:
    assert installation.bulwark("backup", "orders").code == 0
    backups = list_ids(installation)
    assert backups
    write_staging(installation)
    up = installation.bulwark("up", *STAGING, BULWARK_LEGACY_URL=legacy["staging"])
    assert up.code == 0, up.text[-3_000:]
    staging, local = Deployment(installation, "staging"), Deployment(installation, "local")
    both = list_things(staging).keys() & list_things(local).keys()
    assert {list_things(staging)[thing].name for thing in both} == SHARED
    assert {one.name for one in staging.custom() if one.option("external")} == SHARED
    assert not any(resource.protected for resource in staging.custom())

    here, there = owners_of(installation), owners_of(installation, *STAGING)
    fill(there["database"], 3)
    fill(there["orders"], 2)
    for name in ("staging-avatars/s", "staging-documents/d", "staging-documents/e"):
        (installation.home.files / name).write_bytes(b"of staging")
    taken = installation.bulwark("backup", *STAGING, "--json")
    assert taken.code == 0, taken.text[-3_000:]
    assert count_rows(taken.json) == {"database": 3, "legacy": 5, "orders": 2}
    files = {name: taken.json[name]["buckets"][0]["files"] for name in ("avatars", "files")}
    assert files == {"avatars": 1, "files": 2}
    assert list_ids(installation, *STAGING) == {backup["id"] for backup in taken.json.values()}
    installation.edit("Pulumi.staging.yaml", NAMES_ALONE, NUMBERS)
    refused = installation.bulwark("backups", *STAGING)
    assert refused.code == 1
    subject = "repo:example@123456/platform@456789:environment:staging-restore"
    assert f"can't be assumed by {subject}." in refused.err
    installation.edit("Pulumi.staging.yaml", NUMBERS, NAMES_ALONE)

    drill = ("drill", "loss", "--into", "staging", "--twin", "--store", "orders")
    refused = installation.bulwark(*drill)
    assert refused.code == 1
    assert f"COMMENT ON DATABASE \"orders\" IS '{mark_of('staging')}'" in refused.text
    query(there["orders"], f"COMMENT ON DATABASE orders IS '{mark_of('staging')}'")
    drilled = installation.bulwark(*drill)
    assert drilled.code == 0, drilled.text[-3_000:]
    rows = [query(url, "SELECT count(*) FROM thing") for url in (there["orders"], there["database"])]
    assert rows == [(7,), (3,)]
    assert query(here["orders"], "SELECT count(*) FROM thing") == (7,)

    gone = installation.bulwark("destroy", *STAGING, "--yes")
    assert "All of staging is gone but for 2 locked buckets, their keys and roles." in gone.text
    unchanged = installation.bulwark("preview", BULWARK_LEGACY_URL=legacy["local"])
    assert "`up` would do: nothing." in unchanged.text
    assert list_ids(installation) == backups
