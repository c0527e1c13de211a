"""What a pull request shows: the plan, and what the policies say of it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from policies.facts.stores import GO_WITH_DATA, is_store
from policies.framework.controls import Control, Framework
from policies.framework.rule import Rule
from policies.rules import RULES
from policies.rules.waivers_are_valid import RULE as WAIVERS_ARE_VALID

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
"""The engine's operations; the others (same, read, refresh) change nothing."""

_TAKES_DATA_ALONG: Final = GO_WITH_DATA | {"neon:index/branch:Branch"}
_SEVERITIES: Final = ("critical", "high", "medium", "low")

RULES_BY_ID: Final[Mapping[str, Rule]] = {rule.id: rule for rule in (*RULES, WAIVERS_ARE_VALID)}


@dataclass(frozen=True)
class Step:
    """One resource that the plan touches."""

    change: ChangeKind
    urn: str
    properties: tuple[str, ...]
    """Names of the inputs that differ; never their values."""

    @property
    def loses_data(self) -> bool:
        """Whether data would be lost with what is deleted or replaced."""
        token = type_of(self.urn)
        return self.change in {"replaced", "deleted"} and (is_store(token) or token in _TAKES_DATA_ALONG)


@dataclass(frozen=True)
class ReviewedVerdict:
    """What one rule says of one resource (empty: of the stack)."""

    rule: str
    urn: str
    outcome: Literal["passed", "violated", "undecided", "waived"]
    severity: Literal["critical", "high", "medium", "low"]
    """How much it matters to this stack."""

    advisory: bool
    """Whether this stack only wants to hear of it."""

    message: str
    expires: str
    """The day after which a waiver no longer counts; empty without one."""

    @property
    def weight(self) -> str:
        """Severity in words, and whether it refuses anything."""
        return f"{self.severity}, advisory in this stack" if self.advisory else self.severity

    @property
    def what(self) -> str:
        """The finding alone; risk and fix are the rule's."""
        return self.message.partition("\nRisk: ")[0]


@dataclass(frozen=True)
class Review:
    """Everything that there is to say; `stopped` is what kept the engine from asking the policies."""

    stack: str
    occasion: Literal["review", "audit"]
    steps: tuple[Step, ...]
    verdicts: tuple[ReviewedVerdict, ...]
    heard: tuple[str, ...]
    """The rules that were asked."""

    waivers: tuple[dict[str, Any], ...]
    stores: tuple[dict[str, Any], ...]
    stopped: str = ""

    @property
    def refusals(self) -> list[ReviewedVerdict]:
        """What refuses the deploy: violations, and what could not be decided."""
        return [one for one in self.verdicts if one.outcome in {"violated", "undecided"} and not one.advisory]

    @property
    def losses(self) -> list[Step]:
        return [step for step in self.steps if step.loses_data]

    @property
    def passes(self) -> bool:
        return not self.refusals and not self.stopped

    @property
    def off(self) -> list[str]:
        """The rules that the stack's configuration switches off."""
        return [] if self.stopped else sorted(set(RULES_BY_ID) - set(self.heard))

    def of(self, outcome: str) -> list[ReviewedVerdict]:
        return [verdict for verdict in self.verdicts if verdict.outcome == outcome]

    def by_rule(self, outcome: str) -> dict[Rule, list[ReviewedVerdict]]:
        """Return rule -> its verdicts of this outcome; the most severe rules first."""
        found: dict[Rule, list[ReviewedVerdict]] = {}
        for verdict in self.of(outcome):
            found.setdefault(RULES_BY_ID[verdict.rule], []).append(verdict)
        return dict(
            sorted(found.items(), key=lambda item: (_SEVERITIES.index(item[1][0].severity), item[0].id))
        )

    def counts(self) -> dict[ChangeKind, int]:
        """Return how many resources are created, changed and so on."""
        return dict(Counter(step.change for step in self.steps))

    def matrix(self) -> list[dict[str, Any]]:
        """Return rule by resource by control, with its outcome."""
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
        """Return control -> how often its rules' looks ended how."""
        found: dict[str, Counter[str]] = {}
        for row in self.matrix():
            for control in row["controls"]:
                found.setdefault(control, Counter())[row["outcome"]] += 1
        return dict(sorted(found.items()))

    def by_framework(self) -> list[tuple[Framework, int, list[str]]]:
        """Return of each framework how many of its controls were looked at, and which are not met."""
        of_control = self.by_control()
        unmet = {
            name for name, outcomes in of_control.items() if outcomes["violated"] + outcomes["undecided"]
        }
        found: list[tuple[Framework, int, list[str]]] = []
        for framework in Framework:
            controls = [one for one in Control if one.framework is framework and str(one) in of_control]
            found.append((framework, len(controls), [one.id for one in controls if str(one) in unmet]))
        return found

    def document(self) -> dict[str, Any]:
        """Return it for --json; without a property's value anywhere."""
        return {
            "schema": "bulwark-review-1",
            "stack": self.stack,
            "occasion": self.occasion,
            "passes": self.passes,
            "stopped": self.stopped,
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
            "rules": {"asked": list(self.heard), "off": self.off},
            "verdicts": [vars(verdict) for verdict in self.verdicts],
            "waivers": list(self.waivers),
            "matrix": self.matrix(),
            "recovery": list(self.stores),
        }


def build(
    stack: str,
    occasion: Literal["review", "audit"],
    *,
    steps: Iterable[Mapping[str, Any]] = (),
    report: Mapping[str, Any] | None,
    stopped: str = "",
) -> Review:
    """Put together what the engine (its steps) and the policies (their report) told."""
    report = report or {"heard": [], "verdicts": [], "waivers": [], "stores": []}
    return Review(
        stack=stack,
        occasion=occasion,
        steps=tuple(_steps(steps)),
        verdicts=tuple(ReviewedVerdict(**verdict) for verdict in report["verdicts"]),
        heard=tuple(report["heard"]),
        waivers=tuple(report["waivers"]),
        stores=tuple(report["stores"]),
        stopped=stopped,
    )


def _steps(events: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Make one step of each resource; a replacement is told as three."""
    found: dict[str, Step] = {}
    for event in events:
        change, urn = _CHANGES.get(event["op"]), event["urn"]
        if not change or type_of(urn).startswith("pulumi:"):
            continue
        before = found.get(urn)
        properties = tuple(event["properties"]) or (before.properties if before else ())
        found[urn] = Step("replaced" if before else change, urn, properties)
    return list(found.values())


def name_of(urn: str) -> str:
    """Return what a person calls a resource."""
    return urn.rpartition("::")[2] or "the stack"


def type_of(urn: str) -> str:
    """Return a resource's type token; the URN holds its parents' before it."""
    return urn.split("::")[2].rpartition("$")[2] if urn.count("::") >= 3 else ""


def kind_of(urn: str) -> str:
    """Return a type's short name, such as `Bucket`."""
    return type_of(urn).rpartition(":")[2]
