"""How the verdicts of the base's policies and of the checkout's own differ, on the same preview."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from policies.report import ReportedVerdict
from review.base import ChangedFile


@dataclass(frozen=True)
class Difference:
    """One rule's verdict on one resource that is not the same at the base."""

    rule: str
    urn: str
    at_base: str
    """An outcome, `advisory` where it refuses nothing, or `not judged`."""

    here: str


@dataclass(frozen=True)
class LostSubjects:
    """A rule that judges resources by the base's policies, and none by the checkout's own."""

    rule: str
    at_base: int
    """Number of resources."""

    is_gone: bool
    """Whether the rule itself was removed or disabled."""


@dataclass(frozen=True)
class BaseComparison:
    """The comparison of a review with its base."""

    commit: str
    """Empty if it is not known."""

    files: tuple[ChangedFile, ...] = ()
    unknown: str = ""
    """Why the base's policies did not judge; empty if they did, or need not."""

    skipped: bool = False
    """Whether the caller wanted no base."""

    judged: bool = False
    """Whether the base's policies ran; they need not if they are the same."""

    refusals: tuple[ReportedVerdict, ...] = ()
    """What the base's policies refuse and the checkout's own do not."""

    differences: tuple[Difference, ...] = ()
    lost: tuple[LostSubjects, ...] = ()

    @property
    def passes(self) -> bool:
        return not self.unknown and not self.refusals

    @property
    def is_loud(self) -> bool:
        """Whether a person must look at it."""
        return bool(self.unknown or self.skipped or self.files or self.differences or self.lost)

    @property
    def short(self) -> str:
        return self.commit[:12]

    def files_by_guard(self) -> dict[str, list[ChangedFile]]:
        by_guard: dict[str, list[ChangedFile]] = {}
        for file in self.files:
            by_guard.setdefault(file.guard, []).append(file)
        return by_guard

    def document(self) -> dict[str, Any]:
        """Return the part of the review's JSON document."""
        return {
            "commit": self.commit,
            "asked": self.judged,
            "unknown": self.unknown,
            "skipped": self.skipped,
            "passes": self.passes,
            "files": [vars(file) for file in self.files],
            "refusals": [vars(verdict) for verdict in self.refusals],
            "rules_without_subjects": [vars(one) for one in self.lost],
            "differences": [vars(one) for one in self.differences],
        }


def compare(
    commit: str, files: Sequence[ChangedFile], *, base: Mapping[str, Any] | None, own: Mapping[str, Any]
) -> BaseComparison:
    """
    Compare two reports (policies/report.py) of the same preview.

    Args:
        commit: The base.
        files: The files that judge a change and differ.
        base: The report of the base's policies, or its `failed`; None if they wrote none.
        own: The report of the checkout's policies.
    """
    if base is None:
        return BaseComparison(commit, tuple(files), "its policies wrote no report")
    if "failed" in base:
        return BaseComparison(commit, tuple(files), f"its policies can't start: {base['failed']}")
    try:
        at_base = [_read_verdict(verdict) for verdict in base["verdicts"]]
        evaluated = set(own["evaluated"])
    except (KeyError, TypeError) as error:
        return BaseComparison(commit, tuple(files), f"its report has another format ({type(error).__name__})")
    here = [_read_verdict(verdict) for verdict in own["verdicts"]]
    refused_here = {(one.rule, one.urn) for one in here if is_refusal(one)}
    counts, own_counts = Counter(one.rule for one in at_base), Counter(one.rule for one in here)
    return BaseComparison(
        commit,
        tuple(files),
        judged=True,
        refusals=tuple(one for one in at_base if is_refusal(one) and (one.rule, one.urn) not in refused_here),
        differences=tuple(_list_differences(at_base, here)),
        lost=tuple(
            LostSubjects(rule, count, is_gone=rule not in evaluated)
            for rule, count in sorted(counts.items())
            if not own_counts[rule]
        ),
    )


def is_refusal(verdict: ReportedVerdict) -> bool:
    """Tell whether a verdict refuses the deploy: violated or undecided, and not advisory."""
    return verdict.outcome in {"violated", "undecided"} and not verdict.advisory


def _read_verdict(document: Mapping[str, Any]) -> ReportedVerdict:
    """Return a verdict of a report, which may be another version's with more fields."""
    return ReportedVerdict(**{field.name: document[field.name] for field in fields(ReportedVerdict)})


def _list_differences(
    at_base: Sequence[ReportedVerdict], here: Sequence[ReportedVerdict]
) -> list[Difference]:
    before = {(one.rule, one.urn): _effect(one) for one in at_base}
    after = {(one.rule, one.urn): _effect(one) for one in here}
    return [
        Difference(*key, before.get(key, "not judged"), after.get(key, "not judged"))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _effect(verdict: ReportedVerdict) -> str:
    return f"{verdict.outcome}, advisory" if verdict.advisory else verdict.outcome
