"""The report as Markdown, for a job's summary or a pull request."""

from collections.abc import Iterator
from typing import Final

from readiness.results import CheckOutcome, CheckResult, Readiness
from readiness.trend import ReadinessTrend, describe_age, describe_trend

_BOXES: Final[dict[CheckOutcome, str]] = {"passed": "[x]", "failed": "[ ]", "not_looked_at": "[ ]"}
_FEW_VALUES: Final = 4


def render_markdown(readiness: Readiness, trend: ReadinessTrend | None = None) -> str:
    """Return the report: verdict, what moved, scores, findings, and the checklist with its evidence."""
    return "\n".join(_lines(readiness, trend))


def _lines(readiness: Readiness, trend: ReadinessTrend | None) -> Iterator[str]:
    score = f", {readiness.score} %" if readiness.score is not None else ""
    yield f"## Readiness of `{readiness.stack}`: {readiness.verdict.replace('_', ' ')}{score}"
    yield ""
    yield f"{_escape(readiness.sentence)} {readiness.looked_at:%Y-%m-%d %H:%M:%S} UTC."
    yield ""
    if readiness.place == "twin":
        yield "It ran on the twin: it shows that the checks work, and nothing of production."
        yield ""
    if trend:
        yield _escape(describe_trend(trend, readiness))
        yield ""
    yield "| area | score | explained |"
    yield "|---|---|---|"
    for area in readiness.areas:
        shown = "-" if area.score is None else f"{area.score} %"
        yield f"| {area.title} | {shown} | {_escape(area.explanation)} |"
    yield ""
    if readiness.findings:
        yield "### Findings"
        yield ""
        for check in readiness.findings:
            since = describe_age(trend, check.id, readiness)
            yield f"- **{check.priority}** `{check.id}`{since}: {_escape('; '.join(check.problems))}. "
            yield f"  Risk: {_escape(check.risk)} Fix: {_escape(check.fix)}"
        yield ""
    for area in readiness.areas:
        yield f"### {area.title}"
        yield ""
        yield from (_describe(check) for check in readiness.checks if check.area == area.area)
        yield ""


def _describe(check: CheckResult) -> str:
    line = f"- {_BOXES[check.outcome]} `{check.id}` {_escape(check.title)}"
    if check.outcome == "not_looked_at":
        return f"{line}. Not looked at: {_escape(check.reason)}"
    shown = "; ".join(f"{one.what}: {one.value}" for one in check.measured[:_FEW_VALUES])
    more = len(check.measured) - _FEW_VALUES
    return f"{line} ({_escape(shown)}{f'; and {more} more' if more > 0 else ''})"


def _escape(text: str) -> str:
    """Return a text in one line in which nothing is Markdown or HTML."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    for sign in "`*_[]":
        escaped = escaped.replace(sign, f"\\{sign}")
    return " ".join(escaped.split())
