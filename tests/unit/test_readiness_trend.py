"""What a report says of earlier ones: the score, what is new or fixed, and since when something fails."""

from datetime import datetime, timedelta

import pytest
from readiness_reports import NOW, outcomes

from core.console import PrintableConsole
from readiness import terminal
from readiness.markdown import render_markdown
from readiness.page import render_page
from readiness.results import Readiness
from readiness.trend import ReadinessTrend, compare, describe_trend


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def earlier(*reports: Readiness) -> list[tuple[datetime, Readiness]]:
    return [(one.looked_at, one) for one in reports]


def test_a_finding_is_new_or_open_since_the_first_report_in_a_row_that_had_it() -> None:
    found = compare(
        outcomes(new="failed", open="failed", again="failed", gap="failed", old="failed", good="passed"),
        earlier(
            outcomes(days_ago(1), open="failed", again="failed", gap="not_looked_at", old="failed"),
            outcomes(days_ago(2), open="failed", again="passed", gap="failed", old="failed"),
            outcomes(days_ago(3), open="passed", again="failed", gap="passed", old="failed"),
        ),
    )
    assert {one.id: (one.is_new, one.since, one.is_older) for one in found.findings} == {
        "new": (True, NOW, False),
        "open": (False, days_ago(2), False),
        "again": (False, days_ago(1), False),
        "gap": (False, days_ago(2), False),
        "old": (False, days_ago(3), True),
    }


def test_what_failed_and_passes_is_fixed_and_what_is_not_looked_at_is_not() -> None:
    before = outcomes(days_ago(1), mended="failed", hidden="failed", removed="failed")
    found = compare(outcomes(mended="passed", hidden="not_looked_at"), earlier(before))
    assert found.fixed == ("mended",)


def test_the_score_is_compared_with_the_report_before() -> None:
    worse, better = outcomes(days_ago(1), one="failed", two="passed"), outcomes(one="passed", two="passed")
    assert compare(better, earlier(worse)).score_change == 50
    assert compare(worse, earlier(outcomes(days_ago(2), one="passed"))).score_change == -50
    assert compare(better, earlier(outcomes(days_ago(1), one="not_looked_at"))).score_change is None


def test_a_report_is_compared_with_earlier_ones_alone() -> None:
    later, own = outcomes(NOW + timedelta(days=1), one="passed"), outcomes(one="failed")
    found = compare(own, earlier(later, own))
    assert (found.reports, found.findings, found.score_change) == ((), (), None)


def test_an_empty_history_and_an_unread_one_are_told_apart() -> None:
    found = outcomes(one="failed")
    assert describe_trend(compare(found, []), found) == "There is no earlier report to compare with."
    unread = describe_trend(ReadinessTrend(unknown="The vault does not answer."), found)
    assert "Nobody knows what moved" in unread
    assert "The vault does not answer." in unread


def test_every_form_of_a_report_shows_what_moved(capsys: pytest.CaptureFixture[str]) -> None:
    found = outcomes(fresh="failed", stale="failed", mended="passed")
    trend = compare(
        found,
        earlier(
            outcomes(days_ago(1), fresh="passed", stale="failed", mended="failed"),
            outcomes(days_ago(12), fresh="passed", stale="failed", mended="passed"),
            outcomes(days_ago(13), stale="passed"),
        ),
    )
    terminal.show(found, trend, PrintableConsole(width=80))
    shown = (capsys.readouterr().out, render_markdown(found, trend), render_page(found, trend))
    for text in shown:
        line = " ".join(text.split())
        assert "Since the report of 24 h earlier: the same score; new: fresh; fixed: mended." in line
        assert "open for 12 d" in line
        assert "new" in line.partition("fresh")[2]
