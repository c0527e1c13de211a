"""The production program, unchanged, through the vendors' own providers."""

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from deployment import Deployment, name_of
from interrupted_process import RunningCommand, command_line, find_leftovers, wait_until
from plain_pulumi import WITH_POLICIES, drill_facts, run_pulumi

from twin.vendor.http import REFUSED
from twin.vendor.store import VendorStore

pytestmark = pytest.mark.shares("real")

PROD = ("--stack", "prod", "--twin")
BRIDGED = ("neon:", "uptimerobot:", "sentry:")


@contextmanager
def edit_settings(real: Deployment, edits: dict[str, str]) -> Generator[None]:
    """Change the settings, and put them back."""
    path = real.installation.folder / "Pulumi.prod.yaml"
    before = path.read_text()
    try:
        for old, new in edits.items():
            real.installation.edit("Pulumi.prod.yaml", old, new)
        yield
    finally:
        path.write_text(before)


def preview_steps(real: Deployment) -> Any:
    """Return the steps of a preview: resource -> (operation, inputs)."""
    seen = real.installation.bulwark("preview", *PROD, "--json")
    assert seen.code == 0, seen.text[-3_000:]
    return {
        name_of(step["urn"]): (step["op"], sorted({path.split(".")[0] for path in step["properties"]}))
        for step in seen.json["steps"]
    }


def are_all_providers_running(run: RunningCommand) -> bool:
    """Return whether the providers of all three vendors run."""
    running = [command_line(process) for process in run.process.children(recursive=True)]
    return sum("/terraform-provider-" in line for line in running) >= 3


def up(real: Deployment) -> dict[str, int]:
    done = real.installation.bulwark("up", *PROD, "--yes", "--json", timeout_seconds=600)
    assert done.code == 0, done.text[-3_000:]
    return {op: count for op, count in done.json["changes"].items() if op != "same"}


def test_every_resource_of_the_bridged_vendors_was_made_by_its_real_provider(real: Deployment) -> None:
    bridged = [found for found in real.custom() if found.type.startswith(BRIDGED)]
    assert {found.type.partition(":")[0] for found in bridged} == {"neon", "uptimerobot", "sentry"}
    assert [found.name for found in bridged if "__pulumi_raw_state_delta" not in found.outputs] == []
    assert real["neon"].inputs["version"] == "1.1.3"


def test_uptimerobot_was_not_asked_more_often_than_the_plan_answers(real: Deployment) -> None:
    with closing(VendorStore(real.installation.home.vendors)) as store:
        assert store.read_log(REFUSED) == []


def test_a_preview_after_up_is_empty(real: Deployment) -> None:
    assert preview_steps(real) == {}


def test_a_refresh_finds_no_drift(real: Deployment) -> None:
    seen = real.installation.bulwark("refresh", *PROD, "--json")
    assert seen.code == 0, seen.text[-3_000:]
    assert seen.json["steps"] == []


def test_plain_pulumi_has_nothing_to_do_either(real: Deployment, language_host: Path) -> None:
    options = (*WITH_POLICIES, "--expect-no-changes")
    seen = run_pulumi(
        real, language_host, "preview", *options, providers="real", environment=drill_facts(real)
    )
    assert seen.returncode == 0, seen.stdout[-3_000:] + seen.stderr[-2_000:]


def test_providers_of_a_killed_engine_end_with_the_command(real: Deployment) -> None:
    run = RunningCommand(real.installation, "refresh", *PROD)
    wait_until(lambda: are_all_providers_running(run) or run.has_ended(), 60, "its providers run")
    run.kill("pulumi --non-interactive")
    assert run.wait() != 0
    assert find_leftovers(real.installation) == []


def test_stand_ins_cannot_take_over_a_stack_of_the_real_providers(real: Deployment) -> None:
    refused = real.installation.bulwark("preview", *PROD, "--providers", "stand-in")
    assert refused.code == 1
    assert "was made through the vendors' own providers" in refused.err
