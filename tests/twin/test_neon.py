"""The model of Neon, with real PostgreSQL behind every project, role, database and branch."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil
import psycopg
import pytest
from clusters import reachable_home, wait_until
from stand_in_driver import Engine, start_bridge

from twin.host.home import TwinHome
from twin.neon.limits import PLANS, check_project
from twin.neon.model import Neon
from twin.provider.server import PropertyChange
from twin.vendor.errors import VendorError
from twin.vendor.store import Attributes

pytestmark = pytest.mark.shares("neon-project")

PROJECT: Attributes = {"name": "prod", "regionId": "aws-eu-central-1", "historyRetentionSeconds": 604_800}


@pytest.fixture(scope="module")
def home() -> Iterator[TwinHome]:
    with reachable_home() as home:
        yield home
        for _, cluster in Neon(home).list_clusters():
            cluster.destroy()


@pytest.fixture(scope="module")
def project(home: TwinHome) -> Attributes:
    """Create one project for the tests that only read it or add to it."""
    return Neon(home).create("project", PROJECT)[1]


@pytest.fixture
def neon(home: TwinHome) -> Iterator[Neon]:
    neon = Neon(home)
    yield neon
    neon.store.close()


def branch_of(project: Attributes) -> Attributes:
    return {"projectId": project["id"], "branchId": project["defaultBranchId"]}


def fetch_row(uri: str, query: Any) -> Any:
    with psycopg.connect(uri, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchone() if cursor.description else None


def test_a_project_is_a_database_that_its_uri_opens(neon: Neon, project: Attributes) -> None:
    assert fetch_row(project["connectionUri"], "SELECT current_user, current_database()") == (
        "neondb_owner",
        "neondb",
    )
    host, _, port = project["databaseHost"].partition(":")
    assert (host, neon.home.port(f"postgres-{project['defaultEndpointId']}")) == ("127.0.0.1", int(port))
    assert project["branch"] | {"id": ""} == {
        "id": "",
        "name": "main",
        "roleName": "neondb_owner",
        "databaseName": "neondb",
    }
    wrong = project["connectionUri"].replace(project["databasePassword"], "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        fetch_row(wrong, "SELECT 1")
    assert [name for name, _ in neon.list_clusters()] == [f"{project['id']}-{project['defaultEndpointId']}"]


def test_a_role_logs_in_and_has_the_rights_of_neons_roles(neon: Neon, project: Attributes) -> None:
    identifier, role = neon.create("role", {**branch_of(project), "name": "app"})
    assert identifier == f"{project['id']}/{project['defaultBranchId']}/app"
    uri = f"postgres://app:{role['password']}@{project['databaseHost']}/neondb"
    member = fetch_row(uri, "SELECT pg_has_role('neon_superuser', 'member')")
    superuser = fetch_row(uri, "SELECT rolsuper FROM pg_roles WHERE rolname = 'app'")
    assert (member, superuser) == ((True,), (False,))
    fetch_row(project["connectionUri"], "GRANT CREATE ON SCHEMA public TO app")
    fetch_row(uri, "CREATE TABLE owned_by_app (id int)")
    with pytest.raises(VendorError) as taken:
        neon.create("role", {**branch_of(project), "name": "app"})
    assert taken.value.status == 409
    neon.delete("role", identifier)
    owner = fetch_row(
        project["connectionUri"], "SELECT tableowner FROM pg_tables WHERE tablename = 'owned_by_app'"
    )
    assert owner == ("neondb_owner",)
    with pytest.raises(psycopg.OperationalError):
        fetch_row(uri, "SELECT 1")


def test_a_database_belongs_to_its_role_and_is_renamed_in_place(neon: Neon, project: Attributes) -> None:
    neon.create("role", {**branch_of(project), "name": "owner"})
    identifier, _ = neon.create("database", {**branch_of(project), "name": "old", "ownerName": "owner"})
    renamed = neon.update("database", identifier, {"name": "new"})
    assert renamed["databaseId"].endswith("/new")
    names = "SELECT datname, pg_get_userbyid(datdba) FROM pg_database WHERE datname IN ('old', 'new')"
    assert fetch_row(project["connectionUri"], names) == ("new", "owner")
    assert neon.read("database", identifier) is None
    neon.delete("database", renamed["id"])
    assert fetch_row(project["connectionUri"], names) is None
    with pytest.raises(VendorError, match="no role"):
        neon.create("database", {**branch_of(project), "name": "d", "ownerName": "nobody"})


def test_a_role_that_was_dropped_with_sql_is_gone(neon: Neon, project: Attributes) -> None:
    identifier, _ = neon.create("role", {**branch_of(project), "name": "dropped"})
    assert neon.read("role", identifier)
    ((_, cluster),) = neon.list_clusters()
    with cluster.connect() as connection:
        connection.execute("DROP ROLE dropped")
    assert neon.read("role", identifier) is None


def test_a_branch_at_a_time_holds_what_was_committed_then(neon: Neon, project: Attributes) -> None:
    uri = project["connectionUri"]
    fetch_row(uri, "CREATE TABLE kept (id int)")
    time.sleep(1.1)  # a branch's time has whole seconds
    at = int(time.time())
    time.sleep(1.1)
    fetch_row(uri, "DROP TABLE kept")
    branch, found = neon.create(
        "branch", {"projectId": project["id"], "name": "before", "parentTimestamp": at, "protected": "no"}
    )
    assert (found["parentId"], found["parentTimestamp"]) == (project["defaultBranchId"], at)
    endpoint, there = neon.create("endpoint", {"projectId": project["id"], "branchId": branch})
    assert fetch_row(uri.replace(project["databaseHost"], there["host"]), "SELECT count(*) FROM kept") == (0,)
    password = neon.read_data_source(
        "getBranchRolePassword", {"projectId": project["id"], "branchId": branch, "roleName": "neondb_owner"}
    )
    assert password["password"] == project["databasePassword"]
    with pytest.raises(VendorError) as second:
        neon.create("endpoint", {"projectId": project["id"], "branchId": branch})
    assert second.value.status == 409
    for kind, identifier in (("endpoint", endpoint), ("branch", branch)):
        neon.delete(kind, identifier)
    assert len(neon.list_clusters()) == 1
    assert not list(neon.home.postgres.glob(f"*{endpoint}"))


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_branch_outside_the_history_is_refused(neon: Neon, project: Attributes, seconds: int) -> None:
    with pytest.raises(VendorError, match="outside the history"):
        neon.create("branch", {"projectId": project["id"], "parentTimestamp": int(time.time()) + seconds})


def test_a_protected_project_refuses_to_go_and_is_then_forgotten_by_its_provider(
    home: TwinHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine("neon", start_bridge("neon", home, monkeypatch))
    wanted = {**PROJECT, "defaultBranchProtected": True, "quota": {"logicalSizeBytes": 10**9}}
    state = engine.up("db", "project", **wanted)
    neon = Neon(home)
    with pytest.raises(VendorError) as refused:
        neon.delete("project", state["id"])
    assert refused.value.status == 422
    engine.destroy("db")
    assert neon.read("project", state["id"])

    assert engine.import_resource("db", "project", state["id"], **wanted) == {}
    for replaced in ({"regionId": "aws-us-east-1"}, {"pgVersion": 16}, {"orgId": "org-1"}):
        assert engine.preview("db", "project", wanted | replaced) == {
            next(iter(replaced)): PropertyChange.REPLACE
        }
    main, trunk = wanted | {"branch": {"name": "main"}}, wanted | {"branch": {"name": "trunk"}}
    assert engine.preview("db", "project", main) == {}
    assert engine.preview("db", "project", trunk) == {"branch": PropertyChange.REPLACE}
    forgetful = wanted | {"storePassword": "no"}
    engine.up("db", "project", **forgetful)
    assert engine.preview("db", "project", forgetful) == {"storePassword": PropertyChange.UPDATE}
    unlimited = wanted | {"quota": {"logicalSizeBytes": 0}}
    engine.up("db", "project", **unlimited)
    assert engine.preview("db", "project", unlimited) == {"quota": PropertyChange.UPDATE}

    engine.up("db", "project", **wanted | {"defaultBranchProtected": False})
    engine.destroy("db")
    assert neon.read("project", state["id"]) is None
    assert not list(home.postgres.glob(f"{state['id']}*"))
    for part in ("branch", "endpoint", "role", "database"):
        assert state["id"] not in str(neon.store.list("neon", part)), part


def test_a_killed_creation_of_a_project_leaves_nothing(
    home: TwinHome, neon: Neon, project: Attributes
) -> None:
    program = (
        "import sys; from pathlib import Path; from twin.host.home import TwinHome\n"
        "from twin.neon.model import Neon\n"
        "Neon(TwinHome(Path(sys.argv[1]))).create('project', {'name': 'killed'}, 'request-1')\n"
    )
    maker = subprocess.Popen([sys.executable, "-c", program, str(home.root)])
    before = set(neon.store.list("neon", "project"))
    wait_until(lambda: set(neon.store.list("neon", "project")) - before)
    (half,) = set(neon.store.list("neon", "project")) - before
    wait_until(lambda: list(home.postgres.glob(f"*{half}*")))
    started = psutil.Process(maker.pid).children(recursive=True)
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    # Its child processes still write into its folder, even after the folder was removed.
    psutil.wait_procs(started, timeout=60)
    assert neon.read("project", half) is None
    identifier, _ = neon.create("project", {"name": "killed"}, "request-1")
    assert half not in neon.store.list("neon", "project")
    assert not list(home.postgres.glob(f"*{half}*"))
    neon.confirm("project", identifier)
    neon.delete("project", identifier)
    assert neon.read("project", project["id"])


@pytest.mark.parametrize(
    ("plan", "changes", "problem"),
    [
        ("free", {"historyRetentionSeconds": 86_400}, "at most 21600 on the free plan"),
        ("free", {"historyRetentionSeconds": 21_600}, ""),
        ("launch", {"historyRetentionSeconds": 604_801}, "at most 604800 on the launch plan"),
        ("scale", {"historyRetentionSeconds": 2_592_000}, ""),
        ("free", {"maintenanceWindow": {"weekdays": [1]}}, "no maintenance window"),
        ("launch", {"maintenanceWindow": {"weekdays": [1]}}, ""),
        ("launch", {"allowedIps": ["192.0.2.1"]}, "does not offer allowedIps"),
        ("launch", {"blockPublicConnections": "yes"}, "does not offer blockPublicConnections"),
        ("scale", {"allowedIps": ["192.0.2.1"], "hipaa": "yes"}, ""),
        ("free", {"defaultEndpointSettings": {"suspendTimeoutSeconds": -1}}, "cannot be switched off"),
        ("launch", {"defaultEndpointSettings": {"suspendTimeoutSeconds": -1}}, ""),
        ("launch", {"defaultEndpointSettings": {"suspendTimeoutSeconds": 600}}, "no suspend timeout"),
        ("scale", {"defaultEndpointSettings": {"suspendTimeoutSeconds": 59}}, "60 to 604800"),
        ("scale", {"defaultEndpointSettings": {"autoscalingLimitMinCu": 0.1}}, "at least 0.25"),
        (
            "scale",
            {"defaultEndpointSettings": {"autoscalingLimitMinCu": 2, "autoscalingLimitMaxCu": 1}},
            "min <= max",
        ),
        ("scale", {"pgVersion": 13}, "14 to 18"),
        ("scale", {"regionId": "mars-1"}, "mars-1"),
        ("scale", {"name": "x" * 257}, "256"),
    ],
)
def test_the_plan_and_the_api_limit_a_project(plan: str, changes: Attributes, problem: str) -> None:
    wanted = {"name": "p", "pgVersion": 17, "regionId": "aws-eu-central-1", "historyRetentionSeconds": 0}
    if not problem:
        check_project(wanted | changes, PLANS[plan])
        return
    with pytest.raises(VendorError, match=problem) as refused:
        check_project(wanted | changes, PLANS[plan])
    assert refused.value.status == 400


def test_a_refused_project_leaves_no_trace(neon: Neon, project: Attributes) -> None:
    before = sorted(neon.home.postgres.iterdir())
    with pytest.raises(VendorError):
        neon.create("project", {**PROJECT, "historyRetentionSeconds": 10**9})
    assert sorted(neon.home.postgres.iterdir()) == before
    assert list(neon.store.list("neon", "project")) == [project["id"]]


def test_the_plan_limits_the_number_of_protected_branches(neon: Neon, project: Attributes) -> None:
    branches = [
        neon.create("branch", {"projectId": project["id"], "name": name, "protected": "yes"})[0]
        for name in "ab"
    ]
    with pytest.raises(VendorError, match="allows 2 protected branches"):
        neon.update("project", project["id"], {"defaultBranchProtected": True})
    with pytest.raises(VendorError) as refused:
        neon.delete("branch", branches[0])
    assert refused.value.status == 422
    for branch in branches:
        neon.update("branch", branch, {"protected": "no"})
        neon.delete("branch", branch)


def test_logical_replication_stays_on(neon: Neon, project: Attributes) -> None:
    neon.update("project", project["id"], {"enableLogicalReplication": "yes"})
    with pytest.raises(VendorError, match="cannot be switched off"):
        neon.update("project", project["id"], {"enableLogicalReplication": "no"})
