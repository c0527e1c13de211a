"""Drift as an issue's text."""

from typing import Any

from review import drift

PROJECT = "urn:pulumi:prod::bulwark::neon:index/project:Project::database-project"
MONITOR = "urn:pulumi:prod::bulwark::uptimerobot:index/monitor:Monitor::uptime-backend-health"


def step(op: str, urn: str, *properties: str) -> dict[str, Any]:
    return {"op": op, "urn": urn, "properties": list(properties)}


def test_the_drift_report_says_of_each_resource_what_happened_and_which_inputs_differ() -> None:
    text = drift.render("prod", [step("update", MONITOR, "interval", "url"), step("delete", PROJECT)])
    assert text.startswith("<!-- bulwark drift: prod -->\n")
    assert "| database-project | Project | it is gone |" in text
    assert "| uptime-backend-health | Monitor | changed: interval, url |" in text


def test_the_drift_report_is_never_too_long_for_github() -> None:
    text = drift.render("prod", [step("update", f"{MONITOR}-{number}", "x" * 90) for number in range(2000)])
    assert len(text) < 65_536
    assert "the rest is in the report" in text


def test_the_drift_report_lists_what_nobody_declared_and_what_nobody_saw() -> None:
    text = drift.render(
        "prod",
        [],
        undeclared=[("neon/branch/p/b", "it is a branch called a|b that the stack does not declare")],
        unknown=[("Sentry projects of example", "Sentry fails")],
    )
    assert "| neon/branch/p/b | it is a branch called a\\|b that the stack does not declare |" in text
    assert "| Sentry projects of example | Sentry fails |" in text
    assert "It is not known" not in text


def test_the_drift_report_does_not_say_all_is_well_where_nothing_was_seen() -> None:
    text = drift.render("prod", [], unknown=[("Sentry projects of example", "Sentry fails")])
    assert "It is not known whether `prod` is what this repository declares" in text
