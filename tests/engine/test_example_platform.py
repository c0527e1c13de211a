"""The example with everything passes the policies: production, and staging beside a deployed production."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from deployment import Deployment
from import_graph import CHECKOUT

from engine.stack_file import parse, parse_settings

pytestmark = pytest.mark.shares("production")

EXAMPLE = CHECKOUT / "examples" / "platform"
LEDGER = "postgresql://backup:planted-password@db.example.com:5432/ledger?sslmode=verify-full"


@pytest.fixture(scope="module")
def folder(production: Deployment) -> Iterator[Path]:
    """Give the deployed checkout, with the example's stacks beside its own."""
    folder = production.installation.folder
    files = [folder / f"Pulumi.shop-{stack}.yaml" for stack in ("prod", "staging")]
    config = folder / "policies" / "config"
    for file in files:
        shutil.copy(EXAMPLE / file.name.replace("shop-", ""), file)
    relaxed = shutil.copy(config / "staging.json", config / "shop-staging.json")
    yield folder
    for file in (*files, Path(relaxed)):
        file.unlink()


def test_the_example_has_two_databases_three_apis_and_four_buckets() -> None:
    settings = parse_settings(parse((EXAMPLE / "Pulumi.prod.yaml").read_bytes(), "prod"))
    buckets = [bucket for source in settings.sources.values() for bucket in source.buckets]
    assert (len(settings.databases), len(settings.services), len(buckets)) == (2, 3, 4)


@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize("stack", ["shop-prod", "shop-staging"])
@pytest.mark.usefixtures("folder")
def test_a_stack_of_the_example_passes_the_policies_on_its_first_preview(
    production: Deployment, stack: str
) -> None:
    seen = production.installation.bulwark("preview", "--stack", stack, "--twin", BULWARK_LEDGER_URL=LEDGER)
    assert seen.code == 0, seen.text[-3_000:]
    assert f"{stack} passes " in seen.text
    assert "planted-password" not in seen.text
