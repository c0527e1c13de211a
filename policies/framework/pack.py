"""Rules as the policies of an SDK pack."""

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
from policies.framework.configuration import Configuration
from policies.framework.controls import Control
from policies.framework.drill_history import Drills
from policies.framework.evaluation import Evaluation, Outcome, Verdict
from policies.framework.rule import Rule
from policies.rules.waivers_are_valid import RULE as WAIVERS_ARE_VALID


class Pack:
    """The rules, and the judgement under way: it starts when the engine sends the stack."""

    def __init__(
        self,
        rules: Iterable[Rule],
        *,
        today: date,
        waivers_file: Path = waivers.FILE,
        configured: Configuration | None = None,
        drills: Drills | None = None,
    ) -> None:
        """Take the day (UTC) on which waivers are read, what the stack sets otherwise, and its drills."""
        self.drills = drills
        self.rules = tuple(rules)
        self.judgement: Evaluation
        waivable = {rule.id: rule.waivable for rule in self.rules}
        self.waivers = waivers.read(waivers_file, today=today, rules=waivable)
        self._configured = configured or {}

    @property
    def initial_configuration(self) -> dict[str, Any]:
        """What the stack sets otherwise, as the SDK takes it."""
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
        One stack policy per rule, then one on the waivers, then one that shows what they waive.

        All but the last are mandatory.
        """
        return [
            *(self._policy(rule, lambda args, rule=rule: self._refusals(rule, args)) for rule in self.rules),
            self._policy(
                WAIVERS_ARE_VALID,
                lambda args: self.judgement.evaluate_waivers(WAIVERS_ARE_VALID, args.get_config()),
            ),
            StackValidationPolicy(
                "waived",
                "Shows what waivers let pass, and until when.",
                _reporting(lambda _: [found for found in self.judgement.verdicts if found.waiver]),
                EnforcementLevel.ADVISORY,
            ),
        ]

    def _refusals(self, rule: Rule, args: StackValidationArgs) -> list[Verdict]:
        found = self.judgement.evaluate(rule, args.get_config())
        return [verdict for verdict in found if verdict.outcome is not Outcome.WAIVED]

    def _policy(self, rule: Rule, judge: Callable[[StackValidationArgs], list[Verdict]]) -> Policy:
        primary = rule.controls[0]
        name, version = primary.framework.value
        return StackValidationPolicy(
            rule.id,
            rule.title,
            _reporting(judge),
            EnforcementLevel.MANDATORY,
            config_schema=_schema(rule),
            severity=rule.severity,
            framework=PolicyComplianceFramework(name, version, specification=primary.id),
            tags=[_tag(control) for control in rule.controls],
            remediation_steps=rule.fix,
        )


def _reporting(judge: Callable[[StackValidationArgs], list[Verdict]]) -> Any:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for verdict in judge(args):
            if verdict.reasons:
                report(verdict.message, verdict.resource.urn if verdict.resource else None)

    return validate


def _schema(rule: Rule) -> PolicyConfigSchema:
    properties: dict[str, Any] = {
        parameter.name: {**parameter.schema, "default": parameter.default, "description": parameter.meaning}
        for parameter in rule.parameters
    }
    levels = [severity.value for severity in Severity]
    properties["severity"] = {"type": "string", "enum": levels, "default": rule.severity.value}
    return PolicyConfigSchema(properties)


def _tag(control: Control) -> str:
    return f"{control.framework}: {control.id}".lower().replace(" ", "-").replace(":-", ":")
