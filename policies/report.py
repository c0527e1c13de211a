"""The report of an evaluation, for `./bulwark review` and `audit`: all verdicts and all recovery paths."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from policies.facts.expendable import Expendable
from policies.facts.losses import losses_of
from policies.facts.recovery_paths import recovery_paths_of
from policies.facts.stores import Stores, job_backed_stores
from policies.framework.evaluation import Evaluation, Outcome, Verdict

VARIABLE: Final = "BULWARK_POLICY_REPORT"
"""Names the file to write. Without it, no report is written."""


@dataclass(frozen=True)
class ReportedVerdict:
    """One rule's verdict on one resource, as plain data."""

    rule: str
    urn: str
    """Empty for a verdict about the stack."""

    outcome: Literal["passed", "violated", "undecided", "waived"]
    severity: Literal["low", "medium", "high", "critical"]
    """The rule's severity in this stack."""

    advisory: bool
    """Whether the rule is violated and advisory in this stack."""

    message: str
    """The verdict's message; empty if the rule passed."""

    expires: str
    """The last day of the waiver; empty without one."""

    @classmethod
    def of(cls, verdict: Verdict, evaluation: Evaluation) -> "ReportedVerdict":
        return cls(
            rule=verdict.rule.id,
            urn=verdict.resource.urn if verdict.resource else "",
            outcome=verdict.outcome.value,
            severity=evaluation.severities[verdict.rule.id].value,
            advisory=verdict.rule.id in evaluation.advisory,
            message=verdict.message if verdict.outcome is not Outcome.PASSED else "",
            expires=verdict.waiver.expires.isoformat() if verdict.waiver else "",
        )

    @property
    def severity_label(self) -> str:
        """The severity, and whether the rule is advisory."""
        return f"{self.severity}, advisory in this stack" if self.advisory else self.severity

    @property
    def finding(self) -> str:
        """The message without the rule's risk and fix."""
        return self.message.partition("\nRisk: ")[0]


def write(evaluation: Evaluation) -> None:
    """Write the report to the file that the environment names."""
    if path := os.environ.get(VARIABLE):
        Path(path).write_text(json.dumps(document(evaluation)))


def document(evaluation: Evaluation) -> dict[str, Any]:
    """Return the report, in a stable order. It contains no property's value."""
    stack = evaluation.stack
    # A vault is listed as a copy of what it holds.
    backed_up = job_backed_stores(stack)
    return {
        "evaluated": list(evaluation.severities),
        "loosened": list(evaluation.loosened),
        "verdicts": [vars(ReportedVerdict.of(verdict, evaluation)) for verdict in evaluation.verdicts],
        "expendable": sorted(store.urn for store in stack.view(Expendable).all),
        # What another finding on the same resource is the cause of; that one is shown instead.
        "following": [
            {"rule": verdict.rule.id, "urn": verdict.resource.urn, "cause": verdict.follows}
            for verdict in evaluation.verdicts
            if verdict.follows and verdict.resource
        ],
        "waivers": [waiver.model_dump(mode="json") for waiver in evaluation.waivers.in_force.values()],
        "stores": [
            {
                "urn": store.urn,
                "paths": [path.document() for path in recovery_paths_of(store, stack)],
                "losses": [loss.document() for loss in losses_of(store, stack)] if store in backed_up else [],
            }
            for store in stack.view(Stores).data
        ],
    }
