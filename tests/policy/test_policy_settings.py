"""Settings of the pack that demand less than the defaults: refused in production, but for a waiver each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml
from policy_harness import NO_WAIVERS, TODAY, UNKNOWN, Toy, servicer, stack_request
from pulumi.runtime.proto import analyzer_pb2

from policies import report
from policies.framework.closing_rules import SETTINGS_ONLY_TIGHTEN, WAIVERS_ARE_VALID
from policies.framework.evaluation import Evaluation
from policies.framework.rule import Parameter, Rule
from policies.rules import RULES

ACCOUNTS: Final = Toy("bulwark:index:Accounts", "accounts", {"environment": "production"})
PARAMETERS: Final = [(rule, parameter) for rule in RULES for parameter in rule.parameters]
_LEVELS: Final = ("low", "medium", "high", "critical")


def judge(
    rule: Rule, settings: Mapping[str, Any], *, where: Toy = ACCOUNTS, waivers_file: Path = NO_WAIVERS
) -> tuple[list[str], Evaluation]:
    """Return the diagnostics of one rule with these settings and of the rules about exceptions."""
    seen: list[Evaluation] = []
    server = servicer([rule], seen=seen, waivers_file=waivers_file)
    config = analyzer_pb2.PolicyConfig(enforcementLevel=analyzer_pb2.MANDATORY)
    config.properties.update(settings)
    server.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig={rule.id: config}), None)
    root = Toy("pulumi:pulumi:Stack", "bulwark-prod")
    diagnostics = server.AnalyzeStack(stack_request([root, where]), None).diagnostics
    exceptions = {SETTINGS_ONLY_TIGHTEN.id, WAIVERS_ARE_VALID.id}
    return [found.message for found in diagnostics if found.policyName in exceptions], seen[0]


def values_of(parameter: Parameter, *, looser: bool) -> list[Any]:
    """Return values that demand less than the default, or as much and more."""
    default = parameter.default
    match parameter.looser:
        case "higher":
            found = [default + 1, 10**9] if looser else [default, default - 1]
        case "lower":
            found = [default - 1, default - 0.1] if looser else [default, default + 1]
        case "more":
            allowed = parameter.schema["items"].get("enum", ["444455556666"])
            other = next(one for one in allowed if one not in default)
            found = [[*default, other], [other]] if looser else [default, [*reversed(default)]]
        case "fewer":
            found = [[], default[1:]] if looser else [default, [*default, "another"]]
        case "true":
            found = [True] if looser else [False]
        case "never":
            found = [] if looser else [default, ["acme:index/thing:Thing"]]
        case "other":
            found = [one for one in parameter.schema["enum"] if one != default] if looser else [default]
    for value in found:
        jsonschema.validate(value, parameter.schema)
    return found


@pytest.mark.parametrize(
    ("rule", "parameter"), PARAMETERS, ids=[f"{rule.id}.{parameter.name}" for rule, parameter in PARAMETERS]
)
def test_production_takes_a_parameter_that_demands_more_and_refuses_one_that_demands_less(
    rule: Rule, parameter: Parameter
) -> None:
    for value in values_of(parameter, looser=False):
        assert judge(rule, {parameter.name: value})[0] == [], value
    for value in values_of(parameter, looser=True):
        (text,) = judge(rule, {parameter.name: value})[0]
        assert (
            f"accounts (Accounts) is judged by less than the defaults: {rule.id}.{parameter.name} = " in text
        )


@pytest.mark.parametrize("rule", [RULES[0], *(rule for rule in RULES if rule.id == "vault-is-locked")])
def test_production_takes_no_lower_severity(rule: Rule) -> None:
    own = _LEVELS.index(rule.severity.value)
    for level in _LEVELS[:own]:
        (text,) = judge(rule, {"severity": level})[0]
        assert f'{rule.id}.severity = "{level}"' in text
    for level in _LEVELS[own:]:
        assert judge(rule, {"severity": level})[0] == []


LOCKED: Final = next(rule for rule in RULES if rule.id == "vault-is-locked")
SHORTER: Final = {"minimum_days": 7, "modes": ["GOVERNANCE"]}


@pytest.mark.parametrize(
    ("environment", "refused"), [("production", True), (UNKNOWN, True), ("staging", False), ("local", False)]
)
def test_each_looser_setting_is_reported_and_refused_in_what_may_be_production(
    environment: str, *, refused: bool
) -> None:
    where = Toy(ACCOUNTS.type, ACCOUNTS.name, {"environment": environment})
    texts, seen = judge(LOCKED, SHORTER, where=where)
    assert len(texts) == (2 if refused else 0)
    assert report.document(seen)["loosened"] == [
        'vault-is-locked.modes = ["GOVERNANCE"]',
        "vault-is-locked.minimum_days = 7",
    ]


def test_a_waiver_lets_one_value_of_one_setting_pass_and_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "waivers.yaml"
    entry = {
        "rule": SETTINGS_ONLY_TIGHTEN.id,
        "resource": ACCOUNTS.urn,
        "setting": "vault-is-locked.minimum_days = 7",
        "reason": "The vault's tiers are moved to another account",
        "owner": "operations",
        "ticket": "OPS-1",
        "created": TODAY,
        "expires": TODAY,
    }
    file.write_text(yaml.safe_dump([entry]))
    assert judge(LOCKED, {"minimum_days": 7}, waivers_file=file)[0] == []
    seen = judge(LOCKED, {"minimum_days": 7}, waivers_file=file)[1]
    assert [one["outcome"] for one in report.document(seen)["verdicts"] if one["urn"]] == ["waived"]
    for settings in ({"minimum_days": 6}, {"minimum_days": 30}, SHORTER):
        texts = " ".join(judge(LOCKED, settings, waivers_file=file)[0])
        assert ("minimum_days = 6" in texts) == (settings == {"minimum_days": 6})
        assert ("modes = " in texts) == (settings is SHORTER)
        unmatched = f"for {entry['setting']} matches no violation"
        assert (unmatched in texts) == (settings is not SHORTER)


def test_what_a_setting_says_can_not_reach_a_terminal_as_it_is() -> None:
    rule = next(rule for rule in RULES if rule.id == "provider-is-explicit")
    (text,) = judge(rule, {"packages_without_account": ["\x1b[2J" + "a" * 10_000]})[0]
    assert text.replace("\n", "").isprintable()
    assert len(text) < 1_000
