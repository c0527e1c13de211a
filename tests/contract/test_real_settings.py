"""Changed settings through the real providers: each changes the inputs that it names, and is reverted."""

from pathlib import Path

import pytest
from deployment import Deployment
from plain_pulumi import WITH_POLICIES, drill_facts, run_pulumi
from test_real_production import PROD, edit_settings, preview_steps, up

pytestmark = pytest.mark.shares("real")

EDITS = {
    "project: example-production": "project: example-renamed",
    "maximum_units: 2": "maximum_units: 4",
    "compute_hours: 1500": "compute_hours: 1600",
    "database: platform": "database: renamed",
    "interval_seconds: 60": "interval_seconds: 120",
    "timeout_seconds: 30": "timeout_seconds: 20",
    "regions: [eu, na, as]": "regions: [eu, na]",
    "slow_after_milliseconds: 2000": "slow_after_milliseconds: 1500",
    "certificate_warning_days: [30, 14, 7, 1]": "certificate_warning_days: [30, 7]",
    """keyword: '"status":"ok"'""": """keyword: '"status":"up"'""",
    "status_page: Example status": "status_page: Example state",
    "weekday: 7": "weekday: 6",
    "team_name: Platform": "team_name: Platform team",
    "events_per_minute: 600": "events_per_minute: 700",
    'paths: ["server/**"]': 'paths: ["api/**"]',
    "frequent_events: 100": "frequent_events: 200",
    "failure_rate_percent: 5": "failure_rate_percent: 4",
    "latency_milliseconds: 1000": "latency_milliseconds: 900",
    'drill: { schedule: "23 4 * * 6"': 'drill: { schedule: "23 5 * * 6"',
    "lateness_minutes: 180": "lateness_minutes: 170",
}
_WATCHED = ["config", "interval", "regionData", "responseTimeThreshold", "timeout"]
_METRICS = ("backend-failure-rate", "backend-latency", "frontend-failure-rate", "frontend-latency")
CHANGED: dict[str, tuple[str, list[str]]] = {
    "database-project": ("update", ["defaultEndpointSettings", "name", "quota"]),
    "database-database": ("update", ["name"]),
    "uptime-backend-health": ("update", sorted([*_WATCHED, "keywordValue"])),
    "uptime-backend-version": ("update", _WATCHED),
    "uptime-frontend-page": ("update", _WATCHED),
    "uptime-maintenance": ("update", ["days"]),
    "uptime-status-page": ("update", ["name"]),
    "job-drill": ("update", []),
    "job-drill-heartbeat": ("update", ["gracePeriod"]),
    "job-drill-cron": ("update", ["checkinMarginMinutes", "schedule"]),
    "errors-team": ("update", ["name"]),
    "errors-backend-key": ("update", ["rateLimitCount"]),
    "errors-backend-ownership": ("update", ["raw"]),
    **{f"errors-{metric}": ("update", ["conditionGroup"]) for metric in _METRICS},
    "errors-backend-frequent-alert": ("update", ["actionFilters"]),
    "errors-frontend-frequent-alert": ("update", ["actionFilters"]),
}
"""Resource -> its operation and the inputs that change. A job's component publishes its schedule as well."""


def changed_inputs(real: Deployment) -> dict[str, tuple[str, list[str]]]:
    """Return the steps of a preview, without the outputs that are known only after `up`."""
    return {
        name: (op, [changed for changed in properties if changed in real[name].inputs])
        for name, (op, properties) in preview_steps(real).items()
    }


def test_each_setting_changes_the_inputs_that_it_names_and_no_more(real: Deployment) -> None:
    with edit_settings(real, EDITS):
        assert changed_inputs(real) == CHANGED


def test_all_changed_settings_are_applied_in_place_and_plain_pulumi_reverts_them(
    real: Deployment, language_host: Path
) -> None:
    with edit_settings(real, EDITS):
        assert set(up(real)) == {"update"}
        assert preview_steps(real) == {}
    options = (*WITH_POLICIES, "--yes")
    back = run_pulumi(real, language_host, "up", *options, providers="real", environment=drill_facts(real))
    assert back.returncode == 0, back.stdout[-3_000:] + back.stderr[-2_000:]
    assert f"~ {len(CHANGED)} updated" in back.stdout
    seen = real.installation.bulwark("refresh", *PROD, "--json")
    assert (seen.code, seen.json["steps"]) == (0, [])
    assert preview_steps(real) == {}
