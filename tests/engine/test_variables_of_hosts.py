"""What the stack declares at a host reaches the program that runs there: its errors arrive at Sentry."""

import signal
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx
import pytest
from fast_twin import SPEED, FastTwin, find_host
from interrupted_process import LOOK_SECONDS, RunningCommand, wait_until

from twin.host.deployed_service import DeployedService
from twin.host.tls import tls_context
from twin.railway.model import Railway
from twin.vendor.store import VendorStore

pytestmark = pytest.mark.shares("fast_twin")

_PATIENCE_SECONDS: Final = 20


def make_error(fast_twin: FastTwin, service: str) -> None:
    home = fast_twin.installation.home
    address = f"https://localhost:{home.port(f'platform-{service}')}/debug-sentry"
    answer = httpx.get(address, verify=tls_context(home.tls / "ca.crt"), timeout=20)
    assert answer.status_code == 500


def count_errors(fast_twin: FastTwin, service: str) -> int:
    """Return how many errors of a service's program have arrived at its project."""
    with closing(VendorStore(fast_twin.installation.home.vendors)) as store:
        issues = store.list("sentry", "issue").values()
    mine = [
        one for one in issues if one["project"] == service and "to try error tracking out" in one["title"]
    ]
    return sum(one["count"] for one in mine)


def wait_for_another(fast_twin: FastTwin, service: str, before: int) -> None:
    def has_arrived() -> bool:
        return count_errors(fast_twin, service) > before

    wait_until(has_arrived, _PATIENCE_SECONDS, "the error", every=LOOK_SECONDS)


@pytest.mark.parametrize("service", ["backend", "frontend"])
def test_an_error_of_a_service_arrives_at_its_project_by_the_variables_of_its_host(
    fast_twin: FastTwin, service: str
) -> None:
    before = count_errors(fast_twin, service)
    make_error(fast_twin, service)
    wait_until(
        lambda: count_errors(fast_twin, service) > before, _PATIENCE_SECONDS, "the error", every=LOOK_SECONDS
    )


def test_without_the_variable_no_error_arrives_and_a_rollback_brings_it_back(fast_twin: FastTwin) -> None:
    home, place = fast_twin.installation.home, find_host(fast_twin, "backend")
    port = home.port("platform-backend")
    with closing((railway := Railway(home)).store):
        kept = dict(railway.find_instance(*place)["variables"])
        good = DeployedService.read(home, port)
        assert good
        try:
            railway.delete_variable(*place, "SENTRY_DSN")
            railway.redeploy(*place)
            before = count_errors(fast_twin, "backend")
            make_error(fast_twin, "backend")  # answered after the report, if there is one
            assert count_errors(fast_twin, "backend") == before
            railway.roll_back(good.deployment)
            make_error(fast_twin, "backend")
            wait_until(
                lambda: count_errors(fast_twin, "backend") > before,
                _PATIENCE_SECONDS,
                "the error",
                every=LOOK_SECONDS,
            )
        finally:
            railway.set_variables(*place, kept)


def test_a_deployment_has_its_databases_address_and_its_commit(fast_twin: FastTwin) -> None:
    home = fast_twin.installation.home
    deployed = DeployedService.read(home, home.port("platform-backend"))
    assert deployed
    address = fast_twin.output("database_urls")["database"]["application"]
    assert deployed.variables["DATABASE_URL"] == address
    assert deployed.variables["SENTRY_RELEASE"] == deployed.commit
    assert deployed.variables["SENTRY_ENVIRONMENT"] == "local"
    collection = fast_twin.resource("host-backend-variables")
    assert "ciphertext" in collection["inputs"]["variables"]
    assert "ciphertext" in collection["outputs"]["variables"]


def test_a_bad_deployment_is_rolled_back_by_its_id(fast_twin: FastTwin) -> None:
    home, place = fast_twin.installation.home, find_host(fast_twin, "backend")
    port = home.port("platform-backend")
    good = DeployedService.read(home, port)
    assert good
    with closing((railway := Railway(home)).store):
        railway.deploy(*place, commit="bad", starts=False)
        words = ("respond", "roll-back", "backend", "--deployment", good.deployment)
        try:
            looked = fast_twin.bulwark(*words)
            assert looked.code == 0, looked.text
            assert "Nothing was changed." in looked.text
            other = fast_twin.bulwark(*words, "--confirm", "local/frontend")
            assert other.code == 1, other.text
            assert DeployedService.read(home, port) != good
            carried_out = fast_twin.bulwark(*words, "--confirm", "local/backend", "--json")
            assert carried_out.code == 0, carried_out.text
            assert carried_out.json["record"]["outcome"] == "carried out"
            assert DeployedService.read(home, port) == good
        finally:
            if DeployedService.read(home, port) != good:
                railway.roll_back(good.deployment)


def test_a_drill_of_a_service_that_was_killed_is_put_back_by_the_next_which_measures_the_outage(
    fast_twin: FastTwin, tmp_path: Path
) -> None:
    home = fast_twin.installation.home
    port = home.port("platform-backend")
    good = DeployedService.read(home, port)
    assert good

    def is_down() -> bool:
        running = DeployedService.read(home, port)
        return run.has_ended() or (running is not None and not running.starts)

    words = ("drill", "service", "--evidence", str(tmp_path / "evidence.json"))
    run = RunningCommand(fast_twin.installation, *words, BULWARK_TWIN_SPEED=str(SPEED))
    wait_until(is_down, 60, "the bad deployment")
    assert not run.has_ended(), run.text
    run.signal(signal.SIGKILL)
    run.wait()
    ended = fast_twin.bulwark(*words, "--json")
    [scenario] = ended.json["scenarios"]
    assert (ended.code, scenario["faults"]) == (0, []), ended.text[-3_000:]
    assert any(f"(rolled back to {good.deployment})" in line for line in ended.json["leftovers"])
    assert scenario["negative_control"]["found"] == ["the address: HTTP 502", "the monitor: DOWN"]
    assert scenario["times"]["paged"]["met"]
    assert DeployedService.read(home, port) == good
