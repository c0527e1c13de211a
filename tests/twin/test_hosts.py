"""Railway and Vercel: what their providers do with variables, and what a deployment keeps of them."""

import asyncio
from typing import Any, Final

import httpx
import pytest
from stand_in_driver import Engine, start_bridge
from starlette.applications import Starlette
from starlette.routing import Route

from twin.host.deployed_service import DeployedService
from twin.host.home import TwinHome
from twin.provider.server import PropertyChange, StandInError
from twin.railway import api as railway_api
from twin.railway.model import Railway
from twin.vendor.errors import VendorError
from twin.vercel import api as vercel_api
from twin.vercel.model import Vercel

SERVICE, ENVIRONMENT, PROJECT = (f"{number}" * 8 + "-0000-4000-8000-000000000000" for number in (1, 2, 3))
PORT: Final = 4711
FRONTEND: Final = "prj_frontend"


@pytest.fixture
def home(tmp_path: Any) -> TwinHome:
    home = TwinHome(tmp_path)
    home.create()
    return home


@pytest.fixture
def railway(home: TwinHome) -> Railway:
    model = Railway(home)
    model.add_service(SERVICE, ENVIRONMENT, PROJECT, name="backend", port=PORT)
    return model


@pytest.fixture
def vercel(home: TwinHome) -> Vercel:
    model = Vercel(home)
    model.add_project(FRONTEND, "team_example", name="frontend", port=PORT)
    return model


@pytest.fixture
def at_railway(railway: Railway, home: TwinHome, monkeypatch: pytest.MonkeyPatch) -> Engine:
    del railway
    return Engine("railway", start_bridge("railway", home, monkeypatch))


@pytest.fixture
def at_vercel(vercel: Vercel, home: TwinHome, monkeypatch: pytest.MonkeyPatch) -> Engine:
    del vercel
    return Engine("vercel", start_bridge("vercel", home, monkeypatch))


def collection(service: str = SERVICE, **variables: str) -> dict[str, Any]:
    values = [{"name": name, "value": value} for name, value in variables.items()]
    return {"serviceId": service, "environmentId": ENVIRONMENT, "variables": values}


def variable(key: str, value: str, **changes: Any) -> dict[str, Any]:
    made = {"projectId": FRONTEND, "key": key, "value": value, "sensitive": True, "targets": ["production"]}
    return made | changes


