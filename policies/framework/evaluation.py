"""The pack's verdicts on one stack: every rule on each of its subjects."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi_policy import Severity

from policies.framework.messages import Text, listed, say
from policies.framework.rule import Rule
from policies.framework.stack import PolicyStack, Resource
from policies.framework.waivers import NONE, Waivers, unmatched

if TYPE_CHECKING:
    from policies.framework.waivers import Waiver


class Outcome(Enum):
    """How a rule's look at a resource ended."""

    PASSED = "passed"
    VIOLATED = "violated"
    UNDECIDED = "undecided"
    """Something unknown would decide. It refuses the deploy like a violation."""

    WAIVED = "waived"


@dataclass(frozen=True)
class Verdict:
    """What one rule says of one resource; without one where it is about the stack, or the rule crashed."""

    rule: Rule
    resource: Resource | None
    reasons: tuple[Text, ...]
    waiver: "Waiver | None" = None

    @property
    def outcome(self) -> Outcome:
        if not self.reasons:
            return Outcome.PASSED
        if self.waiver:
            return Outcome.WAIVED
        return Outcome.UNDECIDED if all(reason.undecided for reason in self.reasons) else Outcome.VIOLATED

    @property
    def message(self) -> str:
        """What a person reads."""
        rule, words = self.rule, listed(self.reasons).words
        if self.resource:
            words = say("{it} " + rule.violated + ": {why}", it=self.resource, why=Text(words)).words
        if self.waiver:
            waiver = self.waiver
            return f"{rule.id} is WAIVED until {waiver.expires} ({waiver.ticket}, {waiver.owner}): {words}."
        return f"{words}.\nRisk: {rule.risk}\nFix: {rule.fix}"


class Evaluation:
    """All verdicts on a stack, as its rules are heard one by one."""

    def __init__(self, stack: PolicyStack, waivers: Waivers = NONE) -> None:
        self.stack = stack
        self.verdicts: list[Verdict] = []
        self.waivers = waivers
        self.heard: dict[str, Severity] = {}
        """Each rule (its id) that was asked, and how much it matters to this stack; one that is off isn't."""

        self.advisory: set[str] = set()
        """Rules that found something and, in this stack, refuse nothing."""

    def evaluate(self, rule: Rule, configured: Mapping[str, Any]) -> list[Verdict]:
        """Let a rule judge each of its subjects, with the parameters of this stack."""
        self.heard[rule.id] = Severity(configured.get("severity", rule.severity))
        found = self._heard(rule, configured)
        self.verdicts += found
        return found

    def evaluate_waivers(self, rule: Rule, configured: Mapping[str, Any]) -> list[Verdict]:
        """Judge the waivers, after all rules; `rule` says what is demanded of them."""
        self.heard[rule.id] = Severity(configured.get("severity", rule.severity))
        root = self.stack.root
        prefix = root.urn.partition("::pulumi:pulumi:Stack::")[0] + "::" if root else "urn:"
        used = [verdict.waiver.key for verdict in self.verdicts if verdict.waiver]
        reasons = (*self.waivers.problems, *unmatched(self.waivers, used, stack=prefix))
        verdict = Verdict(rule, None, reasons)
        self.verdicts.append(verdict)
        return [verdict]

    def _heard(self, rule: Rule, configured: Mapping[str, Any]) -> list[Verdict]:
        found: list[Verdict] = []
        # A crash is a violation as well, for the engine would end with an exception that names no rule. Its
        # text stays out, it could hold a secret.
        try:
            limits = rule.limits(configured)
            for subject in rule.subjects(self.stack):
                reasons = tuple(rule.judge(subject, self.stack, limits))
                waiver = self.waivers.in_force.get((rule.id, subject.urn)) if reasons else None
                found.append(Verdict(rule, subject, reasons, waiver))
        except Exception as crash:  # noqa: BLE001 - whatever it is, it must not pass for "no violation"
            found.append(Verdict(rule, None, (_crashed(rule, crash),)))
        return found


def _crashed(rule: Rule, crash: Exception) -> Text:
    where = crash.__traceback__
    while where and where.tb_next:
        where = where.tb_next
    line = f", {Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else ""
    return Text(f"rule {rule.id} crashed ({type(crash).__name__}{line}) and decided nothing")
