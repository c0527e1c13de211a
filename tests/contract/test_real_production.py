"""The production program, unchanged, through the vendors' own providers: from nothing to nothing."""

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from deployment import Deployment, name_of
from interrupted_process import Run, command_line, left_over, until
from plain_pulumi import WITH_POLICIES, drills, pulumi

from twin.vendor.http import REFUSED
from twin.vendor.store import VendorStore

PROD = ("--stack", "prod", "--twin")
BRIDGED = ("neon:", "uptimerobot:", "sentry:")


@contextmanager
def edited(real: Deployment, edits: dict[str, str]) -> Generator[None]:
    """Change the settings, and put them back."""
    path = real.installation.folder / "Pulumi.prod.yaml"
    before = path.read_text()
    try:
        for old, new in edits.items():
            real.installation.edit("Pulumi.prod.yaml", old, new)
        yield
    finally:
        path.write_text(before)


def plan(real: Deployment) -> Any:
    """Preview, and return what would be done: resource -> (operation, inputs)."""
    seen = real.installation.bulwark("preview", *PROD, "--json")
    assert seen.code == 0, seen.text[-3_000:]
    return {
        name_of(step["urn"]): (step["op"], sorted({path.split(".")[0] for path in step["properties"]}))
        for step in seen.json["steps"]
    }


def providers(run: Run) -> bool:
    """Say whether all three vendors' providers are at work."""
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
        assert store.recorded(REFUSED) == []


def test_a_second_preview_is_empty(real: Deployment) -> None:
    assert plan(real) == {}


def test_a_refresh_finds_no_drift(real: Deployment) -> None:
    seen = real.installation.bulwark("refresh", *PROD, "--json")
    assert seen.code == 0, seen.text[-3_000:]
    assert seen.json["steps"] == []


def test_plain_pulumi_has_nothing_to_do_either(real: Deployment, language_host: Path) -> None:
    options = (*WITH_POLICIES, "--expect-no-changes")
    seen = pulumi(real, language_host, "preview", *options, real=True, environment=drills(real))
    assert seen.returncode == 0, seen.stdout[-3_000:] + seen.stderr[-2_000:]


def test_what_a_killed_engine_leaves_running_ends_with_the_command(real: Deployment) -> None:
    run = Run(real.installation, "refresh", *PROD)
    until(lambda: providers(run) or run.ended(), 60, "its providers run")
    run.kill("pulumi --non-interactive")
    assert run.wait() != 0
    assert left_over(real.installation) == []


def test_stand_ins_cannot_take_over_what_the_real_providers_made(real: Deployment) -> None:
    refused = real.installation.bulwark("preview", *PROD, "--providers", "stand-in")
    assert refused.code == 1
    assert "was made through the vendors' own providers" in refused.err
