"""Rules as the policies of an SDK pack."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies.resources import Stack
from policies.rule import Control, Rule


def policies(rules: Iterable[Rule]) -> list[Policy]:
    """
    Return one stack policy per rule, and before them one that takes down what each resource declares.

    The engine gives a stack policy outputs. A component's facts are inputs, and are gone there as soon as it
    registers outputs; what a provider will compute is unknown there even when the program never asked for it.
    """
    notebook = _Notebook()
    notes = ResourceValidationPolicy(
        "declared-inputs",
        "Takes down what every resource declares, for the other rules; refuses nothing.",
        notebook.take_down,
        EnforcementLevel.ADVISORY,
    )
    return [notes, *(_policy(rule, notebook) for rule in rules)]


class _Notebook:
    """What is known of the stack, shared by all rules."""

    def __init__(self) -> None:
        self._declared: dict[str, Mapping[str, Any]] = {}
        self._stack = Stack([], {})

    def take_down(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        del report
        self._declared[args.urn] = args.props

    def stack(self, args: StackValidationArgs) -> Stack:
        """Return the stack; with policies.decode_once only an operation's first policy is given resources."""
        if args.resources:
            self._stack = Stack(args.resources, self._declared)
        return self._stack


def _policy(rule: Rule, notebook: _Notebook) -> Policy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for urn, message in _judge(rule, notebook.stack(args)):
            report(message, urn)

    framework, primary = rule.controls[0].framework.value, rule.controls[0].id
    return StackValidationPolicy(
        rule.id,
        rule.title,
        validate,
        EnforcementLevel.MANDATORY,
        severity=rule.severity,
        framework=PolicyComplianceFramework(framework[0], framework[1], specification=primary),
        tags=[_tag(control) for control in rule.controls],
        remediation_steps=rule.fix,
    )


def _judge(rule: Rule, stack: Stack) -> Iterator[tuple[str | None, str]]:
    """
    Yield (URN, message) for each finding.

    A crash is one as well, for the engine would end with an exception that names no rule. Its text stays out,
    it could hold a secret. The SDK's own exceptions (unknown value, not applicable) are crashes too: they
    would turn the rule into a note.
    """
    try:
        for finding in rule.find(stack):
            message = f"{finding.text.words}.\nRisk: {rule.risk}\nFix: {rule.fix}"
            yield finding.resource.urn, message
    except Exception as crash:  # noqa: BLE001 - whatever it is, it must not pass for "no violation"
        where = crash.__traceback__
        while where and where.tb_next:
            where = where.tb_next
        line = f", {Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else ""
        yield None, f"rule {rule.id} crashed ({type(crash).__name__}{line}) and decided nothing"


def _tag(control: Control) -> str:
    name, version = control.framework.value
    return f"{name} {version}: {control.id}".lower().replace(" ", "-").replace(":-", ":")
