"""Evaluation of the pack on one stack: one verdict for each rule and each of its subjects."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi_policy import Severity

from policies.framework.closing_rules import find_loosened
from policies.framework.messages import Message, join_messages, message
from policies.framework.rule import Rule
from policies.framework.stack import PolicyStack, Resource
from policies.framework.waivers import NONE, Waivers, find_unmatched

if TYPE_CHECKING:
    from policies.framework.waiver_entry import Waiver


class Outcome(Enum):
    """The outcome of one rule for one resource."""

    PASSED = "passed"
    VIOLATED = "violated"
    UNDECIDED = "undecided"
    """It depends on something unknown. It refuses the deploy, as a violation does."""

    WAIVED = "waived"


@dataclass(frozen=True)
class Verdict:
    """One rule's verdict on one resource. Without a resource it is about the stack, or the rule crashed."""

    rule: Rule
    resource: Resource | None
    reasons: tuple[Message, ...]
    waiver: "Waiver | None" = None
    follows: str = ""
    """Id of the rule whose violation by the same resource is the cause, and is reported instead."""

    @property
    def outcome(self) -> Outcome:
        if not self.reasons:
            return Outcome.PASSED
        if self.waiver:
            return Outcome.WAIVED
        return Outcome.UNDECIDED if all(reason.undecided for reason in self.reasons) else Outcome.VIOLATED

    @property
    def message(self) -> str:
        """The message of the diagnostic."""
        rule, reasons = self.rule, join_messages(self.reasons)
        if self.resource:
            reasons = message("{it} " + rule.violated + ": {why}", it=self.resource, why=reasons)
        if waiver := self.waiver:
            terms = f"until {waiver.expires} ({waiver.ticket}, {waiver.owner})"
            return f"{rule.id} is WAIVED {terms}: {reasons.text}."
        return f"{reasons.text}.\nRisk: {rule.risk}\nFix: {rule.fix}"


class Evaluation:
    """All verdicts on one stack. The rules are evaluated one by one, then the waivers."""

    def __init__(self, stack: PolicyStack, waivers: Waivers = NONE, relaxed: Collection[str] = ()) -> None:
        """
        Begin without a verdict.

        Args:
            stack: The stack.
            waivers: The waivers.
            relaxed: Ids of the rules that are not mandatory in this stack.
        """
        self.stack = stack
        self._relaxed = frozenset(relaxed)
        self._refused: set[tuple[str, str]] = set()
        self.verdicts: list[Verdict] = []
        self.waivers = waivers
        self.severities: dict[str, Severity] = {}
        """Rule id -> its severity in this stack, for each evaluated rule. Disabled rules are missing."""

        self.loosened: list[str] = []
        """Settings of the evaluated rules that demand less than their defaults, as findings write them."""

        self.advisory: set[str] = set()
        """Ids of the rules that are violated and advisory in this stack."""

    def evaluate(self, rule: Rule, configured: Mapping[str, Any]) -> list[Verdict]:
        """Judge each subject of a rule, with the parameters of this stack."""
        self.severities[rule.id] = Severity(configured.get("severity", rule.severity))
        verdicts = self._judge_subjects(rule, configured)
        self.verdicts += verdicts
        return verdicts

    def evaluate_settings(self, rule: Rule, configured: Mapping[str, Any]) -> list[Verdict]:
        """Judge the settings of the pack, after all other rules; `rule` is the one about them."""
        self.severities[rule.id] = Severity(configured.get("severity", rule.severity))
        verdicts: list[Verdict] = []
        for subject in rule.subjects(self.stack):
            for setting in self.loosened:
                waiver = self.waivers.in_force.get((rule.id, subject.urn, setting))
                verdicts.append(Verdict(rule, subject, (Message(setting),), waiver))
            if not self.loosened:
                verdicts.append(Verdict(rule, subject, ()))
        self.verdicts += verdicts
        return verdicts

    def evaluate_waivers(self, rule: Rule, configured: Mapping[str, Any]) -> list[Verdict]:
        """Judge the waivers, after all rules; `rule` is the rule about waivers."""
        self.severities[rule.id] = Severity(configured.get("severity", rule.severity))
        roots = [root.urn.partition("::pulumi:pulumi:Stack::")[0] + "::" for root in self.stack.roots]
        used = [verdict.waiver.key for verdict in self.verdicts if verdict.waiver]
        reasons = (*self.waivers.problems, *find_unmatched(self.waivers, used, stacks=roots))
        verdict = Verdict(rule, None, reasons)
        self.verdicts.append(verdict)
        return [verdict]

    def _judge_subjects(self, rule: Rule, configured: Mapping[str, Any]) -> list[Verdict]:
        verdicts: list[Verdict] = []
        # A crash is a violation too: otherwise the engine would end with an exception that names no rule. The
        # exception's text is left out, as it could hold a secret.
        try:
            limits = rule.resolve_parameters(configured)
            self.loosened += find_loosened(rule, configured)
            for subject in rule.subjects(self.stack):
                reasons = tuple(rule.judge(subject, self.stack, limits))
                waiver = self.waivers.in_force.get((rule.id, subject.urn, "")) if reasons else None
                follows = "" if waiver else self._find_cause(subject, reasons)
                if reasons and not waiver and rule.id not in self._relaxed:
                    self._refused.add((rule.id, subject.urn))
                verdicts.append(Verdict(rule, subject, reasons, waiver, follows))
        except Exception as crash:  # noqa: BLE001 - whatever it is, it must not pass for "no violation"
            verdicts.append(Verdict(rule, None, (_describe_crash(rule, crash),)))
        return verdicts

    def _find_cause(self, subject: Resource, reasons: Iterable[Message]) -> str:
        """Return the rule that already refuses the subject for the cause of all these reasons; else ""."""
        causes = {reason.follows for reason in reasons}
        cause = causes.pop() if len(causes) == 1 else ""
        return cause if (cause, subject.urn) in self._refused else ""


def _describe_crash(rule: Rule, crash: Exception) -> Message:
    frame = crash.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    line = f", {Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else ""
    return Message(f"rule {rule.id} crashed ({type(crash).__name__}{line}) and decided nothing")
