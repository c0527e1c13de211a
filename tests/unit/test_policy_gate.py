"""Production is deployed with this repository's policies, unchanged, or not at all."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pulumi
import pytest

from engine.policy_gate import PACK, PolicyPackMissingError, applies, in_force, require
from policies.framework import configuration

HERE = PACK.parent
NOTHING: dict[str, str] = {}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder in place of policies/config."""
    monkeypatch.setattr(configuration, "read", partial(configuration.read, folder=tmp_path))
    return tmp_path


@pytest.fixture
def command() -> Iterator[None]:
    """Act as under `./bulwark`, whose engine always runs the pack."""
    token = in_force.set(True)
    yield
    in_force.reset(token)


@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "--policy-pack", "policies"],
        ["up", "--policy-pack=policies"],
        ["up", "--policy-pack", "./policies/"],
        ["up", "--policy-pack", str(PACK)],
        ["up", "--policy-pack", "elsewhere,policies"],
        ["--policy-pack", "elsewhere", "up", "--policy-pack=policies", "--yes"],
    ],
)
def test_the_pack_applies_however_the_flag_is_written(arguments: list[str]) -> None:
    assert applies(arguments, NOTHING, HERE)


def test_the_pack_applies_when_the_environment_names_it() -> None:
    # Packs of the variable and of the flag all run (pulumi/pkg/cmd: flags are set from variables first).
    named = {"PULUMI_OPTION_POLICY_PACK": "policies"}
    assert applies(["up"], named, HERE)
    assert applies(["up", "--policy-pack", "elsewhere"], named, HERE)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["up", "--yes"],
        ["up", "--policy-pack"],
        ["up", "--policy-pack", "elsewhere/policies"],
        ["up", "--policy-pack="],
        ["up", "--policy-packs=policies"],
        ["up", "--message", "policies"],
    ],
)
def test_a_run_without_the_pack_does_not_count(arguments: list[str]) -> None:
    assert not applies(arguments, NOTHING, HERE)


def test_a_folder_of_the_same_name_elsewhere_is_another_pack(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    assert not applies(["up", "--policy-pack", "policies"], NOTHING, tmp_path)


def test_a_link_to_the_pack_is_the_pack(tmp_path: Path) -> None:
    (tmp_path / "rules").symlink_to(PACK)
    assert applies(["up", "--policy-pack", "rules"], NOTHING, tmp_path)


@pytest.mark.parametrize("flag", [["--policy-pack-config", "off.json"], ["--policy-pack-config=off.json"]])
def test_a_reconfigured_pack_does_not_count(flag: list[str]) -> None:
    assert not applies(["up", "--policy-pack", "policies", *flag], NOTHING, HERE)


def test_a_pack_reconfigured_by_the_environment_does_not_count() -> None:
    off = {"PULUMI_OPTION_POLICY_PACK_CONFIG": "off.json"}
    assert not applies(["up", "--policy-pack", "policies"], off, HERE)


def test_production_without_an_engine_that_runs_the_pack_is_refused_with_the_line_to_type() -> None:
    with pytest.raises(PolicyPackMissingError) as refused:
        require(environment="production", stack="prod")
    assert "./bulwark up --stack prod" in str(refused.value)
    assert '"Plain Pulumi"' in str(refused.value)
    assert "\n## Plain Pulumi\n" in (HERE / "README.md").read_text()


@pytest.mark.parametrize("environment", ["local", "drill"])
def test_nothing_but_production_demands_the_pack(environment: str) -> None:
    require(environment=environment, stack="prod")


@pytest.mark.usefixtures("command")
def test_the_commands_own_engine_always_runs_the_pack() -> None:
    require(environment="production", stack="prod")


RELAXED = [
    {"enforcementLevel": "advisory"},
    {"enforcementLevel": "disabled"},
    {"enforcementLevel": "disabled", "severity": "critical", "days": 30},
    "advisory",
    "disabled",
]


@pytest.mark.usefixtures("command")
@pytest.mark.parametrize("setting", RELAXED)
def test_production_that_relaxes_a_rule_is_refused_with_its_file_and_the_rule_even_under_the_command(
    folder: Path, setting: Any
) -> None:
    (folder / "prod.json").write_text(json.dumps({"vault-is-locked": setting}))
    with pytest.raises(PolicyPackMissingError) as refused:
        require(environment="production", stack="prod")
    assert "policies/config/prod.json relaxes vault-is-locked." in str(refused.value)
    assert "policies/waivers.yaml" in str(refused.value)


@pytest.mark.parametrize("setting", RELAXED)
def test_production_that_relaxes_a_rule_is_refused_for_that_before_it_is_told_to_add_the_pack(
    folder: Path, setting: Any
) -> None:
    (folder / "prod.json").write_text(json.dumps({"vault-is-locked": setting}))
    with pytest.raises(PolicyPackMissingError, match=r"policies/config/prod\.json relaxes vault-is-locked\."):
        require(environment="production", stack="prod")


@pytest.mark.usefixtures("command")
def test_all_rules_that_production_relaxes_are_named_and_no_other(folder: Path) -> None:
    (folder / "prod.json").write_text(
        json.dumps({"b-rule": "advisory", "a-rule": {"enforcementLevel": "disabled"}, "c-rule": "mandatory"})
    )
    with pytest.raises(PolicyPackMissingError, match=r"relaxes a-rule, b-rule\."):
        require(environment="production", stack="prod")


@pytest.mark.usefixtures("command")
@pytest.mark.parametrize(
    "setting",
    [
        {"days": 30},
        {"severity": "low"},
        {"severity": "low", "days": 30, "enforcementLevel": "mandatory"},
        "mandatory",
        {},
    ],
)
def test_production_may_set_parameters_and_severity_of_a_rule(folder: Path, setting: Any) -> None:
    (folder / "prod.json").write_text(json.dumps({"vault-is-locked": setting}))
    require(environment="production", stack="prod")


@pytest.mark.usefixtures("command")
def test_rules_that_another_stack_relaxes_do_not_matter_to_production(folder: Path) -> None:
    (folder / "local.json").write_text(json.dumps({"vault-is-locked": "disabled"}))
    require(environment="production", stack="prod")


@pytest.mark.parametrize("environment", ["local", "drill"])
def test_a_stack_that_is_not_production_may_relax_a_rule(folder: Path, environment: str) -> None:
    (folder / "local.json").write_text(json.dumps({"vault-is-locked": "disabled"}))
    require(environment=environment, stack="local")


@pytest.mark.usefixtures("command")
def test_a_configuration_that_can_not_be_read_does_not_count_as_none(folder: Path) -> None:
    (folder / "prod.json").write_text('{"vault-is-locked": "advisory"')
    with pytest.raises(pulumi.RunError, match=r"prod\.json can.t be read: it is no JSON"):
        require(environment="production", stack="prod")
