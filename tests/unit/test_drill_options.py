"""Options of `./bulwark drill` that contradict each other are refused before anything is opened."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.drill import drill
from cli.drill_session import open_drill_folder
from cli.receiving_stack import choose_receivers
from cli.restore import restore
from cli.service_drill import choose_services
from core.failure import Failure
from core.state_folder import HOME_VARIABLE
from engine.stack_file import CHECKOUT
from engine.targets import find_target

NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("scenario", "options", "message"),
    [
        ("loss", {"at": NOW}, "--at is a moment in a history"),
        ("all", {"backup": "x"}, "--backup names a backup to restore"),
        ("corruption", {"backup": "x"}, "--backup names a backup to restore"),
        ("loss", {"at_random": True, "backup": "x"}, "--random excludes --at and --backup"),
        ("files", {"at_random": True, "at": NOW}, "--random excludes --at and --backup"),
        ("corruption", {"at": NOW + timedelta(hours=1)}, "is in the future"),
        ("all", {"into": "staging"}, "--into names the stack that a database is restored into"),
        ("loss", {"service": "backend"}, "--service and --deployment are of a drilled service"),
        ("service", {"store": "database"}, "The drill of a service recovers no store"),
        ("service", {"stack": "prod"}, "never runs at production, and nothing was changed"),
        ("service", {"stack": "prod", "on_twin": True}, "never runs at production"),
        ("service", {"stack": "staging", "on_twin": True}, "do not run on the twin"),
        ("service", {"stack": "staging"}, "At a real host the drill makes no deployment"),
        ("service", {"service": "frontend"}, "has no service frontend that can be drilled(?s:.*)Vercel"),
        ("files", {"into": "staging"}, "--into names the stack that a database is restored into"),
        ("files", {"at": (NOW + timedelta(hours=1)).replace(tzinfo=None)}, "is in the future"),
    ],
)
def test_contradicting_options_of_a_drill_are_refused_with_the_next_step(
    scenario: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(Failure, match=f"{message}(?s:.*)Next: "):
        drill(scenario, **options)


@pytest.mark.parametrize("store", ["database", "files", "state"])
def test_a_restore_of_a_moment_to_come_is_refused(store: Any) -> None:
    with pytest.raises(Failure, match=r"is in the future(?s:.*)Next: "):
        restore(to="new", store=store, at=NOW + timedelta(hours=1))


def test_evidence_that_could_not_be_written_is_refused_before_the_drill(tmp_path: Path) -> None:
    for place, why in (
        (tmp_path / "none" / "x.json", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(Failure, match=f"{place} can't be written: {why}(?s:.*)nothing was done"):
            drill("loss", evidence=place)


def write_stack(folder: Path, stack: str, **platform: str) -> None:
    """Write the file of staging's stack under a name, whose one database may be replaced."""
    content = yaml.safe_load((CHECKOUT / "Pulumi.staging.yaml").read_text())
    content["config"]["bulwark:platform"] |= platform
    content["config"]["bulwark:stores"]["database"]["disposable"] = True
    (folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump(content))


@pytest.mark.parametrize(
    ("into", "store", "message"),
    [
        ("prod", "all", "is production, whose data no drill replaces"),
        ("second", "all", "and second is that platform too"),
        ("staging", "all", "has no database that a drill may replace"),
        ("other", "files", "has no database files that a drill may replace"),
    ],
)
def test_a_drill_into_a_stack_that_may_not_be_replaced_is_refused_before_anything_is_opened(
    into: str, store: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = find_target("prod", on_twin=False)
    shutil.copy(CHECKOUT / "Pulumi.prod.yaml", tmp_path)
    shutil.copy(CHECKOUT / "Pulumi.staging.yaml", tmp_path)
    write_stack(tmp_path, "second", name=source.settings.platform.name)
    write_stack(tmp_path, "other")
    monkeypatch.setattr("engine.stack_file.CHECKOUT", tmp_path)
    with pytest.raises(Failure, match=f"{message}(?s:.*)Next: "):
        choose_receivers(find_target(into, on_twin=False), source, store)
    assert choose_receivers(find_target("other", on_twin=False), source, "all") == ("database",)


def test_a_service_that_production_runs_is_not_taken_down_under_another_stacks_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(CHECKOUT / "Pulumi.prod.yaml", tmp_path)
    shutil.copy(CHECKOUT / "Pulumi.staging.yaml", tmp_path)
    monkeypatch.setattr("engine.stack_file.CHECKOUT", tmp_path)
    production = yaml.safe_load((CHECKOUT / "Pulumi.prod.yaml").read_text())["config"]["bulwark:services"]
    content = yaml.safe_load((CHECKOUT / "Pulumi.staging.yaml").read_text())
    for shared in ({"host": production["backend"]["host"]}, {"url": production["backend"]["url"]}):
        services = yaml.safe_load((CHECKOUT / "Pulumi.staging.yaml").read_text())["config"][
            "bulwark:services"
        ]
        services["backend"] |= shared
        content["config"]["bulwark:services"] = services
        (tmp_path / "Pulumi.staging.yaml").write_text(yaml.safe_dump(content))
        with pytest.raises(
            Failure, match="names a service of prod, which is production; nothing was changed"
        ):
            choose_services(find_target("staging", on_twin=False), "backend", "some-id")
    services["backend"] |= {
        "url": "https://api.staging.example.com",
        "host": {**production["backend"]["host"], "service": "0f0d8e6b-7a11-4e0c-9a52-5c4f6d1e3b7a"},
    }
    services["backend"]["host"].pop("database", None)
    (tmp_path / "Pulumi.staging.yaml").write_text(yaml.safe_dump(content))
    staging = find_target("staging", on_twin=False)
    with pytest.raises(Failure, match="At a real host the drill makes no deployment"):
        choose_services(staging, "backend", "")
    assert [one.name for one in choose_services(staging, "backend", "some-id")] == ["backend"]


def test_a_twin_has_one_drill_at_a_time_of_whatever_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "twin"))
    with open_drill_folder("local", is_on_twin=True), open_drill_folder("prod") as other:
        assert other.name == "prod"
        for again in (("staging", True), ("prod", False)):
            with (
                pytest.raises(Failure, match="Another drill is at work on this machine"),
                open_drill_folder(again[0], is_on_twin=again[1]),
            ):
                pass
