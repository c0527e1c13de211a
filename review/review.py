"""A review: the plan of a stack, the policies' verdicts on it, and summaries of both."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from policies.facts.stores import DATA_DEPENDS_ON, may_hold_data
from policies.framework.closing_rules import CLOSING_RULES
from policies.framework.controls import Control, Framework
from policies.framework.rule import Rule
from policies.report import ReportedVerdict
from policies.rules import RULES
from review.comparison import BaseComparison, is_refusal

Judged = Literal["declared", "state", "live"]

_JUDGED: Final[Mapping[Judged, str]] = {
    "declared": "Judged: what the program declares.",
    "state": "Judged: the stack's state, which is what the engine noted at its last deployment or refresh. "
    "`./bulwark audit --live` judges what the vendors have now.",
    "live": "Judged: what the vendors have now.",
}

ChangeKind = Literal["created", "adopted", "changed", "replaced", "deleted"]

_CHANGES: Final[dict[str, ChangeKind]] = {
    "create": "created",
    "import": "adopted",
    "update": "changed",
    "replace": "replaced",
    "create-replacement": "replaced",
    "import-replacement": "replaced",
    "delete-replaced": "replaced",
    "delete": "deleted",
}
"""Operation of the engine -> change. The other operations (same, read, refresh) change nothing."""

_ENDS: Final = re.compile(r"error: (?:preview|update) failed")
"""A line that says no more than that something failed."""

_TAKES_DATA_ALONG: Final = DATA_DEPENDS_ON | {"neon:index/branch:Branch"}
_SEVERITIES: Final = ("critical", "high", "medium", "low")

RULES_BY_ID: Final[Mapping[str, Rule]] = {rule.id: rule for rule in (*RULES, *CLOSING_RULES)}


@dataclass(frozen=True)
class Step:
    """One resource that the plan changes."""

    change: ChangeKind
    urn: str
    properties: tuple[str, ...]
    """Names of the inputs that differ, without their values."""

    @property
    def loses_data(self) -> bool:
        """Whether it deletes or replaces a resource that holds data, or that access to data depends on."""
        token = type_of(self.urn)
        return self.change in {"replaced", "deleted"} and (may_hold_data(token) or token in _TAKES_DATA_ALONG)


@dataclass(frozen=True)
class StoreLoss:
    """What is left of a store if one thing is lost or hostile, in words."""

    thing: str
    """Its kind and name, such as `account aws 123456789012`."""

    store: str
    left: str
    """Names of the store and the copies that are left; empty if nothing is known to be."""


@dataclass(frozen=True)
class FrameworkSummary:
    """How many controls of a framework have verdicts, and the ids of those that are not met or waived."""

    framework: Framework
    controls: int
    unmet: tuple[str, ...]
    waived: tuple[str, ...]
    """Met but for what a waiver lets pass."""


@dataclass(frozen=True)
class Review:
    """The plan and the verdicts of one review or audit."""

    stack: str
    occasion: Literal["review", "audit"]
    judged: Judged
    steps: tuple[Step, ...]
    verdicts: tuple[ReportedVerdict, ...]
    evaluated: tuple[str, ...]
    """Ids of the rules that were evaluated."""

    loosened: tuple[str, ...]
    """Settings of the pack that demand less than the defaults."""

    waivers: tuple[dict[str, Any], ...]
    stores: tuple[dict[str, Any], ...]
    following: frozenset[tuple[str, str]] = frozenset()
    """Rule and URN of the verdicts that another one on the same resource is the cause of."""

    expendable: tuple[str, ...] = ()
    """URNs of the stores that the program declares to hold nothing of value."""

    stopped: str = ""
    """The engine's output if it stopped before the policies; else empty."""

    comparison: BaseComparison | None = None
    """The comparison with the base; None for an audit."""

    @property
    def judged_sentence(self) -> str:
        """A sentence for people that says what the policies judged."""
        return _JUDGED[self.judged]

    @property
    def stop_cause(self) -> str:
        """The line of the engine's output that says why it stopped."""
        lines = [line.strip() for line in self.stopped.splitlines() if line.strip()]
        causes = [line for line in lines if line.startswith("error:") and not _ENDS.fullmatch(line)]
        return next(iter(causes or lines), "").removeprefix("error:").strip()

    @property
    def refusals(self) -> list[ReportedVerdict]:
        """The verdicts that refuse the deploy: violated or undecided, and not advisory."""
        return [verdict for verdict in self.shown if is_refusal(verdict)]

    @property
    def shown(self) -> list[ReportedVerdict]:
        """The verdicts without those that another one on the same resource is the cause of."""
        return [verdict for verdict in self.verdicts if (verdict.rule, verdict.urn) not in self.following]

    @property
    def losses(self) -> list[Step]:
        return [step for step in self.steps if step.loses_data]

    @property
    def passes(self) -> bool:
        compared = self.comparison is None or self.comparison.passes
        return not self.refusals and not self.stopped and compared

    @property
    def disabled(self) -> list[str]:
        """Ids of the rules that the stack's configuration disables."""
        return [] if self.stopped else sorted(set(RULES_BY_ID) - set(self.evaluated))

    def with_outcome(self, outcome: str) -> list[ReportedVerdict]:
        return [verdict for verdict in self.shown if verdict.outcome == outcome]

    def by_rule(self, outcome: str) -> dict[Rule, list[ReportedVerdict]]:
        """Return rule -> its verdicts with this outcome, the most severe rules first."""
        by_rule: dict[Rule, list[ReportedVerdict]] = {}
        for verdict in self.with_outcome(outcome):
            by_rule.setdefault(RULES_BY_ID[verdict.rule], []).append(verdict)
        return dict(
            sorted(by_rule.items(), key=lambda item: (_SEVERITIES.index(item[1][0].severity), item[0].id))
        )

    def counts(self) -> dict[ChangeKind, int]:
        """Return the number of resources per change."""
        return dict(Counter(step.change for step in self.steps))

    def matrix(self) -> list[dict[str, Any]]:
        """Return one row per verdict: rule, resource, controls and outcome."""
        return [
            {
                "rule": verdict.rule,
                "resource": verdict.urn,
                "controls": [str(control) for control in RULES_BY_ID[verdict.rule].controls],
                "outcome": verdict.outcome,
            }
            for verdict in self.verdicts
        ]

    def by_control(self) -> dict[str, Counter[str]]:
        """Return control -> the number of verdicts per outcome of its rules."""
        by_control: dict[str, Counter[str]] = {}
        for row in self.matrix():
            for control in row["controls"]:
                by_control.setdefault(control, Counter())[row["outcome"]] += 1
        return dict(sorted(by_control.items()))

    def by_framework(self) -> list[FrameworkSummary]:
        """Return a summary of each framework."""
        by_control = self.by_control()

        def summarize(framework: Framework) -> FrameworkSummary:
            judged = {
                control.id: by_control[str(control)]
                for control in Control
                if control.framework is framework and str(control) in by_control
            }
            unmet = [name for name, found in judged.items() if found["violated"] + found["undecided"]]
            waived = [name for name, found in judged.items() if found["waived"] and name not in unmet]
            return FrameworkSummary(framework, len(judged), tuple(unmet), tuple(waived))

        return [summarize(framework) for framework in Framework]

    def losses_of_stores(self) -> list[StoreLoss]:
        """Return what is left of each store, by what is lost."""
        rows = [(loss, store) for store in self.stores for loss in store["losses"]]
        rows.sort(key=lambda row: (row[0]["kind"], row[0]["name"]))
        return [
            StoreLoss(
                f"{loss['kind']} {loss['name']}",
                name_of(store["urn"]),
                ", ".join(
                    [*map(name_of, loss["left"]), *(f"{name_of(urn)} (not known)" for urn in loss["unknown"])]
                ),
            )
            for loss, store in rows
        ]

    def document(self) -> dict[str, Any]:
        """Return the JSON document of the review. It contains no property's value."""
        return {
            "schema": "bulwark-review-1",
            "stack": self.stack,
            "occasion": self.occasion,
            "judged": self.judged,
            "passes": self.passes,
            "stopped": self.stopped,
            "base": self.comparison and self.comparison.document(),
            "plan": {
                "counts": self.counts(),
                "steps": [
                    {
                        "change": step.change,
                        "urn": step.urn,
                        "properties": list(step.properties),
                        "loses_data": step.loses_data,
                    }
                    for step in self.steps
                ],
            },
            "rules": {"asked": list(self.evaluated), "off": self.disabled, "loosened": list(self.loosened)},
            "verdicts": [vars(verdict) for verdict in self.verdicts],
            "waivers": list(self.waivers),
            "expendable": list(self.expendable),
            "matrix": self.matrix(),
            "recovery": list(self.stores),
        }


