"""
The Grafana dashboard of a stack's health, from the metrics of `./bulwark status --openmetrics`.

Run `python docs/monitoring/dashboard.py > docs/monitoring/grafana-dashboard.json` after a change.
"""

import sys
from typing import Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueTextMode,
    GraphThresholdsStyleMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${source}")
_STACK: Final = 'stack="$stack"'
_COLUMNS: Final = 24

OF_LIMIT: Final = {
    "Age of the newest backup, of what is allowed": (
        f"(time() - bulwark_backup_timestamp_seconds{{{_STACK}}})"
        f" / bulwark_backup_longest_age_seconds{{{_STACK}}}",
        "{{store}} in {{vault}}",
    ),
    "Age of the last proof, of what is allowed": (
        f"(time() - bulwark_proof_timestamp_seconds{{{_STACK}}})"
        f" / bulwark_proof_longest_age_seconds{{{_STACK}}}",
        "{{store}}",
    ),
    "RTO of the newest drills, of the objective": (
        f"bulwark_drill_recovery_seconds{{{_STACK}}} / bulwark_drill_recovery_objective_seconds{{{_STACK}}}",
        "{{scenario}} ({{stores}})",
    ),
    "RPO of the newest drills, of the objective": (
        f"bulwark_drill_loss_seconds{{{_STACK}}} / bulwark_drill_loss_objective_seconds{{{_STACK}}}",
        "{{scenario}} ({{stores}})",
    ),
}
"""Title of a chart -> query and legend. 1 is the limit."""


def build() -> dashboard.Dashboard:
    """Return the dashboard: the verdict first, then stores, drills, monitors."""
    board = (
        dashboard.Dashboard("Bulwark: health")
        .uid("bulwark-health")
        .tags(["bulwark", "backup", "recovery"])
        .description("Backups, drills, monitors and drift of a stack.")
        .refresh("1m")
        .time("now-7d", "now")
        .timezone("utc")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .with_variable(dashboard.DatasourceVariable("source").label("Source").type("prometheus"))
        .with_variable(
            dashboard.QueryVariable("stack")
            .label("Stack")
            .datasource(SOURCE)
            .query("label_values(bulwark_status, stack)")
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        )
    )
    for panel in _list_summary():
        board = board.with_panel(panel)
    board = board.with_row(dashboard.Row("Stores"))
    for title, (query, legend) in OF_LIMIT.items():
        board = board.with_panel(_chart(title, query, legend).span(_COLUMNS // 2).height(8))
    board = board.with_row(dashboard.Row("Monitors and jobs"))
    for panel in _list_tables():
        board = board.with_panel(panel.span(_COLUMNS // 2).height(9))
    return board


def _query(expression: str, legend: str = "") -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id("A").expr(expression).legend_format(legend)


def _list_summary() -> list[stat.Panel]:
    level = (
        _number("Verdict", f"bulwark_status{{{_STACK}}} == 1", "{{level}}")
        .text_mode(BigValueTextMode.NAME)
        .thresholds(_steps("text"))
    )
    counts = {
        "Wrong": (f'bulwark_findings{{{_STACK}, level="wrong"}}', "red"),
        "Unknown": (f'bulwark_findings{{{_STACK}, level="unknown"}}', "purple"),
        "Attention": (f'bulwark_findings{{{_STACK}, level="attention"}}', "orange"),
    }
    looked = _number("Looked at, ago", f"time() - bulwark_looked_timestamp_seconds{{{_STACK}}}").unit("s")
    return [
        level.span(8).height(5),
        *(
            _number(title, query).thresholds(_steps("green", (1, colour))).span(4).height(5)
            for title, (query, colour) in counts.items()
        ),
        looked.thresholds(_steps("green", (3_600, "orange"), (86_400, "red"))).span(4).height(5),
    ]


def _number(title: str, query: str, legend: str = "") -> stat.Panel:
    return (
        stat.Panel()
        .title(title)
        .datasource(SOURCE)
        .color_mode(BigValueColorMode.BACKGROUND)
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_query(query, legend).instant())
    )


def _chart(title: str, query: str, legend: str) -> timeseries.Panel:
    return (
        timeseries.Panel()
        .title(title)
        .datasource(SOURCE)
        .unit("percentunit")
        .min(0)
        .thresholds(_steps("green", (1, "red")))
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.LINE))
        .with_target(_query(query, legend))
    )


def _list_tables() -> list[table.Panel]:
    queries = {
        "Monitors and heartbeats": f"bulwark_monitor_state{{{_STACK}}} == 1",
        "Last check-ins of the jobs": f"bulwark_checkin_state{{{_STACK}}} == 1",
        "Newest drill of each scenario": f"bulwark_drill_passed{{{_STACK}}}",
        "Locks end, in days": (
            f"(bulwark_backup_locked_until_timestamp_seconds{{{_STACK}}} - time()) / 86400"
        ),
        "Open issues": f"bulwark_open_issues{{{_STACK}}}",
        "Waivers and reviewed entries end, in days": (
            f"(bulwark_exception_end_timestamp_seconds{{{_STACK}}} - time()) / 86400"
        ),
        "Quotas used": f"bulwark_quota_used{{{_STACK}}} / bulwark_quota_limit{{{_STACK}}}",
        "Drift": f"bulwark_drift_differences{{{_STACK}}}",
        "Not answered": f"bulwark_unknown{{{_STACK}}} == 1",
    }
    passed = ValueMap(
        options={
            "0": ValueMappingResult(text="failed", color="red"),
            "1": ValueMappingResult(text="passed", color="green"),
        }
    )
    panels = {
        title: table.Panel()
        .title(title)
        .datasource(SOURCE)
        .decimals(0)
        .with_target(_query(query).instant().format(PromQueryFormat.TABLE))
        for title, query in queries.items()
    }
    panels["Newest drill of each scenario"].mappings([passed])
    return list(panels.values())


def _steps(first: str, *others: tuple[float, str]) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps(
            [
                Threshold(value=None, color=first),
                *(Threshold(value=value, color=colour) for value, colour in others),
            ]
        )
    )


def render() -> str:
    """Return the dashboard as Grafana imports it."""
    return JSONEncoder(sort_keys=True, indent=2).encode(build().build()) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