def request(routes: list[Route], token: str, method: str, path: str, body: Any) -> httpx.Response:
    """Send a request to an API without a server."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=routes))
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, headers=headers) as client:
            return await client.request(method, f"http://vendor{path}", json=body)

    return asyncio.run(send())


def running(home: TwinHome) -> DeployedService:
    found = DeployedService.read(home, PORT)
    assert found
    return found


def declare(at_railway: Engine, service: str = SERVICE, /, **variables: str) -> dict[str, Any]:
    return at_railway.up("backend", "variableCollection", **collection(service, **variables))


def test_a_collection_reaches_the_program_with_references_filled_in(
    at_railway: Engine, home: TwinHome
) -> None:
    state = declare(at_railway, A="1", RELEASE="${{RAILWAY_GIT_COMMIT_SHA}}", NOBODY="x${{OTHER}}")
    assert state["id"] == f"{SERVICE}:{ENVIRONMENT}:A:NOBODY:RELEASE"
    assert state["projectId"] == PROJECT
    assert state["variables"][1]["value"] == "${{RAILWAY_GIT_COMMIT_SHA}}"
    deployed = running(home)
    assert deployed.variables["A"] == "1"
    assert deployed.variables["RELEASE"] == deployed.commit
    assert deployed.variables["NOBODY"] == "x"
    assert at_railway.refresh("backend")
    assert not at_railway.preview("backend", "variableCollection", at_railway.resources["backend"].inputs)


def test_each_change_of_a_collection_deploys_twice_at_most_whatever_its_size(
    at_railway: Engine, railway: Railway
) -> None:
    def count() -> int:
        return len(railway.store.list("railway", "deployment"))

    before = count()
    declare(at_railway, A="1", B="2", C="3", D="4")
    assert count() == before + 2
    declare(at_railway, A="5", B="6", D="4")
    assert count() == before + 4
    declare(at_railway, D="4", B="6", A="5")  # another order is a change, and restarts the service
    assert count() == before + 5
    assert set(railway.find_instance(SERVICE, ENVIRONMENT)["variables"]) == {"A", "B", "D"}
    at_railway.destroy("backend")
    assert railway.find_instance(SERVICE, ENVIRONMENT)["variables"] == {}


def test_a_variable_that_somebody_set_is_overwritten_without_a_word_and_others_stay(
    at_railway: Engine, railway: Railway
) -> None:
    railway.set_variables(SERVICE, ENVIRONMENT, {"A": "by hand", "Z": "by hand"})
    declare(at_railway, A="1")
    assert railway.find_instance(SERVICE, ENVIRONMENT)["variables"] == {"A": "1", "Z": "by hand"}


def test_a_variable_that_is_gone_or_changed_comes_back_and_none_at_all_fails(
    at_railway: Engine, railway: Railway
) -> None:
    declare(at_railway, A="1", B="2")
    railway.delete_variable(SERVICE, ENVIRONMENT, "A")
    at_railway.refresh("backend")
    assert at_railway.preview("backend", "variableCollection", collection(A="1", B="2"))
    declare(at_railway, A="1", B="2")
    railway.set_variables(SERVICE, ENVIRONMENT, {"B": "changed"})
    at_railway.refresh("backend")
    assert at_railway.preview("backend", "variableCollection", collection(A="1", B="2"))
    for name in "AB":
        railway.delete_variable(SERVICE, ENVIRONMENT, name)
    at_railway.refresh("backend")
    with pytest.raises(StandInError, match="no variable names"):
        at_railway.refresh("backend")


def test_an_import_names_the_environment_and_another_service_replaces_the_collection(
    at_railway: Engine, railway: Railway
) -> None:
    railway.set_variables(SERVICE, ENVIRONMENT, {"A": "1", "B": "2"})
    address = f"{SERVICE}:production:A:B"
    wanted = collection(A="1", B="2")
    assert not at_railway.import_resource("backend", "variableCollection", address, **wanted)
    assert at_railway.resources["backend"].inputs == wanted
    changes = at_railway.preview("backend", "variableCollection", collection(PROJECT, A="1", B="2"))
    assert changes == {"serviceId": PropertyChange.REPLACE}


def test_a_service_that_is_gone_is_an_error_and_never_forgotten(at_railway: Engine, railway: Railway) -> None:
    declare(at_railway, A="1")
    railway.store.remove("railway", "instance", f"{SERVICE}:{ENVIRONMENT}")
    with pytest.raises(StandInError, match="Service not found"):
        at_railway.refresh("backend")
    with pytest.raises(StandInError, match="ServiceInstance not found"):
        at_railway.destroy("backend")


def test_a_rollback_brings_the_old_variables_back_while_the_services_stay_new(
    railway: Railway, home: TwinHome
) -> None:
    railway.set_variables(SERVICE, ENVIRONMENT, {"A": "old"})
    good = running(home)
    railway.set_variables(SERVICE, ENVIRONMENT, {"A": "new"}, skips_deploys=True)
    assert running(home) == good
    railway.deploy(SERVICE, ENVIRONMENT, commit="bad", starts=False)
    bad = running(home)
    assert (bad.starts, bad.commit, bad.variables["A"]) == (False, "bad", "new")
    railway.roll_back(good.deployment)
    assert running(home) == good
    assert railway.find_instance(SERVICE, ENVIRONMENT)["variables"] == {"A": "new"}
    with pytest.raises(VendorError, match="cannot be rolled back"):
        railway.roll_back(bad.deployment)


def test_railways_api_answers_errors_with_200_and_shows_who_can_be_rolled_back(
    railway: Railway, home: TwinHome
) -> None:
    routes = railway_api.routes(railway)

    def ask(query: str, token: str = home.secret("RAILWAY_TOKEN"), **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        answer = request(routes, token, "POST", "/graphql/v2?source=test", body)
        assert answer.status_code == 200
        return answer.json()

    place = {"serviceId": SERVICE, "environmentId": ENVIRONMENT, "projectId": PROJECT}
    upsert = "mutation upsertVariableCollection($input: VariableCollectionUpsertInput!) {"
    upsert += " variableCollectionUpsert(input: $input) }"
    assert ask(upsert, input={**place, "variables": {"A": "1"}, "skipDeploys": False}) == {
        "data": {"variableCollectionUpsert": True}
    }
    reading = "query getVariables($serviceId: String!) { variables(serviceId: $serviceId, unrendered: true) }"
    assert ask(reading, **place)["data"]["variables"] == {"A": "1"}
    listing = "query { deployments(input: $input, first: 10) { edges { node { id } } } }"
    nodes = [edge["node"] for edge in ask(listing, input=place)["data"]["deployments"]["edges"]]
    assert [(node["status"], node["canRollback"]) for node in nodes] == [
        ("SUCCESS", False),
        ("REMOVED", True),
    ]
    back = "mutation ($id: String!) { deploymentRollback(id: $id) }"
    assert ask(back, id=nodes[1]["id"]) == {"data": {"deploymentRollback": True}}
    assert ask(back, id="nothing")["errors"][0]["message"] == "Deployment not found"
    assert ask(reading, token="wrong", **place)["errors"][0]["message"] == "Not Authorized"
    assert ask("query { me { id } }")["errors"]


def test_a_variable_at_vercel_reaches_the_next_deployment_and_not_the_running_one(
    at_vercel: Engine, vercel: Vercel, home: TwinHome
) -> None:
    state = at_vercel.up("dsn", "projectEnvironmentVariable", **variable("A", "1"))
    assert (state["teamId"], state["value"]) == ("team_example", "1")
    assert "A" not in running(home).variables
    vercel.deploy_changes(FRONTEND)
    assert running(home).variables["A"] == "1"
    made = running(home).deployment
    vercel.deploy_changes(FRONTEND)
    assert running(home).deployment == made


def test_a_change_of_a_sensitive_value_at_vercel_is_not_seen_and_of_another_it_is(
    at_vercel: Engine, vercel: Vercel
) -> None:
    for name, sensitive in (("HIDDEN", True), ("SHOWN", False)):
        inputs = variable(name, "1", sensitive=sensitive)
        at_vercel.up(name, "projectEnvironmentVariable", **inputs)
        vercel.update("projectEnvironmentVariable", at_vercel.resources[name].id, {"value": "2"})
        at_vercel.refresh(name)
        assert bool(at_vercel.preview(name, "projectEnvironmentVariable", inputs)) is not sensitive
    vercel.delete("projectEnvironmentVariable", at_vercel.resources["SHOWN"].id)
    assert not at_vercel.refresh("SHOWN")


def test_a_second_variable_of_a_name_is_a_conflict_so_that_a_replacement_deletes_first(
    at_vercel: Engine,
) -> None:
    at_vercel.up("one", "projectEnvironmentVariable", **variable("A", "1"))
    with pytest.raises(StandInError, match="already exists for the target production"):
        at_vercel.up("two", "projectEnvironmentVariable", **variable("A", "2"))
    with pytest.raises(StandInError, match="already exists"):
        at_vercel.up("one", "projectEnvironmentVariable", **variable("A", "1", sensitive=False))
    at_vercel.up("three", "projectEnvironmentVariable", **variable("A", "2", targets=["preview"]))
    assert at_vercel.preview("one", "projectEnvironmentVariable", variable("A", "2")) == {
        "value": PropertyChange.UPDATE
    }


def test_vercels_api_shows_no_sensitive_value_and_repoints_production(vercel: Vercel, home: TwinHome) -> None:
    token = home.secret("VERCEL_API_TOKEN")
    routes = vercel_api.routes(vercel)

    def send(method: str, path: str, body: Any = None) -> httpx.Response:
        return request(routes, token, method, path, body)

    made = {"key": "A", "value": "1", "target": ["production"], "type": "sensitive", "comment": ""}
    created = send("POST", f"/v10/projects/{FRONTEND}/env", made)
    assert created.status_code == 201
    assert created.json()["failed"] == []
    conflict = send("POST", f"/v10/projects/{FRONTEND}/env", made)
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (400, "ENV_CONFLICT")
    identifier = created.json()["created"]["id"]
    patched = send("PATCH", f"/v9/projects/{FRONTEND}/env/{identifier}", {"value": "secret"})
    listed = send("GET", f"/v8/projects/{FRONTEND}/env?decrypt=true&limit=100")
    assert "secret" not in patched.text + listed.text
    first = running(home).deployment
    second = send(
        "POST", "/v13/deployments?forceNew=1", {"deploymentId": first, "target": "production"}
    ).json()["id"]
    assert running(home).variables["A"] == "secret"
    assert send("POST", f"/v1/projects/{FRONTEND}/rollback/{first}").status_code == 201
    assert running(home).deployment == first
    vercel.deploy(FRONTEND)  # domains stay where the rollback has put them
    assert running(home).deployment == first
    assert send("POST", f"/v10/projects/{FRONTEND}/promote/{second}").status_code == 202
    alias = send("GET", f"/v10/projects/{FRONTEND}").json()["lastAliasRequest"]
    assert (alias["toDeploymentId"], alias["type"], alias["jobStatus"]) == (
        second,
        "promote",
        "succeeded",
    )
    deployments = send("GET", f"/v6/deployments?projectId={FRONTEND}").json()["deployments"]
    assert [one["uid"] for one in deployments][1:] == [second, first]
    assert send("GET", "/v10/projects/prj_other").status_code == 404
    token = "wrong"
    assert send("GET", f"/v10/projects/{FRONTEND}").status_code == 403
