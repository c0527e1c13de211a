"""Production is deployed with this repository's policies, unchanged, or not at all."""

from pathlib import Path

import pytest

from components.policy_gate import PACK, PolicyPackMissingError, applies, in_force, require

HERE = PACK.parent
NOTHING: dict[str, str] = {}


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
    assert "pulumi up --stack prod --policy-pack policies" in str(refused.value)


@pytest.mark.parametrize("environment", ["local", "drill"])
def test_nothing_but_production_demands_the_pack(environment: str) -> None:
    require(environment=environment, stack="prod")


def test_the_commands_own_engine_always_runs_the_pack() -> None:
    token = in_force.set(True)
    try:
        require(environment="production", stack="prod")
    finally:
        in_force.reset(token)
