"""The rules that are judged after all others. Evaluation judges the two about exceptions itself."""

import json
from collections.abc import Mapping
from typing import Any, Final

from pulumi_policy import Severity

from core.text import printable
from policies.framework.controls import Control
from policies.framework.inputs_stay_managed import RULE as INPUTS_STAY_MANAGED
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Rule
from policies.framework.stack import PolicyStack, Resource

_CONTROLS: Final = (Control.SOC_CC8_1, Control.ISO_A_8_9, Control.NIST_CM_3)
_SEVERITIES: Final = ("low", "medium", "high", "critical")
_MOST_CHARACTERS: Final = 200


def find_loosened(rule: Rule, configured: Mapping[str, Any]) -> list[str]:
    """Return a rule's settings that demand less than the defaults, as `key-rotates.maximum_days = 999`."""
    values = dict(rule.resolve_parameters(configured))
    loosened = [
        parameter.name for parameter in rule.parameters if parameter.is_loosened(values[parameter.name])
    ]
    values["severity"] = configured.get("severity", rule.severity.value)
    if _SEVERITIES.index(values["severity"]) < _SEVERITIES.index(rule.severity.value):
        loosened.append("severity")
    return [printable(f"{rule.id}.{name} = {_write(values[name])}")[:_MOST_CHARACTERS] for name in loosened]


def _write(value: Any) -> str:
    # The engine hands every number over as a float.
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)


def find_production(stack: PolicyStack) -> list[Resource]:
    """Return what says that the stack is production, or may be: one resource for all that it has."""
    return stack.view(_find_production)


def _find_production(stack: PolicyStack) -> list[Resource]:
    return [
        resource
        for resource in stack.resources  # sorted by URN, so that it is always the same one
        if resource.is_component and resource.at("environment") in (Known("production"), Unknown())
    ][:1]


SETTINGS_ONLY_TIGHTEN: Final = Rule(
    id="settings-only-tighten",
    title="In production no setting of the pack demands less than its default",
    violated="is judged by less than the defaults",
    severity=Severity.CRITICAL,
    risk="A limit that nothing exceeds is a rule that is off, and nobody sees that it is.",
    fix="Take the setting out of policies/config, or let an entry of policies/waivers.yaml say why and until "
    "when: its `setting` is what stands here.",
    controls=_CONTROLS,
    subjects=find_production,
    judge=lambda *_: (),
)

WAIVERS_ARE_VALID: Final = Rule(
    id="waivers-are-valid",
    title="Every waiver is complete, in force, and waives a violation that is there",
    violated="has bad waivers",
    severity=Severity.HIGH,
    risk="An exception that nobody reviews any more hides the next problem at the same place.",
    fix="Correct or remove the entry in policies/waivers.yaml; a new term needs a new ticket.",
    controls=_CONTROLS,
    subjects=lambda _: (),
    judge=lambda *_: (),
    waivable=False,
)

CLOSING_RULES: Final = (SETTINGS_ONLY_TIGHTEN, INPUTS_STAY_MANAGED, WAIVERS_ARE_VALID)
