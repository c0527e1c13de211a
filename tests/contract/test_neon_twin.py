"""The stand-in for Neon takes and refuses what the real provider does, over a real database each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clusters import reachable_home
from plugin_driver import Existing
from provider_pair import Made, Pair, Places, paired

from twin.host.home import TwinHome
from twin.neon.model import Neon
from twin.provider.values import Secret

PROJECT: dict[str, Any] = {"name": "one", "historyRetentionSeconds": 3600}
PROJECTS: dict[str, dict[str, Any]] = {
    "least": PROJECT,
    "most": {
        **PROJECT,
        "orgId": "org-example-00000000",
        "regionId": "aws-eu-central-1",
        "pgVersion": 17,
        "storePassword": "yes",
        "computeProvisioner": "k8s-neonvm",
        "defaultBranchProtected": True,
        "enableLogicalReplication": "no",
        "defaultEndpointSettings": {
            "autoscalingLimitMinCu": 0.25,
            "autoscalingLimitMaxCu": 2,
            "suspendTimeoutSeconds": 0,
        },
        "quota": {"computeTimeSeconds": 3600, "logicalSizeBytes": 10**9},
        "maintenanceWindow": {"weekdays": [1], "startTime": "01:00", "endTime": "02:00"},
    },
}
PLACE = {"projectId": "p", "branchId": "br-b"}
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "branch": ("branch", {"projectId": "p", "name": "b", "protected": "no"}),
    "branch at a time": ("branch", {"projectId": "p", "name": "b", "parentTimestamp": 1_700_000_000}),
    "endpoint": (
        "endpoint",
        {
            **PLACE,
            "type": "read_write",
            "autoscalingLimitMinCu": 0.25,
            "autoscalingLimitMaxCu": 1,
            "suspendTimeoutSeconds": 0,
            "poolerEnabled": False,
            "poolerMode": "transaction",
            "computeProvisioner": "k8s-neonvm",
            "pgSettings": {"work_mem": "4MB"},
        },
    ),
    "role": ("role", {**PLACE, "name": "r"}),
    "database": ("database", {**PLACE, "name": "d", "ownerName": "o"}),
}

DIFFERENCES: dict[str, set[str]] = {}
"""All of them: docs/twin-differences.md says why they are safe."""


@pytest.fixture(scope="module")
def pair(real_plugins: Path) -> Iterator[Pair]:
    # Where an unprivileged PostgreSQL can reach it.
    with reachable_home() as home, paired("neon", real_plugins, home.root) as pair:
        yield pair
        for side in ("real", "stand-in"):
            neon = Neon(TwinHome(home.root / side / "twin"))
            for _, cluster in neon.clusters():
                cluster.destroy()
            neon.store.close()


@pytest.mark.parametrize("name", PROJECTS)
def test_both_take_and_refuse_the_same_projects(pair: Pair, name: str) -> None:
    assert pair.disagreements("project", PROJECTS[name]) == []


@pytest.mark.parametrize("name", OTHERS)
def test_both_take_and_refuse_the_same_of_everything_else(pair: Pair, name: str) -> None:
    assert pair.disagreements(*OTHERS[name]) == []


@pytest.fixture(scope="module")
def made(pair: Pair) -> dict[str, Made]:
    """Make one of each, on a project of its own at each side."""
    made = {name: pair.create("project", base) for name, base in PROJECTS.items()}
    made["branch"] = pair.create(
        "branch", {"projectId": "$project", "name": "b", "protected": "no"}, _in(made["least"])
    )
    places = _in(made["least"], made["branch"])
    endpoint = {name: value for name, value in OTHERS["endpoint"][1].items() if name != "pgSettings"}
    for kind, inputs in (
        ("endpoint", endpoint),
        ("role", {"name": "r"}),
        ("database", {"name": "d", "ownerName": "neondb_owner"}),
    ):
        made[kind] = pair.create(kind, {**inputs, "projectId": "$project", "branchId": "$branch"}, places)
    return made


def _in(project: Made, branch: Made | None = None) -> Places:
    def place(side: str) -> dict[str, str]:
        within: Existing = getattr(branch, side, getattr(project, side))
        return {"$project": getattr(project, side).id, "$branch": within.id}

    return place("real"), place("stand_in")


@pytest.mark.parametrize("name", [*PROJECTS, "branch", "endpoint", "role", "database"])
def test_both_plan_the_same_changes(pair: Pair, made: dict[str, Made], name: str) -> None:
    assert pair.disputed_changes(made[name]) == DIFFERENCES.get(name, set())


def test_only_the_real_providers_uri_asks_for_tls(made: dict[str, Made]) -> None:
    project = made["least"]
    assert _clear(project.real.outputs["connectionUri"]).endswith("?sslmode=require")
    assert _clear(project.stand_in.outputs["connectionUri"]).endswith("?sslmode=disable")


def test_only_the_real_provider_names_a_pooler(made: dict[str, Made]) -> None:
    project = made["least"]
    assert str(project.real.outputs["databaseHostPooler"]).startswith("127-pooler.0.0.1:")
    stand_in = project.stand_in.outputs
    assert stand_in["databaseHostPooler"] == stand_in["databaseHost"]


def _clear(value: Any) -> str:
    return str(value.value if isinstance(value, Secret) else value)
