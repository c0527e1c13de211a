"""Plain `pulumi`, with the official language host, runs the same program; production with policies only."""

from pathlib import Path

import pytest
from deployment import Deployment
from plain_pulumi import WITH_POLICIES, drill_facts, find_language_host, run_pulumi

pytestmark = pytest.mark.shares("production")


@pytest.fixture(scope="module")
def language_host() -> Path:
    return find_language_host()


def test_production_without_the_policies_is_refused_with_the_command_to_type(
    production: Deployment, language_host: Path
) -> None:
    refused = run_pulumi(production, language_host, "preview")
    assert refused.returncode != 0
    output = refused.stdout + refused.stderr
    assert "the policy pack is off, and production is never deployed without it." in output
    assert "pulumi preview --stack prod --policy-pack policies" in output
    assert "Traceback" not in output


def test_production_is_refused_by_policies_without_the_facts_of_its_drills(
    production: Deployment, language_host: Path
) -> None:
    refused = run_pulumi(production, language_host, "preview", *WITH_POLICIES)
    assert refused.returncode != 0
    for store in ("database-project (Project)", "files (Files)"):
        assert f"{store} is not shown to come back: could not be decided" in refused.stdout


def test_plain_pulumi_with_the_policies_changes_nothing(production: Deployment, language_host: Path) -> None:
    options = (*WITH_POLICIES, "--expect-no-changes")
    seen = run_pulumi(production, language_host, "preview", *options, environment=drill_facts(production))
    assert seen.returncode == 0, seen.stdout[-2_000:] + seen.stderr[-2_000:]
    assert "bulwark" in seen.stdout
