"""Neon's HTTP API in front of the model, asked as any client of the API would."""

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
from clusters import reachable_home, until
from starlette.applications import Starlette

from twin.neon import api as door
from twin.neon.model import Neon

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
def serving(model: Neon) -> Generator[str]:
    app = Starlette(routes=door.routes(model))
    server = uvicorn.Server(uvicorn.Config(app, port=model.home.port("vendors"), log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{model.home.port('vendors')}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def model() -> Iterator[Neon]:
    with reachable_home() as home:
        model = Neon(home)
        yield model
        for _, cluster in model.clusters():
            cluster.destroy()
        model.store.close()


@pytest.fixture(scope="module")
def api(model: Neon) -> Iterator[Api]:
    with serving(model) as url, httpx.Client(base_url=url, timeout=60) as client:
        client.headers["Authorization"] = f"Bearer {model.home.secret('neon_api_key')}"
        yield Api(client)


@pytest.fixture(scope="module")
def made(api: Api) -> Any:
    return api("POST", "", 201, project=PROJECT)


def below(made: Any) -> str:
    """Return the path of the project's default branch."""
    return f"/{made['project']['id']}/branches/{made['branch']['id']}"


def test_a_new_project_comes_with_everything_that_is_needed_to_use_it(api: Api, made: Any) -> None:
    project = made["project"]
    assert project["name"] == "prod"
    assert project["default_endpoint_settings"]["autoscaling_limit_min_cu"] == 0.5
    assert project["settings"]["quota"]["logical_size_bytes"] == 10**9
    assert project["settings"]["allowed_ips"] == {"ips": []}
    assert (made["branch"]["default"], made["branch"]["protected"]) == (True, False)
    assert [endpoint["type"] for endpoint in made["endpoints"]] == ["read_write"]
    with psycopg.connect(made["connection_uris"][0]["connection_uri"]) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (made["roles"][0]["name"],)
    operation = made["operations"][0]
    assert operation["status"] == "finished"
    assert api("GET", f"/{project['id']}/operations/{operation['id']}") == {"operation": operation}


def test_what_is_told_of_a_project_is_what_was_made(api: Api, made: Any) -> None:
    project, branch = made["project"]["id"], made["branch"]["id"]
    assert api("GET", f"/{project}")["project"] == made["project"]
    assert api("GET", "?search=prod")["projects"] == [made["project"]]
    assert api("GET", "?search=nothing")["projects"] == []
    assert api("GET", f"/{project}/branches")["branches"] == [made["branch"]]
    assert api("GET", f"/{project}/branches/{branch}/endpoints")["endpoints"] == made["endpoints"]
    assert api("GET", f"/{project}/endpoints")["endpoints"] == made["endpoints"]
    assert "neondb" in {found["name"] for found in api("GET", f"{below(made)}/databases")["databases"]}


def test_a_password_is_told_when_it_is_set_and_when_it_is_asked_for(api: Api, made: Any) -> None:
    role = api("POST", f"{below(made)}/roles", 201, role={"name": "reader"})["role"]
    assert "password" not in api("GET", f"{below(made)}/roles/reader")["role"]
    revealed = api("GET", f"{below(made)}/roles/reader/reveal_password")["password"]
    assert revealed == role["password"]
    reset = api("POST", f"{below(made)}/roles/reader/reset_password")["role"]["password"]
    assert reset != revealed
    uri = api("GET", f"/{made['project']['id']}/connection_uri?database_name=neondb&role_name=reader")["uri"]
    assert reset in uri
    with psycopg.connect(uri) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("reader",)


def test_a_project_that_stores_no_passwords_reveals_none(api: Api) -> None:
    made = api("POST", "", 201, project={"name": "secretive", "store_passwords": False})
    assert made["project"]["store_passwords"] is False
    owner = made["roles"][0]["name"]
    assert "disabled" in api("GET", f"{below(made)}/roles/{owner}/reveal_password", 412)["message"]


def test_a_database_is_renamed_and_found_under_its_new_name_only(api: Api, made: Any) -> None:
    owner = made["roles"][0]["name"]
    api("POST", f"{below(made)}/databases", 201, database={"name": "old", "owner_name": owner})
    api("PATCH", f"{below(made)}/databases/old", database={"name": "new"})
    assert api("GET", f"{below(made)}/databases/new")["database"]["owner_name"] == owner
    api("GET", f"{below(made)}/databases/old", 404)
    api("DELETE", f"{below(made)}/databases/new")
    api("DELETE", f"{below(made)}/databases/new", 404)


def test_a_branch_with_an_endpoint_has_its_parents_roles(api: Api, made: Any) -> None:
    project = made["project"]["id"]
    child = api(
        "POST",
        f"/{project}/branches",
        201,
        branch={"name": "child"},
        endpoints=[{"type": "read_write"}],
    )
    assert child["branch"]["parent_id"] == made["branch"]["id"]
    assert made["roles"][0]["name"] in {role["name"] for role in child["roles"]}
    endpoint = child["endpoints"][0]["id"]
    paused = api("PATCH", f"/{project}/endpoints/{endpoint}", endpoint={"disabled": True})["endpoint"]
    assert (paused["disabled"], paused["current_state"]) == (True, "idle")
    api("DELETE", f"/{project}/endpoints/{endpoint}")
    api("DELETE", f"/{project}/branches/{child['branch']['id']}")
    api("GET", f"/{project}/branches/{child['branch']['id']}", 404)


def test_a_branch_is_protected_by_itself_and_then_its_project_cannot_be_deleted(api: Api, made: Any) -> None:
    project = made["project"]["id"]
    assert api("PATCH", below(made), branch={"protected": True})["branch"]["protected"] is True
    api("PATCH", f"/{project}", project={"name": "renamed"})
    assert api("GET", below(made))["branch"]["protected"] is True
    assert "protect" in api("DELETE", f"/{project}", 422)["message"]
    api("PATCH", below(made), branch={"protected": False})
    api("PATCH", f"/{project}", project={"name": "prod"})


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
def test_what_neon_refuses_is_refused_with_its_status_and_a_reason(
    api: Api, made: Any, request_: str, body: Any, status: int
) -> None:
    method, path = request_.split(" ")
    branch = made["branch"]["id"]
    if "endpoint" in body:
        body = {"endpoint": {"branch_id": branch, "type": "read_write"}}
    where = path.format(project=made["project"]["id"], branch=below(made))
    assert api(method, where, status, **body)["message"]
