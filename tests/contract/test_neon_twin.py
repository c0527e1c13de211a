"""The stand-in for Neon accepts the same inputs as the real provider, each over a real database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clusters import reachable_home
from plugin_driver import PluginResource
from provider_pair import PairedResource, PairedValues, ProviderPair, running_pair

from twin.host.home import TwinHome
from twin.neon.model import Neon
from twin.provider.values import Secret

pytestmark = pytest.mark.shares("neon-pair")

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
"""All differences; docs/twin-differences.md says why they are safe."""


@pytest.fixture(scope="module")
def pair(real_neon: Path) -> Iterator[ProviderPair]:
    # Where an unprivileged PostgreSQL can reach it.
    with reachable_home() as home, running_pair("neon", real_neon, home.root) as pair:
        yield pair
        for side in ("real", "stand-in"):
            neon = Neon(TwinHome(home.root / side / "twin"))
            for _, cluster in neon.list_clusters():
                cluster.destroy()
            neon.store.close()


@pytest.mark.parametrize("name", PROJECTS)
def test_provider_and_stand_in_accept_the_same_projects(pair: ProviderPair, name: str) -> None:
    assert pair.find_disagreements("project", PROJECTS[name]) == []


@pytest.mark.matrix(sample=2)
@pytest.mark.parametrize("name", OTHERS)
def test_provider_and_stand_in_accept_the_same_inputs_of_other_kinds(pair: ProviderPair, name: str) -> None:
    assert pair.find_disagreements(*OTHERS[name]) == []


@pytest.fixture(scope="module")
def resources(pair: ProviderPair) -> dict[str, PairedResource]:
    """Create one resource of each kind, in a project of its own on each side."""
    made = {name: pair.create("project", base) for name, base in PROJECTS.items()}
    made["branch"] = pair.create(
        "branch", {"projectId": "$project", "name": "b", "protected": "no"}, _values_within(made["least"])
    )
    places = _values_within(made["least"], made["branch"])
    endpoint = {name: value for name, value in OTHERS["endpoint"][1].items() if name != "pgSettings"}
    for kind, inputs in (
        ("endpoint", endpoint),
        ("role", {"name": "r"}),
        ("database", {"name": "d", "ownerName": "neondb_owner"}),
    ):
        made[kind] = pair.create(kind, {**inputs, "projectId": "$project", "branchId": "$branch"}, places)
    return made


def _values_within(project: PairedResource, branch: PairedResource | None = None) -> PairedValues:
    def place(side: str) -> dict[str, str]:
        within: PluginResource = getattr(branch, side, getattr(project, side))
        return {"$project": getattr(project, side).id, "$branch": within.id}

    return place("real"), place("stand_in")


@pytest.mark.matrix(sample=3)
@pytest.mark.parametrize("name", [*PROJECTS, "branch", "endpoint", "role", "database"])
def test_provider_and_stand_in_plan_the_same_changes(
    pair: ProviderPair, resources: dict[str, PairedResource], name: str
) -> None:
    assert pair.find_disputed_changes(resources[name]) == DIFFERENCES.get(name, set())


def test_only_the_real_providers_uri_asks_for_tls(resources: dict[str, PairedResource]) -> None:
    project = resources["least"]
    assert _plain_text(project.real.outputs["connectionUri"]).endswith("?sslmode=require")
    assert _plain_text(project.stand_in.outputs["connectionUri"]).endswith("?sslmode=disable")


def test_only_the_real_provider_names_a_pooler(resources: dict[str, PairedResource]) -> None:
    project = resources["least"]
    assert str(project.real.outputs["databaseHostPooler"]).startswith("127-pooler.0.0.1:")
    stand_in = project.stand_in.outputs
    assert stand_in["databaseHostPooler"] == stand_in["databaseHost"]


def _plain_text(value: Any) -> str:
    return str(value.value if isinstance(value, Secret) else value)
