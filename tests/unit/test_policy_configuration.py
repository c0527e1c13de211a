"""A stack's configuration of the rules, and the messages about a wrong one."""

import json
from pathlib import Path
from typing import Any

import pytest

from policies.framework.configuration import ConfigurationError, check, find_file, read, relaxed_rules


def configure(folder: Path, content: Any, stack: str = "prod") -> Path:
    path = folder / f"{stack}.json"
    path.write_text(json.dumps(content))
    return path


def test_a_stack_has_the_file_of_its_own_name(tmp_path: Path) -> None:
    path = configure(tmp_path, {})
    assert find_file("prod", tmp_path) == path
    assert find_file("local", tmp_path) is None


def test_a_run_without_a_stacks_name_has_no_configuration_file(tmp_path: Path) -> None:
    # A deployed state is judged without a stack's name in the environment.
    configure(tmp_path, {"vault-is-locked": "disabled"}, stack="")
    assert find_file("", tmp_path) is None
    assert read("", tmp_path) == {}


def test_a_stack_without_a_file_sets_nothing(tmp_path: Path) -> None:
    configure(tmp_path, {"vault-is-locked": "disabled"}, stack="local")
    assert read("prod", tmp_path) == {}
    assert read("prod", tmp_path / "no such folder") == {}


def test_the_committed_folder_is_read_when_no_other_is_named() -> None:
    assert find_file("a stack that nobody has") is None
    assert read("a stack that nobody has") == {}


def test_level_severity_and_parameters_of_a_rule_are_read_as_they_are(tmp_path: Path) -> None:
    content = {
        "vault-is-locked": {"enforcementLevel": "advisory", "severity": "low", "minimum_days": 30},
        "store-is-drilled": {"enforcementLevel": "mandatory", "days": 14},
    }
    configure(tmp_path, content)
    assert read("prod", tmp_path) == content


def test_a_rule_with_parameters_and_no_level_stays_mandatory(tmp_path: Path) -> None:
    # The SDK takes no level for advisory: a parameter that demands more would switch its rule off.
    configure(tmp_path, {"vault-is-locked": {"minimum_days": 60}, "store-has-history": {}})
    assert read("prod", tmp_path) == {
        "vault-is-locked": {"enforcementLevel": "mandatory", "minimum_days": 60},
        "store-has-history": {"enforcementLevel": "mandatory"},
    }


@pytest.mark.parametrize("level", ["advisory", "disabled", "mandatory"])
def test_a_level_may_stand_alone_as_plain_text(tmp_path: Path, level: str) -> None:
    configure(tmp_path, {"vault-is-locked": level})
    assert read("prod", tmp_path) == {"vault-is-locked": {"enforcementLevel": level}}


@pytest.mark.parametrize("severity", ["low", "medium", "high", "critical"])
def test_a_severity_is_one_of_four(tmp_path: Path, severity: str) -> None:
    configure(tmp_path, {"vault-is-locked": {"severity": severity}})
    assert read("prod", tmp_path)["vault-is-locked"]["severity"] == severity


@pytest.mark.parametrize("content", ["", "{", "vault-is-locked: disabled", "{'a': 1}"])
def test_a_file_that_is_no_json_is_refused_by_its_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "prod.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"^prod\.json can.t be read: it is no JSON"):
        read("prod", tmp_path)


def test_a_file_that_is_no_text_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "prod.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=r"^prod\.json can.t be read: it is no JSON"):
        read("prod", tmp_path)


@pytest.mark.parametrize("content", [[], ["vault-is-locked"], "disabled", 1, None])
def test_a_file_that_is_no_object_is_refused(tmp_path: Path, content: Any) -> None:
    configure(tmp_path, content)
    with pytest.raises(ConfigurationError, match=r"^prod\.json is no JSON object of rules$"):
        read("prod", tmp_path)


@pytest.mark.parametrize(
    "setting",
    [
        "off",
        "Advisory",
        "remediate",
        "",
        None,
        True,
        0,
        ["advisory"],
        {"enforcementLevel": "off"},
        {"enforcementLevel": None},
        {"enforcementLevel": ["disabled"]},
        {"severity": "urgent"},
        {"severity": None},
        {"enforcementLevel": "mandatory", "severity": "Low"},
    ],
)
def test_a_setting_that_means_nothing_is_refused_with_its_rule_and_the_levels(
    tmp_path: Path, setting: Any
) -> None:
    configure(tmp_path, {"store-is-drilled": {"days": 14}, "vault-is-locked": setting})
    with pytest.raises(ConfigurationError) as refused:
        read("prod", tmp_path)
    message = str(refused.value)
    assert message.startswith("prod.json gives vault-is-locked ")
    assert "(advisory, disabled, mandatory)" in message
    assert "store-is-drilled" not in message


def test_settings_of_rules_that_exist_pass() -> None:
    check({"vault-is-locked": {"days": 30, "severity": "low"}}, {"vault-is-locked": ["days"]})
    check({}, {})


def test_parameters_that_a_rule_does_not_have_are_refused_all_at_once() -> None:
    configured = {"vault-is-locked": {"dayz": 1, "days": 2}, "store-has-history": {"x": 1}}
    with pytest.raises(
        ConfigurationError, match=r"no parameter of its rule: store-has-history\.x, vault-is-locked\.dayz$"
    ):
        check(configured, {"vault-is-locked": ["days"], "store-has-history": []})


def test_settings_of_rules_that_do_not_exist_are_refused_all_at_once() -> None:
    configured = {"vault-is-lokced": {}, "vault-is-locked": {}, "all": {"enforcementLevel": "disabled"}}
    with pytest.raises(ConfigurationError, match=r"names no rule of this pack: all, vault-is-lokced$"):
        check(configured, {"vault-is-locked": []})


def test_whatever_is_less_than_mandatory_relaxes_a_rule() -> None:
    configured = {
        "d": {"enforcementLevel": "disabled", "severity": "critical"},
        "c": {"enforcementLevel": "advisory"},
        "b": {"enforcementLevel": "mandatory"},
        "a": {"severity": "low", "days": 0},
        "nothing-said": {},
    }
    assert relaxed_rules(configured) == ["c", "d"]
    assert relaxed_rules({}) == []


def test_a_level_in_plain_text_relaxes_a_rule_too(tmp_path: Path) -> None:
    configure(tmp_path, {"c": "mandatory", "b": "disabled", "a": "advisory"})
    assert relaxed_rules(read("prod", tmp_path)) == ["a", "b"]
