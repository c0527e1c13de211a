"""`./bulwark ready`: which checks run where, the scores, the verdict, and reports of hostile answers."""

import json
import ssl
import threading
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
from readiness_reports import report

from components.settings import load
from core.failure import Failure
from policies.framework.controls import Control
from readiness import catalogue, schema, terminal
from readiness.breaking_changes import find_breaking_changes
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.checks import CHECKS
from readiness.http_reader import HttpReader
from readiness.live_platform import LivePlatform
from readiness.markdown import render_markdown
from readiness.page import render_page
from readiness.results import CheckResult, Readiness
from readiness.run import run_checks
from readiness.scoring import EXIT_CODES, judge, mean_score, score_areas
from readiness.trend import compare

CHECKOUT: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final[dict[str, Any]] = json.loads((CHECKOUT / "twin/sample_app/openapi.json").read_text())


def see(**measured: str) -> Callable[[LivePlatform], Observation]:
    return lambda _: Observation(measured or {"what": "value"})


def fail(_: LivePlatform) -> Observation:
    return Observation({"\x1b[31mevil <script>": "<script>`|*"}, ["a problem\n::error <b>"])


def find_nothing(_: LivePlatform) -> Observation:
    raise NotApplicableError("there is none")


def refuse(_: LivePlatform) -> Observation:
    raise Failure("The vendor is silent.", "ask again.")


_CHECK: Final = ReadinessCheck(
    id="one",
    title="it holds",
    area="security",
    priority="high",
    looks_at="x",
    risk="r",
    fix="f.",
    controls=(Control.NIST_SC_5,),
    look=see(),
)


def check(name: str = "one", **changes: Any) -> ReadinessCheck:
    return replace(_CHECK, id=name, **changes)


@pytest.fixture
def platform(request: pytest.FixtureRequest) -> Generator[LivePlatform]:
    environment = getattr(request, "param", "local")
    settings = load(
        {
            "platform": {
                "environment": environment,
                "name": "example",
                "repository": "a/b",
                "repository_id": 1,
                "repository_owner_id": 2,
            }
        }
    )
    context = ssl.create_default_context()
    reader = HttpReader(["https://api.example.com"], context, uses_proxies=False)
    yield LivePlatform("s", "--stack s", settings, reader, context, CHECKOUT)
    reader.close()


def run(
    platform: LivePlatform,
    *checks: ReadinessCheck,
    active: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
) -> list[CheckResult]:
    results, is_late = run_checks(checks, platform, active=active, only=only)
    assert not is_late
    return results


def test_what_is_measured_passes_and_a_problem_fails(platform: LivePlatform) -> None:
    passed, failed = run(platform, check("one"), check("two", look=fail))
    assert (passed.outcome, failed.outcome) == ("passed", "failed")
    assert failed.problems == ("a problem ::error <b>",)
    assert "\x1b" not in failed.measured[0].what


def test_nothing_measured_is_no_pass(platform: LivePlatform) -> None:
    [result] = run(platform, check(look=lambda _: Observation()))
    assert (result.outcome, result.is_expected) == ("not_looked_at", False)


def test_what_is_not_there_is_expected_and_what_cannot_be_seen_is_not(platform: LivePlatform) -> None:
    nothing, silent = run(platform, check("one", look=find_nothing), check("two", look=refuse))
    assert (nothing.outcome, nothing.is_expected, nothing.reason) == ("not_looked_at", True, "there is none")
    assert (silent.outcome, silent.is_expected) == ("not_looked_at", False)
    assert silent.reason == "The vendor is silent."


def test_a_platform_is_not_called_ready_without_a_word_on_backups_that_nobody_has_seen(
    platform: LivePlatform,
) -> None:
    critical = check("two", area="recovery", priority="critical", look=find_nothing)
    verdict, sentence, next_step = judge("s", "--stack s", run(platform, check("one"), critical))
    assert verdict == "ready"
    assert "Nothing is known yet about two: there is none." in sentence
    assert next_step.endswith("f.")


@pytest.mark.parametrize("platform", ["production"], indirect=True)
def test_an_active_check_runs_at_production_only_by_its_name(platform: LivePlatform) -> None:
    one, two = check("one", is_active=True), check("two", is_active=True, spares_production=True)
    by_itself, never = run(platform, one, two)
    assert by_itself.is_expected
    assert "--active one" in by_itself.reason
    named, still_never = run(platform, one, two, active=("one", "two"))
    assert named.outcome == "passed"
    assert (never.outcome, still_never.outcome) == ("not_looked_at", "not_looked_at")


@pytest.mark.parametrize("platform", ["staging", "local"], indirect=True)
def test_an_active_check_runs_elsewhere(platform: LivePlatform) -> None:
    assert [one.outcome for one in run(platform, check(is_active=True))] == ["passed"]


@pytest.mark.parametrize("platform", ["production", "staging", "local"], indirect=True)
def test_a_check_on_request_runs_nowhere_unless_it_is_named(platform: LivePlatform) -> None:
    one = check(is_active=True, is_on_request=True)
    [by_itself] = run(platform, one)
    assert (by_itself.outcome, by_itself.is_expected) == ("not_looked_at", True)
    assert "--only one" in by_itself.reason
    [chosen], [named] = run(platform, one, only=("one",)), run(platform, one, active=("one",))
    is_production = platform.settings.platform.environment == "production"
    assert (chosen.outcome, named.outcome) == ("not_looked_at" if is_production else "passed", "passed")
    assert not is_production or "--active one" in chosen.reason


