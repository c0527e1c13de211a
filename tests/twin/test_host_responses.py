"""Roll-back and redeploy at the hosts: looked at first, made once, and only at the declared service."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from import_graph import CHECKOUT
from vendor_process import Twin, running_twin

from components.settings import Settings, load
from core.failure import Failure
from respond.deployments import REDEPLOY, ROLL_BACK
from respond.step import RespondContext, ResponsePlan, StepOptions
from twin.host.deployed_service import DeployedService
from twin.railway.model import Railway
from twin.vendor.errors import VendorError
from twin.vercel.model import Vercel

pytestmark = pytest.mark.shares("host-responses")

BACKEND, FRONTEND = 4711, 4712


def read_settings(**host: str) -> Settings:
    blocks = yaml.safe_load((CHECKOUT / "Pulumi.prod.yaml").read_text())["config"]
    blocks = {name.removeprefix("bulwark:"): block for name, block in blocks.items()}
    blocks["services"]["backend"]["host"] |= host
    return load(blocks)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with running_twin(tmp_path_factory.mktemp("hosts")) as twin:
        hosts = read_settings().hosts
        backend, frontend = hosts["backend"], hosts["frontend"]
        assert backend.type == "railway"
        assert frontend.type == "vercel"
        Railway(twin.home).add_service(
            backend.service, backend.environment, backend.project, name="backend", port=BACKEND
        )
        Vercel(twin.home).add_project(frontend.project, frontend.team, name="frontend", port=FRONTEND)
        yield twin


def deploy(twin: Twin, commit: str, *, starts: bool = True) -> None:
    """Deploy a commit at both hosts."""
    hosts = read_settings().hosts
    backend, frontend = hosts["backend"], hosts["frontend"]
    assert backend.type == "railway"
    assert frontend.type == "vercel"
    Railway(twin.home).deploy(backend.service, backend.environment, commit=commit, starts=starts)
    Vercel(twin.home).deploy(frontend.project, commit=commit, starts=starts)


def context(twin: Twin, **host: str) -> RespondContext:
    target: Any = SimpleNamespace(
        settings=read_settings(**host),
        api_url=lambda vendor: f"{twin.url}/{vendor}",
        uses_proxies=False,
    )
    tokens = {name: twin.home.secret(name) for name in ("RAILWAY_TOKEN", "VERCEL_API_TOKEN")}
    return RespondContext(target, {}, tokens)


def find(twin: Twin, vendor: str, commit: str) -> str:
    listed = twin.store.list(vendor, "deployment").items()
    return [name for name, one in listed if one["commit"] == commit][-1]


def running(twin: Twin, port: int) -> tuple[str, bool]:
    found = DeployedService.read(twin.home, port)
    assert found
    return found.commit, found.starts


def roll_back(twin: Twin, service: str, deployment: str) -> ResponsePlan:
    return ROLL_BACK.plan(context(twin), service, StepOptions(deployment=deployment))


def carry_out(plan: ResponsePlan) -> None:
    for action in plan.actions:
        assert not action.is_done
        action.run()


@pytest.mark.parametrize(
    ("service", "vendor", "port"), [("backend", "railway", BACKEND), ("frontend", "vercel", FRONTEND)]
)
def test_a_bad_deployment_is_rolled_back_once_and_its_fix_is_deployed(
    twin: Twin, service: str, vendor: str, port: int
) -> None:
    deploy(twin, "good")
    deploy(twin, "bad", starts=False)
    good = find(twin, vendor, "good")
    with pytest.raises(Failure, match="needs the deployment") as asked:
        roll_back(twin, service, "")
    assert good in str(asked.value)
    plan = roll_back(twin, service, good)
    assert running(twin, port) == ("bad", False)  # it only looked
    carry_out(plan)
    assert running(twin, port) == ("good", True)
    assert roll_back(twin, service, good).is_done
    count = len(twin.store.list(vendor, "deployment"))
    again = REDEPLOY.plan(context(twin), service, StepOptions(deployment=good))
    carry_out(again)
    again.actions[0].run()  # an interrupted call goes on: nothing is deployed twice
    assert len(twin.store.list(vendor, "deployment")) == count + 1
    assert REDEPLOY.plan(context(twin), service, StepOptions(deployment=good)).is_done


def test_an_answer_that_is_lost_does_not_roll_back_twice(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(twin, "good")
    deploy(twin, "worse", starts=False)
    calls = list[str]()
    original = Railway.roll_back

    def lose(model: Railway, identifier: str) -> None:
        original(model, identifier)
        calls.append(identifier)
        raise VendorError(502, "Bad gateway")

    monkeypatch.setattr(Railway, "roll_back", lose)
    plan = roll_back(twin, "backend", find(twin, "railway", "good"))
    with pytest.raises(Failure, match="HTTP 502"):
        plan.actions[0].run()
    plan.actions[0].run()
    assert len(calls) == 1
    assert running(twin, BACKEND) == ("good", True)


def test_what_never_ran_or_is_another_services_is_refused(twin: Twin) -> None:
    deploy(twin, "bad", starts=False)
    deploy(twin, "good")
    with pytest.raises(Failure, match="can't roll back to"):
        roll_back(twin, "backend", find(twin, "railway", "bad"))
    with pytest.raises(Failure, match="no deployment of this service"):
        roll_back(twin, "backend", find(twin, "vercel", "good"))
    with pytest.raises(Failure, match="no service with a host nothing"):
        roll_back(twin, "nothing", "1")


def test_a_project_that_is_not_the_declared_one_is_refused(twin: Twin) -> None:
    deploy(twin, "good")
    other = context(twin, project="00000000-0000-4000-8000-000000000000")
    options = StepOptions(deployment=find(twin, "railway", "good"))
    for step in (ROLL_BACK, REDEPLOY):
        with pytest.raises(Failure, match="its target is not the declared one: project is"):
            step.plan(other, "backend", options)


def test_a_token_that_is_not_accepted_is_named(twin: Twin) -> None:
    known = context(twin)
    wrong = RespondContext(known.target, {}, dict.fromkeys(known.tokens, "wrong"))
    for service, variable in (("backend", "RAILWAY_TOKEN"), ("frontend", "VERCEL_API_TOKEN")):
        with pytest.raises(Failure) as refused:
            ROLL_BACK.plan(wrong, service, StepOptions(deployment="1"))
        assert variable in str(refused.value)
