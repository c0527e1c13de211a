"""What moved between a report and earlier ones: the score, new findings and fixed ones, and since when."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from core.moment import Moment
from readiness.results import CheckOutcome, Readiness, ReadinessModel, ReadinessVerdict
from status.assessment import rough


class EarlierReport(ReadinessModel):
    """An earlier report in short."""

    id: str
    at: Moment
    """By the vault's clock at the latest."""

    verdict: ReadinessVerdict
    score: int | None
    failed: int
    """How many checks failed."""


class OpenFinding(ReadinessModel):
    """Since when a check that fails has failed."""

    id: str
    since: Moment
    """When the first report in a row was made that found it; a report that did not look ends no row."""

    is_new: bool
    """Whether the earlier reports did not find it."""

    is_older: bool
    """Whether the oldest report that was read found it as well, so that it may be open for longer."""


class ReadinessTrend(ReadinessModel):
    """What moved since earlier reports of the same stack that count."""

    unknown: str = ""
    """Why the earlier reports could not be read; empty if they were."""

    reports: tuple[EarlierReport, ...] = ()
    """The newest first."""

    score_change: int | None = None
    """Percentage points since the report before this one; None where one of both has no score."""

    findings: tuple[OpenFinding, ...] = ()
    """Of each check that failed, in the order of the report's findings."""

    fixed: tuple[str, ...] = ()
    """Ids of the checks that failed in the report before this one, and passed now."""

    def find(self, check: str) -> OpenFinding | None:
        """Return the finding of a check; None where nothing is known of it, or it did not fail."""
        return next((one for one in self.findings if one.id == check), None)


def compare(readiness: Readiness, earlier: Iterable[tuple[datetime, Readiness]]) -> ReadinessTrend:
    """
    Return what moved.

    Args:
        readiness: The report.
        earlier: When each earlier one was made, with the report, the newest first. Others are left out.
    """
    before = [(at, one) for at, one in earlier if one.id != readiness.id and at < readiness.looked_at]
    previous = before[0][1] if before else None
    return ReadinessTrend(
        reports=tuple(
            EarlierReport(id=one.id, at=at, verdict=one.verdict, score=one.score, failed=len(one.findings))
            for at, one in before
        ),
        score_change=None
        if previous is None or previous.score is None or readiness.score is None
        else readiness.score - previous.score,
        findings=tuple(_date(check.id, readiness, before) for check in readiness.findings) if before else (),
        fixed=tuple(_list_fixed(readiness, previous)) if previous else (),
    )


def _date(check: str, readiness: Readiness, before: Sequence[tuple[datetime, Readiness]]) -> OpenFinding:
    since, is_older = readiness.looked_at, True
    for at, report in before:
        outcome = _outcome_of(check, report)
        if outcome == "failed":
            since = at
        elif outcome == "passed":
            is_older = False
            break
    is_new = since == readiness.looked_at
    return OpenFinding(id=check, since=since, is_new=is_new, is_older=is_older and not is_new)


def _list_fixed(readiness: Readiness, previous: Readiness) -> Iterator[str]:
    for finding in previous.findings:
        if _outcome_of(finding.id, readiness) == "passed":
            yield finding.id


def _outcome_of(check: str, report: Readiness) -> CheckOutcome | None:
    return next((one.outcome for one in report.checks if one.id == check), None)


def describe_trend(trend: ReadinessTrend, readiness: Readiness) -> str:
    """Return in one or two sentences what moved since the report before this one."""
    if trend.unknown:
        return f"Nobody knows what moved: the earlier reports could not be read. {trend.unknown}"
    if not trend.reports:
        return "There is no earlier report to compare with."
    ago = rough((readiness.looked_at - trend.reports[0].at).total_seconds())
    new = [one.id for one in trend.findings if one.is_new]
    parts = [
        _describe_score(trend.score_change),
        f"new: {', '.join(new)}" if new else "nothing new failed",
        f"fixed: {', '.join(trend.fixed)}" if trend.fixed else "nothing was fixed",
    ]
    return f"Since the report of {ago} earlier: {'; '.join(parts)}."


def _describe_score(change: int | None) -> str:
    if change is None:
        return "one of both has no score"
    return f"score {change:+d} %" if change else "the same score"


def describe_age(trend: ReadinessTrend | None, check: str, readiness: Readiness) -> str:
    """Return since when a check fails, as ` (open for 12 d)` or ` (new)`; empty where it is not known."""
    finding = trend.find(check) if trend else None
    if not finding:
        return ""
    if finding.is_new:
        return " (new)"
    seconds = (readiness.looked_at - finding.since).total_seconds()
    return f" (open for {'at least ' if finding.is_older else ''}{rough(seconds)})"
