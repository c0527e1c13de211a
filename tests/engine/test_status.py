"""`./bulwark status` on a deployed stack, and on one that it can't read."""

import httpx
import pytest
from deployment import Deployment

pytestmark = pytest.mark.shares("production")


def test_without_credentials_everything_is_unknown_and_nothing_is_never(production: Deployment) -> None:
    ended = production.installation.bulwark(
        "status",
        "--stack",
        "prod",
        "--json",
        AWS_EC2_METADATA_DISABLED="true",
        PULUMI_BACKEND_URL="",
        PULUMI_ACCESS_TOKEN="",
    )
    assert ended.code == 3, ended.text[-2_000:]
    document = ended.json
    asked = [
        document["deployment"],
        document["drills"],
        document["monitors"],
        document["crons"],
        document["issues"],
        *(answer for store in document["stores"] for answer in store["vaults"].values()),
    ]
    assert all(answer["found"] is None and answer["unknown"] for answer in asked)
    assert {finding["level"] for finding in document["findings"]} == {"unknown"}
    assert all(finding["next_step"] for finding in document["findings"])


def test_on_the_twin_it_shows_the_stack_its_backup_and_its_monitors(production: Deployment) -> None:
    installation = production.installation
    assert installation.bulwark("backup", "database", "--stack", "prod", "--twin").code == 0
    shown = installation.bulwark("status", "--stack", "prod", "--twin", "--json")
    document = shown.json
    assert document["deployment"]["found"]["resources"] == len(installation.resources("prod"))
    assert document["deployment"]["found"]["deployed_at"]
    [database] = [store for store in document["stores"] if store["name"] == "database"]
    newest = database["vaults"]["primary"]["found"]["newest"]
    assert 0 <= newest["age_seconds"] < 600
    assert newest["locked_until"]
    replica = database["vaults"]["replica"]["found"]
    assert newest["id"] in replica["ids"]
    assert replica["newest"]["locked_until"]
    assert database["vaults"]["elsewhere"]["found"]["newest"] is None
    kinds = [monitor["kind"] for monitor in document["monitors"]["found"]]
    assert (kinds.count("monitor"), kinds.count("heartbeat")) == (3, 5)
    assert len(document["crons"]["found"]) == 5
    text = installation.bulwark("status", "--stack", "prod", "--twin").out
    assert document["verdict"] in text


def test_the_twin_serves_the_page_of_the_health_and_the_public_one(production: Deployment) -> None:
    installation = production.installation
    page = f"http://127.0.0.1:{installation.home.port('vendors')}/health/prod"
    installation.bulwark("status", "--stack", "prod", "--twin")
    assert "<title>" in httpx.get(page).raise_for_status().text
    public = httpx.get(production.outputs["status_page"]).raise_for_status()
    assert "Example status" in public.text
