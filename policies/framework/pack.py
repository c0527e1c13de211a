"""Conversion of rules into the policies of Pulumi's policy SDK."""

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyConfigSchema,
    ReportViolation,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies.framework import waivers
from policies.framework.closing_rules import CLOSING_RULES, SETTINGS_ONLY_TIGHTEN, WAIVERS_ARE_VALID
from policies.framework.configuration import Configuration
from policies.framework.controls import Control
from policies.framework.drill_history import DrillHistory
from policies.framework.evaluation import Evaluation, Outcome, Verdict
from policies.framework.inputs_stay_managed import RULE as INPUTS_STAY_MANAGED
from policies.framework.rule import Rule


class Pack:
    """The rules and the waivers, and the evaluation of the stack that the engine sent last."""

    evaluation: Evaluation

    def __init__(
        self,
        rules: Iterable[Rule],
        *,
        today: date,
        waivers_file: Path = waivers.FILE,
        configured: Configuration | None = None,
        drill_history: DrillHistory | None = None,
    ) -> None:
        """
        Read the waivers.

        Args:
            rules: The rules of the pack, without the closing ones.
            today: The day in UTC, on which a waiver is in force or not.
            waivers_file: The file with the waivers.
            configured: The stack's configuration of the pack.
            drill_history: The drills of the stack's stores; None if they are unknown.
        """
        self.drill_history = drill_history
        self.rules = tuple(rules)
        waivable = {rule.id: rule.waivable for rule in (*self.rules, *CLOSING_RULES)}
        self.waivers = waivers.read(waivers_file, today=today, rules=waivable)
        self._configured = configured or {}

    @property
    def initial_configuration(self) -> dict[str, Any]:
        """The stack's configuration, as the SDK takes it."""
        return {
            rule: {
                name: EnforcementLevel(value) if name == "enforcementLevel" else value
                for name, value in settings.items()
            }
            for rule, settings in self._configured.items()
        }

    @property
    def policies(self) -> list[Policy]:
        """
        One stack policy per rule, then the closing ones, then one that shows what is waived.

        All but the last are mandatory.
        """
        return [
            *(
                self._make_policy(rule, lambda args, rule=rule: self._evaluate(rule, args))
                for rule in self.rules
            ),
            self._make_policy(
                SETTINGS_ONLY_TIGHTEN,
                lambda args: _select_shown(
                    self.evaluation.evaluate_settings(SETTINGS_ONLY_TIGHTEN, args.get_config())
                ),
            ),
            self._make_policy(INPUTS_STAY_MANAGED, lambda args: self._evaluate(INPUTS_STAY_MANAGED, args)),
            self._make_policy(
                WAIVERS_ARE_VALID,
                lambda args: self.evaluation.evaluate_waivers(WAIVERS_ARE_VALID, args.get_config()),
            ),
            StackValidationPolicy(
                "waived",
                "Shows what waivers let pass, and until when.",
                _make_validation(
                    lambda _: [verdict for verdict in self.evaluation.verdicts if verdict.waiver]
                ),
                EnforcementLevel.ADVISORY,
            ),
        ]

    def _evaluate(self, rule: Rule, args: StackValidationArgs) -> list[Verdict]:
        return _select_shown(self.evaluation.evaluate(rule, args.get_config()))

    def _make_policy(self, rule: Rule, evaluate: Callable[[StackValidationArgs], list[Verdict]]) -> Policy:
        primary = rule.controls[0]
        name, version = primary.framework.value
        return StackValidationPolicy(
            rule.id,
            rule.title,
            _make_validation(evaluate),
            EnforcementLevel.MANDATORY,
            config_schema=_make_schema(rule),
            severity=rule.severity,
            framework=PolicyComplianceFramework(name, version, specification=primary.id),
            tags=[_make_tag(control) for control in rule.controls],
            remediation_steps=rule.fix,
        )


def _select_shown(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return the verdicts without those that are shown as waived, or named by the finding of their cause."""
    return [verdict for verdict in verdicts if verdict.outcome is not Outcome.WAIVED and not verdict.follows]


def _make_validation(evaluate: Callable[[StackValidationArgs], list[Verdict]]) -> Any:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for verdict in evaluate(args):
            if verdict.reasons:
                report(verdict.message, verdict.resource.urn if verdict.resource else None)

    return validate


def _make_schema(rule: Rule) -> PolicyConfigSchema:
    properties: dict[str, Any] = {
        parameter.name: {**parameter.schema, "default": parameter.default, "description": parameter.meaning}
        for parameter in rule.parameters
    }
    levels = [severity.value for severity in Severity]
    properties["severity"] = {"type": "string", "enum": levels, "default": rule.severity.value}
    return PolicyConfigSchema(properties)


def _make_tag(control: Control) -> str:
    return f"{control.framework}: {control.id}".lower().replace(" ", "-").replace(":-", ":")
