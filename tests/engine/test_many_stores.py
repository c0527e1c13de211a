"""Three databases and two sources of files on one twin: nothing of one is taken for another's."""

from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest
from clusters import destroyed_after, reachable_home
from installations import Installation, make_installation, remove

from postgres_server.cluster import Cluster

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


@pytest.fixture(scope="module")
def legacy() -> Generator[str]:
    """Give the address of a PostgreSQL server with 42 rows, which no stack declares."""
    with reachable_home() as home:
        cluster = Cluster(home.postgres / "legacy", home.port("legacy"))
        with destroyed_after(cluster):
            cluster.create("legacy-password")
            cluster.start()
            with cluster.connect() as connection:
                connection.execute("CREATE TABLE old AS SELECT generate_series(1, 42) AS id")
            yield (
                f"postgresql://cloud_admin:legacy-password@127.0.0.1:{cluster.port}/postgres?sslmode=disable"
            )


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, legacy: str) -> Generator[Installation]:
    """Give a deployed twin with all five stores, each with something of its own in it."""
    installation = make_installation(tmp_path_factory.mktemp("many") / "checkout")
    try:
        installation.edit("Pulumi.local.yaml", "\n  bulwark:backups:\n", MORE)
        ended = installation.bulwark("up", BULWARK_LEGACY_URL=legacy, timeout_seconds=300)
        assert ended.code == 0, ended.text[-4_000:]
        outputs = installation.bulwark("outputs", "--json", "--show-secrets").json
        owner = outputs["database_urls"]["orders"]["owner"].replace("127-pooler.", "127.")
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute("CREATE TABLE thing AS SELECT generate_series(1, 7) AS id")
            connection.execute("GRANT SELECT ON thing TO platform_backup")
        (installation.home.files / "avatars" / "a.png").write_bytes(b"avatar")
        yield installation
    finally:
        remove(installation)


def test_each_store_is_backed_up_restored_and_told_by_its_name(
    installation: Installation, tmp_path: Path
) -> None:
    taken = installation.bulwark("backup", "--json", timeout_seconds=300)
    assert taken.code == 0, taken.text[-3_000:]
    rows = {
        name: sum(table["rows"] for table in taken.json[name]["figures"]["tables"])
        for name, kind in KINDS.items()
        if kind == "dump"
    }
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
    drilled = installation.bulwark("drill", "loss", "--store", "legacy", "--json", timeout_seconds=300)
    [scenario] = drilled.json["scenarios"]
    assert scenario["stores"] == ["legacy"]
    assert [one["name"] for one in scenario["checks"] if one["outcome"] == "failed"] == []
    status = installation.bulwark("status", "--json").json
    names = [store["name"] for store in status["stores"]]
    assert names == ["database", "legacy", "orders", "avatars", "files", "state"]
