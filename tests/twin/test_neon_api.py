"""Neon's HTTP API in front of the model, called as by any client."""

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
from clusters import reachable_home, wait_until
from starlette.applications import Starlette

from engine.vendor_errors import VENDORS
from live.declared import DeclaredStack
from live.vendor_api import Api as VendorApi
from live.vendor_apis import connect
from status.quotas import read_quotas
from twin.neon import api as door
from twin.neon.model import Neon
from twin.neon.usage import record_usage

pytestmark = pytest.mark.shares("neon-api")

PROJECT = {
    "name": "prod",
    "region_id": "aws-eu-central-1",
    "history_retention_seconds": 604_800,
    "default_endpoint_settings": {"autoscaling_limit_min_cu": 0.5, "suspend_timeout_seconds": 300},
    "settings": {"quota": {"logical_size_bytes": 10**9}},
}


@dataclass(frozen=True)
class Api:
    """A client with the account's key."""

    client: httpx.Client

    def __call__(self, method: str, path: str, status: int = 200, **body: Any) -> Any:
        answer = self.client.request(method, f"/api/v2/projects{path}", json=body or None)
        assert answer.status_code == status, answer.text
        return answer.json()


@contextmanager
def serving_api(model: Neon) -> Generator[str]:
    app = Starlette(routes=door.routes(model))
    server = uvicorn.Server(uvicorn.Config(app, port=model.home.port("vendors"), log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{model.home.port('vendors')}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def model() -> Iterator[Neon]:
    with reachable_home() as home:
        model = Neon(home)
        yield model
        for _, cluster in model.list_clusters():
            cluster.destroy()
        model.store.close()


@pytest.fixture(scope="module")
def api(model: Neon) -> Iterator[Api]:
    with serving_api(model) as url, httpx.Client(base_url=url, timeout=60) as client:
        client.headers["Authorization"] = f"Bearer {model.home.secret('NEON_API_KEY')}"
        yield Api(client)


@pytest.fixture(scope="module")
def project_answer(api: Api) -> Any:
    return api("POST", "", 201, project=PROJECT)


def branch_path(project_answer: Any) -> str:
    """Return the path of the project's default branch."""
    return f"/{project_answer['project']['id']}/branches/{project_answer['branch']['id']}"


def test_a_new_project_comes_with_everything_that_is_needed_to_use_it(api: Api, project_answer: Any) -> None:
    project = project_answer["project"]
    assert project["name"] == "prod"
    assert project["default_endpoint_settings"]["autoscaling_limit_min_cu"] == 0.5
    assert project["settings"]["quota"]["logical_size_bytes"] == 10**9
    assert project["settings"]["allowed_ips"] == {"ips": []}
    assert (project_answer["branch"]["default"], project_answer["branch"]["protected"]) == (True, False)
    assert [endpoint["type"] for endpoint in project_answer["endpoints"]] == ["read_write"]
    with psycopg.connect(project_answer["connection_uris"][0]["connection_uri"]) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (project_answer["roles"][0]["name"],)
    operation = project_answer["operations"][0]
    assert operation["status"] == "finished"
    assert api("GET", f"/{project['id']}/operations/{operation['id']}") == {"operation": operation}


def test_every_answer_about_a_project_agrees_with_its_creation(api: Api, project_answer: Any) -> None:
    project, branch = project_answer["project"]["id"], project_answer["branch"]["id"]
    assert api("GET", f"/{project}")["project"] == project_answer["project"]
    assert api("GET", "?search=prod")["projects"] == [project_answer["project"]]
    assert api("GET", "?search=nothing")["projects"] == []
    assert api("GET", f"/{project}/branches")["branches"] == [project_answer["branch"]]
    assert api("GET", f"/{project}/branches/{branch}/endpoints")["endpoints"] == project_answer["endpoints"]
    assert api("GET", f"/{project}/endpoints")["endpoints"] == project_answer["endpoints"]
    assert "neondb" in {
        found["name"] for found in api("GET", f"{branch_path(project_answer)}/databases")["databases"]
    }


def test_a_roles_password_is_shown_when_it_is_set_and_when_it_is_revealed(
    api: Api, project_answer: Any
) -> None:
    role = api("POST", f"{branch_path(project_answer)}/roles", 201, role={"name": "reader"})["role"]
    assert "password" not in api("GET", f"{branch_path(project_answer)}/roles/reader")["role"]
    revealed = api("GET", f"{branch_path(project_answer)}/roles/reader/reveal_password")["password"]
    assert revealed == role["password"]
    reset = api("POST", f"{branch_path(project_answer)}/roles/reader/reset_password")["role"]["password"]
    assert reset != revealed
    uri = api(
        "GET", f"/{project_answer['project']['id']}/connection_uri?database_name=neondb&role_name=reader"
    )["uri"]
    assert reset in uri
    with psycopg.connect(uri) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("reader",)


def test_a_project_that_stores_no_passwords_reveals_none(api: Api) -> None:
    made = api("POST", "", 201, project={"name": "secretive", "store_passwords": False})
    assert made["project"]["store_passwords"] is False
    owner = made["roles"][0]["name"]
    assert "disabled" in api("GET", f"{branch_path(made)}/roles/{owner}/reveal_password", 412)["message"]


def test_a_database_is_renamed_and_found_under_its_new_name_only(api: Api, project_answer: Any) -> None:
    owner = project_answer["roles"][0]["name"]
    api(
        "POST", f"{branch_path(project_answer)}/databases", 201, database={"name": "old", "owner_name": owner}
    )
    api("PATCH", f"{branch_path(project_answer)}/databases/old", database={"name": "new"})
    assert api("GET", f"{branch_path(project_answer)}/databases/new")["database"]["owner_name"] == owner
    api("GET", f"{branch_path(project_answer)}/databases/old", 404)
    api("DELETE", f"{branch_path(project_answer)}/databases/new")
    api("DELETE", f"{branch_path(project_answer)}/databases/new", 404)


def test_a_branch_with_an_endpoint_has_its_parents_roles(api: Api, project_answer: Any) -> None:
    project = project_answer["project"]["id"]
    child = api(
        "POST",
        f"/{project}/branches",
        201,
        branch={"name": "child"},
        endpoints=[{"type": "read_write"}],
    )
    assert child["branch"]["parent_id"] == project_answer["branch"]["id"]
    assert project_answer["roles"][0]["name"] in {role["name"] for role in child["roles"]}
    endpoint = child["endpoints"][0]["id"]
    paused = api("PATCH", f"/{project}/endpoints/{endpoint}", endpoint={"disabled": True})["endpoint"]
    assert (paused["disabled"], paused["current_state"]) == (True, "idle")
    api("DELETE", f"/{project}/endpoints/{endpoint}")
    api("DELETE", f"/{project}/branches/{child['branch']['id']}")
    api("GET", f"/{project}/branches/{child['branch']['id']}", 404)


def test_a_branch_is_protected_by_itself_and_then_its_project_cannot_be_deleted(
    api: Api, project_answer: Any
) -> None:
    project = project_answer["project"]["id"]
    assert (
        api("PATCH", branch_path(project_answer), branch={"protected": True})["branch"]["protected"] is True
    )
    api("PATCH", f"/{project}", project={"name": "renamed"})
    assert api("GET", branch_path(project_answer))["branch"]["protected"] is True
    assert "protect" in api("DELETE", f"/{project}", 422)["message"]
    api("PATCH", branch_path(project_answer), branch={"protected": False})
    api("PATCH", f"/{project}", project={"name": "prod"})


def test_what_is_used_of_a_quota_is_read_from_the_api(api: Api, model: Neon, project_answer: Any) -> None:
    project, branch = project_answer["project"]["id"], project_answer["branch"]["id"]
    resource = {
        "type": "neon:index/project:Project",
        "urn": "urn:pulumi:prod::bulwark::neon:index/project:Project::database-project",
        "custom": True,
        "id": project,
        "inputs": {"name": "prod"},
    }
    base = f"http://127.0.0.1:{model.home.port('vendors')}/api/v2"

    def read() -> list[tuple[str, str, float]]:
        with connect(base, uses_proxies=False) as client:
            reader = VendorApi(VENDORS["neon"], client, model.home.secret("NEON_API_KEY"))
            found = read_quotas(reader, DeclaredStack([resource]), {})
        return [(quota.database, quota.quantity, quota.share) for quota in found]

    assert read() == [("prod", "stored", 0)]
    record_usage(model.store, branch, logical_size=9 * 10**8)
    record_usage(model.store, project, compute_time_seconds=1_800_000)
    api("PATCH", f"/{project}", project={"settings": {"quota": {"compute_time_seconds": 2_000_000}}})
    assert read() == [("prod", "compute time", 0.9), ("prod", "stored", 0.9)]


@pytest.mark.parametrize(
    ("request_", "body", "status"),
    [
        ("GET /nothing", {}, 404),
        ("POST ", {}, 400),
        ("POST ", {"project": {"region_id": "moon"}}, 400),
        ("POST ", {"project": {"history_retention_seconds": 2_592_000}}, 400),
        ("POST {branch}/roles", {"role": {"name": "neondb_owner"}}, 409),
        ("POST {branch}/roles", {"role": {}}, 400),
        ("POST {branch}/databases", {"database": {"name": "d", "owner_name": "nobody"}}, 404),
        ("GET /{project}/branches/br-unknown", {}, 404),
        ("DELETE {branch}", {}, 422),
        ("POST /{project}/endpoints", {"endpoint": {"branch_id": "{id}", "type": "read_write"}}, 409),
        ("GET {branch}/roles/nobody/reveal_password", {}, 404),
        ("GET /{project}/operations/unknown", {}, 404),
    ],
)
def test_a_request_that_neon_refuses_gets_its_status_and_a_reason(
    api: Api, project_answer: Any, request_: str, body: Any, status: int
) -> None:
    method, path = request_.split(" ")
    branch = project_answer["branch"]["id"]
    if "endpoint" in body:
        body = {"endpoint": {"branch_id": branch, "type": "read_write"}}
    where = path.format(project=project_answer["project"]["id"], branch=branch_path(project_answer))
    assert api(method, where, status, **body)["message"]


def test_a_branch_is_restored_in_place_and_what_it_held_is_kept(api: Api, model: Neon) -> None:
    made = api("POST", "", 201, project={"name": "restored"})
    project, branch = made["project"]["id"], made["branch"]["id"]
    uri, path = made["connection_uris"][0]["connection_uri"], f"/{made['project']['id']}/branches/{branch}"
    api("POST", f"/{project}/branches", 201, branch={"name": "child"})
    with psycopg.connect(uri, autocommit=True) as before:
        before.execute("CREATE TABLE kept AS SELECT 1 AS n")
        row = before.execute("SELECT clock_timestamp()").fetchone()
        assert row
        at = row[0].isoformat()
        before.execute("INSERT INTO kept VALUES (2)")
        own: dict[str, Any] = {"source_branch_id": branch, "preserve_under_name": "old"}
        refused: list[tuple[dict[str, Any], int]] = [
            (own, 400),
            ({"source_branch_id": branch, "source_timestamp": at}, 400),
            ({**own, "source_timestamp": "soon"}, 400),
            ({**own, "source_timestamp": "2020-01-01T00:00:00Z"}, 400),
            ({**own, "source_timestamp": at, "preserve_under_name": "main"}, 409),
            ({**own, "source_timestamp": at, "source_branch_id": "br-other"}, 404),
        ]
        for body, status in refused:
            api("POST", f"{path}/restore", status, **body)
        answer = api("POST", f"{path}/restore", **own, source_timestamp=at)
        with pytest.raises(psycopg.OperationalError):
            before.execute("SELECT 1")
    assert (answer["branch"]["id"], answer["branch"]["name"]) == (branch, "main")
    assert answer["branch"]["default"] is True
    assert "parent_id" not in answer["branch"]
    assert answer["operations"][0]["status"] == "finished"
    with psycopg.connect(uri) as after:  # the same address, with the same password
        assert after.execute("SELECT n FROM kept").fetchall() == [(1,)]
        after.execute("INSERT INTO kept VALUES (3)")
    branches = {found["name"]: found for found in api("GET", f"/{project}/branches")["branches"]}
    kept = branches["old"]
    assert branches["child"]["parent_id"] == kept["id"]
    assert api("GET", f"/{project}/branches/{kept['id']}/endpoints")["endpoints"] == []
    endpoint = api("POST", f"/{project}/endpoints", 201, endpoint={"branch_id": kept["id"]})["endpoint"]
    query = f"branch_id={kept['id']}&database_name=neondb&role_name=neondb_owner"
    with psycopg.connect(api("GET", f"/{project}/connection_uri?{query}")["uri"]) as old:
        assert old.execute("SELECT n FROM kept ORDER BY n").fetchall() == [(1,), (2,)]
    api("DELETE", f"/{project}/endpoints/{endpoint['id']}")
    # A later branch has the history since, too.
    later = api("POST", f"/{project}/branches", 201, branch={}, endpoints=[{"type": "read_write"}])
    query = f"branch_id={later['branch']['id']}&database_name=neondb&role_name=neondb_owner"
    with psycopg.connect(api("GET", f"/{project}/connection_uri?{query}")["uri"]) as branched:
        assert branched.execute("SELECT n FROM kept ORDER BY n").fetchall() == [(1,), (3,)]
    for left in (later["branch"]["id"], branches["child"]["id"], kept["id"]):
        api("DELETE", f"/{project}/branches/{left}")
    assert len(list(model.home.postgres.glob(f"{project}-*"))) == 1
    api("DELETE", f"/{project}")


def test_a_deleted_project_is_recovered_within_seven_days(
    api: Api, model: Neon, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = api("POST", "", 201, project={"name": "deleted"})
    project, uri = made["project"]["id"], made["connection_uris"][0]["connection_uri"]
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    api("POST", f"/{project}/recover", 404)
    api("DELETE", f"/{project}")
    api("GET", f"/{project}", 404)
    assert not list(model.home.postgres.glob(f"{project}-*"))
    assert project in [found["id"] for found in api("GET", "?recoverable=true")["projects"]]
    recovered = api("POST", f"/{project}/recover")
    assert recovered["project"]["id"] == project
    assert [branch["id"] for branch in recovered["branches"]] == [made["branch"]["id"]]
    with psycopg.connect(uri) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
    api("DELETE", f"/{project}")
    monkeypatch.setenv("BULWARK_TWIN_SPEED", "1e9")  # seven days have gone
    assert api("GET", "?recoverable=true")["projects"] == []
    api("POST", f"/{project}/recover", 404)
    assert list((model.home.root / "deleted").glob(f"{project}-*")) == []


def test_an_api_key_opens_what_it_is_for_until_it_is_revoked(api: Api, project_answer: Any) -> None:
    project = project_answer["project"]
    keys = f"/api/v2/organizations/{project['org_id']}/api_keys"

    def call(key: str, method: str, path: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return api.client.request(method, path, headers=headers).status_code

    made = api.client.post(keys, json={"key_name": "ci", "project_id": project["id"]}).json()
    assert {"id", "key", "name", "created_at", "created_by", "project_id"} == set(made)
    [listed] = api.client.get(keys).json()
    assert (listed["id"], listed["last_used_at"]) == (made["id"], None)
    assert made["key"] not in str(listed)
    path = f"/api/v2/projects/{project['id']}"
    assert [call(made["key"], "GET", path), call(made["key"], "DELETE", path)] == [200, 403]
    assert call(made["key"], "GET", keys) == 403
    assert api.client.get(keys).json()[0]["last_used_at"]
    assert api.client.get("/api/v2/api_keys").json() == []
    revoked = api.client.delete(f"{keys}/{made['id']}")
    assert (revoked.status_code, revoked.json()["revoked"]) == (200, True)
    assert call(made["key"], "GET", path) == 401
    assert api.client.delete(f"{keys}/{made['id']}").status_code == 404