def test_a_check_on_request_is_where_ctrl_c_ends_it(platform: LivePlatform) -> None:
    def interrupt(_: LivePlatform) -> Observation:
        raise KeyboardInterrupt if threading.current_thread() is threading.main_thread() else AssertionError

    with pytest.raises(KeyboardInterrupt):
        run(platform, check(is_active=True, is_on_request=True, look=interrupt), only=("one",))


def test_a_check_cannot_send_more_than_it_states_nor_elsewhere(platform: LivePlatform) -> None:
    def send(address: str) -> Callable[[LivePlatform], Observation]:
        def look(platform: LivePlatform) -> Observation:
            platform.reader.send("GET", address)
            return Observation({"sent": "yes"})

        return look

    own, other = "https://api.example.com/", "https://api.example.com.example.net/"
    unstated, elsewhere = run(
        platform,
        check("one", look=send(own), is_active=True),
        check("two", look=send(other), is_active=True, count_requests=lambda _: 5),
    )
    assert "more requests than it states" in unstated.reason
    assert "none of the declared addresses" in elsewhere.reason
    assert platform.reader.requests == 0


def test_a_score_is_explained_and_rounded_down(platform: LivePlatform) -> None:
    results = run(
        platform,
        check("one", priority="critical"),
        check("two", priority="low", look=fail),
        check("three", look=find_nothing),
        check("four", area="health", look=find_nothing),
    )
    health, security = score_areas(results)
    assert (security.score, security.passed, security.failed, security.not_looked_at) == (88, 1, 1, 1)
    assert security.explanation == ("8 of 9 points; lost by two (-1); 1 not looked at, which count nothing")
    assert (health.score, mean_score([health, security])) == (None, 88)


@pytest.mark.parametrize(
    ("looks", "verdict", "exit_code"),
    [
        ([see()], "ready", 0),
        ([see(), find_nothing], "ready", 0),
        ([see(), refuse], "unknown", 3),
        ([find_nothing], "unknown", 3),
        ([refuse, fail, see()], "not_ready", 1),
    ],
)
def test_the_verdict_is_that_of_the_worst(
    platform: LivePlatform, looks: list[Any], verdict: str, exit_code: int
) -> None:
    results = run(platform, *(check(str(number), look=look) for number, look in enumerate(looks)))
    found = report(results)
    assert (found.verdict, EXIT_CODES[found.verdict]) == (verdict, exit_code)
    assert bool(found.next_step) == (verdict != "ready")


def test_no_report_lets_an_answer_speak(platform: LivePlatform, capsys: pytest.CaptureFixture[str]) -> None:
    found = report(run(platform, check(look=fail)))
    page, text = render_page(found), render_markdown(found)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in text
    assert "\\`\\|" in text.replace("\\\\", "\\")
    from core.console import PrintableConsole  # noqa: PLC0415 - writes to what pytest has captured

    terminal.show(found, None, PrintableConsole())
    assert "\x1b" not in capsys.readouterr().out


def test_the_document_follows_its_schema_and_the_schema_is_the_committed_one(platform: LivePlatform) -> None:
    committed = (CHECKOUT / "docs/readiness.schema.json").read_text()
    assert schema.render() == committed
    found = report(run(platform, check(), check("two", look=fail)))
    for trend in (None, compare(found, [])):
        document = schema.ReadinessDocument(**found.model_dump(), trend=trend)
        jsonschema.validate(json.loads(document.model_dump_json()), json.loads(committed))
    assert Readiness.model_validate_json(found.model_dump_json()) == found


def test_the_catalogue_is_the_committed_one() -> None:
    assert catalogue.render() == (CHECKOUT / "docs/readiness-checks.md").read_text()


def test_every_check_is_named_after_its_module_and_says_everything() -> None:
    files = {
        file.stem.replace("_", "-")
        for file in (CHECKOUT / "readiness/checks").rglob("*.py")
        if file.stem != "__init__"
    }
    assert {one.id for one in CHECKS} == files
    assert len({one.id for one in CHECKS}) == len(CHECKS)
    for one in CHECKS:
        assert one.risk.endswith(".")
        assert one.fix.endswith(".")
        assert one.controls
        assert one.is_active or not one.spares_production
        assert one.is_active or not one.is_on_request


def test_a_document_that_only_grew_breaks_nobody() -> None:
    grown = json.loads(json.dumps(DOCUMENT))
    grown["paths"]["/api/more"] = grown["paths"]["/api/plans"]
    plan = grown["components"]["schemas"]["Plan"]
    plan["properties"]["currency"] = {"type": "string"}
    plan["required"].append("currency")
    grown["paths"]["/api/plans"]["get"]["parameters"] = [{"name": "q", "in": "query"}]
    assert find_breaking_changes(DOCUMENT, grown) == []
    assert find_breaking_changes(grown, DOCUMENT)
    assert find_breaking_changes(DOCUMENT, {"paths": []}) != []
