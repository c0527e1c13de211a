"""Plain `pulumi`, with the official language host, runs the same program; production with policies only."""

from pathlib import Path

import pytest
from deployment import Deployment
from plain_pulumi import WITH_POLICIES, drills, find_language_host, pulumi


@pytest.fixture(scope="module")
def language_host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return find_language_host(tmp_path_factory.mktemp("language-host"))


def test_production_is_refused_without_the_policies_and_told_what_to_type(
    production: Deployment, language_host: Path
) -> None:
    refused = pulumi(production, language_host, "preview")
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert "the policy pack is off, and production is never deployed without it." in said
    assert "pulumi preview --stack prod --policy-pack policies" in said
    assert "Traceback" not in said


def test_production_is_refused_by_policies_that_nobody_told_of_its_drills(
    production: Deployment, language_host: Path
) -> None:
    refused = pulumi(production, language_host, "preview", *WITH_POLICIES)
    assert refused.returncode != 0
    for store in ("database-project (Project)", "files (Files)"):
        assert f"{store} is not shown to come back: could not be decided" in refused.stdout


def test_with_the_policies_it_is_the_same_program(production: Deployment, language_host: Path) -> None:
    options = (*WITH_POLICIES, "--expect-no-changes")
    seen = pulumi(production, language_host, "preview", *options, environment=drills(production))
    assert seen.returncode == 0, seen.stdout[-2_000:] + seen.stderr[-2_000:]
    assert "bulwark" in seen.stdout
