"""Reports of a drill: a self-contained page with all of its evidence, good or bad, and a summary."""

import re
from datetime import timedelta

import pytest
from drill_evidence import NOW, drill, identity, scenario, times
from page_parser import Page

from recovery.drill import reports
from recovery.drill.evidence import Check, Drill, TeardownResult
from recovery.drill.reports import compute_trends, format_seconds
from recovery.vault.objects import ObjectInfo

FAILED = drill(
    scenario(
        error="the vault can't be reached",
        recovery_point=None,
        newest_change=None,
        phases=(),
        times={},
        checks=(
            Check(name="login", what="as app", expected="1", actual="", outcome="not_run", why="no role"),
        ),
        negative_control=None,
        teardown=(TeardownResult(name="drill-1", kind="stack", gone=False, proof="it is listed"),),
        deviations=("two answers of 503",),
    ),
    leftovers=("stack drill-0",),
)


def render_page(found: Drill, earlier: list[Drill] | None = None) -> Page:
    return Page(reports.render_html(found, earlier=earlier or []))


def weekly_drills(count: int) -> list[Drill]:
    return [
        drill(
            scenario(at=at, times=times(first_query=10.0 + week, verified=20, health=30)),
            at=at,
        )
        for week in range(1, count + 1)
        for at in [NOW - timedelta(days=7 * week)]
    ]


@pytest.mark.parametrize(
    "found", [drill(), FAILED, drill(scenario(), scenario("files", times=times(verified=5)))]
)
def test_the_page_needs_no_network_and_runs_nothing(found: Drill) -> None:
    source = reports.render_html(found, earlier=weekly_drills(3))
    read = Page(source)
    assert not read.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    assert not re.search(r"url\(|@import|javascript:", source)
    addresses = {value for name, value in read.attributes if name in {"href", "src"} and value[:1] != "#"}
    assert addresses <= {found.identity.run_url}
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in read.attributes


def test_the_page_shows_all_of_the_evidence() -> None:
    found = drill(scenario(deviations=("resumed after 503",)), leftovers=("stack drill-0",))
    text = render_page(found).text
    one, known = found.scenarios[0], found.identity
    assert one.recovery_point
    assert one.recovery_point.held
    assert one.negative_control
    assert text.startswith("Recovery drill of prod, 2030-01-15: passed")
    for part in (
        known.id,
        known.commit,
        known.run_url,
        known.actor,
        *known.versions.values(),
        *(control.id for control in known.controls),
        one.threat,
        one.recovery_point.id,
        one.recovery_point.held.key,
        one.recovery_point.held.version,
        one.recovery_point.held.sha256,
        "COMPLIANCE until 2030-02-14 04:23:00 UTC",
        one.recovery_point.skipped[0].why,
        "2030-01-15 02:20:57 UTC",
        "2 h 3 s",
        *(phase.name for phase in one.phases),
        *(text for check in one.checks for text in (check.name, check.what, check.expected, check.actual)),
        one.negative_control.damage,
        *one.negative_control.found,
        *(text for removed in one.teardown for text in (removed.name, removed.proof)),
        *(text for untested in one.not_tested for text in (untested.what, untested.why)),
        *one.deviations,
        *found.leftovers,
    ):
        assert part is not None
        assert part in text


def test_the_page_of_a_failed_drill_says_why_and_hides_nothing() -> None:
    text = render_page(FAILED).text
    assert "Failed" in text
    assert "Passed" not in text
    for part in (
        *FAILED.faults,
        "It broke off before its first phase ended.",
        "nothing: there was no recovery point",
        "not measured",
        "no role",
        "No damaged copy was tried",
        "still there",
        "two answers of 503",
        "stack drill-0",
    ):
        assert part in text


def test_the_page_says_that_a_vault_does_not_lock() -> None:
    point = scenario().recovery_point
    assert point
    assert point.held
    open_ = point.held.model_copy(update={"lock_mode": None, "locked_until": None})
    assert (
        "not locked , as read from the vault"
        in render_page(drill(scenario(recovery_point=point.model_copy(update={"held": open_})))).text
    )


def test_the_page_shows_the_key_and_version_of_the_evidence_in_the_vault() -> None:
    stored = ObjectInfo(
        key="evidence/drills/1.json",
        version="v1",
        bytes=1,
        modified=NOW,
        lock_mode="COMPLIANCE",
        locked_until=NOW + timedelta(days=30),
        replication=None,
        crc32=None,
        sha256=None,
    )
    text = Page(reports.render_html(drill(), stored=stored)).text
    assert "evidence/drills/1.json, version v1" in text
    assert "not asked when this page was made" in render_page(drill()).text