def build(
    stack: str,
    occasion: Literal["review", "audit"],
    *,
    judged: Judged = "declared",
    steps: Iterable[Mapping[str, Any]] = (),
    report: Mapping[str, Any] | None,
    stopped: str = "",
    comparison: BaseComparison | None = None,
) -> Review:
    """
    Build a review.

    Args:
        stack: The stack's name.
        occasion: A review is of the program; an audit is of what is deployed.
        judged: What the policies judged.
        steps: The engine's steps: operation, URN, and names of the inputs that differ.
        report: The report of the policies (policies/report.py); None if they were not evaluated.
        stopped: The engine's output if it stopped before the policies.
        comparison: The comparison with the base, of a review.
    """
    report = report or {"evaluated": [], "loosened": [], "verdicts": [], "waivers": [], "stores": []}
    return Review(
        stack=stack,
        occasion=occasion,
        judged=judged,
        steps=tuple(_merge_steps(steps)),
        verdicts=tuple(ReportedVerdict(**verdict) for verdict in report["verdicts"]),
        evaluated=tuple(report["evaluated"]),
        loosened=tuple(report["loosened"]),
        waivers=tuple(report["waivers"]),
        stores=tuple(report["stores"]),
        expendable=tuple(report.get("expendable", ())),
        following=frozenset((one["rule"], one["urn"]) for one in report.get("following", ())),
        stopped=stopped,
        comparison=comparison,
    )


def _merge_steps(events: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Return one step per resource. The engine reports a replacement as three steps."""
    merged: dict[str, Step] = {}
    for event in events:
        change, urn = _CHANGES.get(event["op"]), event["urn"]
        if not change or type_of(urn).startswith("pulumi:"):
            continue
        previous = merged.get(urn)
        properties = tuple(event["properties"]) or (previous.properties if previous else ())
        merged[urn] = Step("replaced" if previous else change, urn, properties)
    return list(merged.values())


def name_of(urn: str) -> str:
    """Return a resource's name; `the stack` without a URN."""
    return urn.rpartition("::")[2] or "the stack"


def type_of(urn: str) -> str:
    """Return a resource's type token. A URN has the types of the parents before it."""
    return urn.split("::")[2].rpartition("$")[2] if urn.count("::") >= 3 else ""


def kind_of(urn: str) -> str:
    """Return a type's short name, such as `Bucket`."""
    return type_of(urn).rpartition(":")[2]
