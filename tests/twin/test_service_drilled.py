"""The drill of a service with the twin's Railway, UptimeRobot and PagerDuty, asked over their own APIs."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from import_graph import CHECKOUT
from test_pagerduty import Account, rule
from vendor_process import Target, Twin, eventually, running_twin, serving_target

from cli.service_drill import drill_services, put_back
from components.settings import load
from engine import session
from recovery.drill.bad_deployment import OutageNote
from recovery.drill.evidence import Scenario
from respond.journal import ResponseJournal
from twin.host.deployed_service import DeployedService
from twin.host.home import TwinHome
from twin.railway.model import Railway

PORT = 4711


class DrilledTwin:
    """A service at the twin's Railway whose program answers as its active deployment says."""

    def __init__(self, twin: Twin, served: Target, account: Account, folder: Path) -> None:
        self.twin, self.folder = twin, folder
        self.railway = Railway(twin.home)
        blocks = yaml.safe_load((CHECKOUT / "Pulumi.prod.yaml").read_text())["config"]
        blocks = {name.removeprefix("bulwark:"): block for name, block in blocks.items()}
        blocks["platform"]["environment"] = "local"
        blocks["alerting"]["channels"]["oncall"]["service"] = "backend"
        settings = load(blocks)
        backend = settings.services["backend"].model_copy(update={"url": served.url})
        self.settings = settings.model_copy(update={"services": {**settings.services, "backend": backend}})
        host = settings.hosts["backend"]
        assert host.type == "railway"
        self.place = (host.service, host.environment)
        self.railway.add_service(*self.place, host.project, name="backend", port=PORT)
        key = account.up(rule(600, account.first))
        contact = twin.contact("oncall", kind="pagerduty", value=key, location="us", autoResolve=True)
        served.body = '{"status":"ok"}'
        self.monitor = twin.monitor(
            contact, name="local backend health", url=f"{served.url}/health", timeout=5
        )
        self.target: Any = SimpleNamespace(
            name="local",
            location="twin",
            runs_platform=True,
            settings=self.settings,
            uses_proxies=False,
            tls_context=lambda: True,
            api_url=lambda vendor: f"{twin.url}/{vendor}" + ("/v3" if vendor == "uptimerobot" else ""),
            deploy_bad=lambda _, commit: self.railway.deploy(*self.place, commit=commit, starts=False),
        )

    @property
    def active(self) -> str:
        return self.railway.find_instance(*self.place)["active"]

    @property
    def journal(self) -> ResponseJournal:
        return ResponseJournal(self.folder / "responses")

    def drill(self, deployment: str = "") -> Scenario:
        [scenario] = drill_services(
            self.target,
            self.folder,
            service="all",
            deployment=deployment,
            journal=self.journal,
            on_progress=lambda _: None,
        )
        return scenario

    def put_back(self) -> list[str]:
        return list(put_back(self.target, self.folder, self.journal))


@pytest.fixture
def drilled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DrilledTwin]:
    def keep_environment(*_: object, **__: object) -> None:
        """Leave this process's environment as it is."""

    monkeypatch.setattr(session, "set_environment", keep_environment)
    with running_twin(tmp_path, speed=600.0) as twin, serving_target() as served:
        original = DeployedService.write

        def write(deployed: DeployedService, home: TwinHome, port: int) -> None:
            original(deployed, home, port)
            served.status = 200 if deployed.starts and deployed.commit != "broken" else 502

        monkeypatch.setattr(DeployedService, "write", write)
        for name in ("RAILWAY_TOKEN", "UPTIMEROBOT_API_KEY", "PAGERDUTY_TOKEN"):
            monkeypatch.setenv(name, twin.home.secret(name))
        account = Account(twin.home, monkeypatch)
        drilled = DrilledTwin(twin, served, account, tmp_path)
        with closing(account.model.store), closing(drilled.railway.store):
            twin.await_status(drilled.monitor, "UP")
            yield drilled


def test_a_bad_deployment_is_seen_paged_rolled_back_and_measured_at_the_vendors(drilled: DrilledTwin) -> None:
    good = drilled.active
    found = drilled.drill()
    assert found.faults == ()
    assert (found.service, drilled.active) == ("backend", good)
    assert {one.objective_seconds for one in found.times.values()} == {900}  # that of a critical service
    assert found.negative_control
    assert found.negative_control.found == ("the address: HTTP 502", "the monitor: DOWN")
    assert "backend health" in found.times["paged"].how
    [record] = drilled.journal.read()
    assert (record.step, record.outcome) == ("roll-back", "carried out")
    assert record.id in found.times["rolled_back"].how
    # As at a real host: a deployment that starts, is not healthy, and ran before is named.
    named = drilled.railway.deploy(*drilled.place, commit="broken")
    drilled.railway.roll_back(good)
    drilled.twin.await_status(drilled.monitor, "UP")
    count = len(drilled.railway.store.list("railway", "deployment"))
    again = drilled.drill(named)
    assert again.faults == ()
    assert drilled.active == good
    assert len(drilled.railway.store.list("railway", "deployment")) == count


def test_what_an_interrupted_drill_deployed_is_rolled_back_and_a_later_deployment_stays(
    drilled: DrilledTwin,
) -> None:
    good = drilled.active
    note = OutageNote(service="backend", deployment=good, bad="bad-commit")
    file = drilled.folder / "backend.outage.json"
    file.write_text(note.model_dump_json())
    drilled.railway.deploy(*drilled.place, commit="bad-commit", starts=False)
    [said] = drilled.put_back()
    assert good in said
    assert drilled.active == good
    assert not file.exists()
    file.write_text(note.model_dump_json())
    later = drilled.railway.deploy(*drilled.place, commit="the fix")
    assert drilled.put_back() == []
    assert drilled.active == later
    assert not file.exists()
    eventually(lambda: drilled.twin.status(drilled.monitor) == "UP")