def test_the_reports_of_a_drill_on_the_twin_say_that_it_proves_nothing_of_production() -> None:
    found = drill(identity=identity(place="twin"))
    assert "nothing of how production's data comes back" in render_page(found).text
    assert "nothing of production's data" in reports.render_markdown(found)
    assert "on the twin" not in render_page(drill()).text


def test_hostile_text_is_escaped_in_the_page_and_the_summary() -> None:
    hostile = "<script>alert(1)</script>\n| `x` & more"
    check = Check(name=hostile, what=hostile, expected=hostile, actual=hostile, outcome="failed", why=hostile)
    found = drill(scenario(checks=(check,), error=hostile, threat=hostile), identity=identity(actor=hostile))
    assert "script" not in render_page(found).tags
    written = reports.render_markdown(found)
    assert "<script" not in written
    [row] = [line for line in written.splitlines() if line.startswith("| &lt;script>")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 5


def test_the_trend_compares_a_scenario_with_earlier_drills_of_the_same_stack_and_place() -> None:
    others = [
        drill(identity=identity(at, **other), at=at)
        for at in [NOW - timedelta(days=3)]
        for other in ({"stack": "local"}, {"place": "twin"})
    ]
    later = drill(scenario(at=NOW + timedelta(days=7)), at=NOW + timedelta(days=7))
    found = compute_trends(drill(), [later, *others, *weekly_drills(40)])["loss"]
    assert [one.title for one in found] == [
        "data lost",
        "until first query",
        "until verified",
        "until healthy",
    ]
    points = found[1].points
    assert [point.seconds for point in points] == [*[10.0 + week for week in range(25, 0, -1)], 48.1]
    assert points[-1].drill == drill().identity.id


def test_the_trend_shows_the_objective_where_it_does_not_flatten_everything() -> None:
    near = drill(scenario(times=times(first_query=300, verified=400, health=500)))
    first_query = compute_trends(near, [])["loss"][1]
    assert (first_query.shows_objective, first_query.scale_seconds) == (True, 900)
    first_query = compute_trends(drill(), [])["loss"][1]
    assert (first_query.shows_objective, first_query.scale_seconds) == (False, 48.1)
    assert "far above the chart" in render_page(drill(), weekly_drills(2)).text


def test_the_page_of_the_first_drill_has_no_trend() -> None:
    assert "There is no earlier drill of this scenario" in render_page(drill()).text


def test_the_summary_has_verdict_numbers_and_faults() -> None:
    text = reports.render_markdown(drill())
    assert text.startswith("## ✅ Recovery drill of `prod`: passed")
    assert "| until first query | 48.1 s | 15 min | ✅ |" in text
    assert "2 of 2 checks passed" in text
    text = reports.render_markdown(FAILED)
    assert text.startswith("## ❌ Recovery drill of `prod`: failed")
    assert "| data lost | not measured | 1 d 3 h | ❌ |" in text
    assert all(f"- {fault}" in text for fault in FAILED.faults)


def test_page_and_summary_name_the_same_document() -> None:
    digests = {
        found
        for text in (reports.render_html(drill()), reports.render_markdown(drill()))
        for found in re.findall(r"\b[0-9a-f]{64}\b", text)
    }
    held = scenario().recovery_point
    assert held
    assert held.held
    assert len(digests - {held.held.sha256}) == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "not measured"),
        (0, "0.0 s"),
        (0.04, "40 ms"),
        (0.0996, "0.1 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (61.5, "1 min 2 s"),
        (-5, "-5 s"),
    ],
)
def test_durations_are_written_as_people_say_them(seconds: float | None, text: str) -> None:
    assert format_seconds(seconds) == text


def test_pages_take_hardly_more_than_their_evidence_for_a_hundred_checks() -> None:
    check = scenario().checks[0]
    found = drill(scenario(checks=tuple(check.model_copy(update={"name": f"check {n}"}) for n in range(100))))
    assert len(reports.render_html(found)) < 120_000


def test_digests_that_several_scenarios_share_are_printed_once() -> None:
    """All scenarios compare with the same definitions: the printed report had them five times."""
    digest = Check(
        name="definitions: views",
        what="all of them, word by word",
        expected="6e9d",
        actual="6e9d",
        outcome="passed",
    )
    other = digest.model_copy(update={"expected": "77aa", "actual": "77aa"})
    source = reports.render_html(
        drill(
            scenario("corruption", checks=(digest,)),
            scenario("loss", checks=(digest,)),
            scenario("replica", checks=(other,)),
        )
    )
    sections = re.split(r'<section id="', source)[1:]
    shared = "with the digests under “A bad write”"
    assert [shared in section for section in sections] == [False, True, False]
    assert ['"wide repeated"' in section for section in sections] == [False, True, False]
    assert "details .repeated { display: none; }" in source[source.index("@media print") :]
