"""
The Grafana dashboard of a stack: its health and its application.

The health is that of `./bulwark status --openmetrics`; the application's metrics have the names of
OpenTelemetry's semantic conventions (docs/status.md).

Run `python docs/monitoring/dashboard.py > docs/monitoring/grafana-dashboard.json` after a change.
"""

import sys
from collections.abc import Mapping
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
_OF_SERVICE: Final = 'job=~"$service"'
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


def _select(metric: str, *conditions: str) -> str:
    """Return what selects a metric of the application."""
    return f"{metric}{{{', '.join((_STACK, _OF_SERVICE, *conditions))}}}"


_REQUESTS: Final = "http_server_request_duration_seconds"
_WRONG: Final = 'http_response_status_code=~"5.."'
_RATE: Final = f"rate({_select(f'{_REQUESTS}_count')}[5m])"
_FAILED: Final = f"rate({_select(f'{_REQUESTS}_count', _WRONG)}[5m])"
_BUCKETS: Final = f"rate({_select(f'{_REQUESTS}_bucket')}[5m])"
_USED: Final = _select("db_client_connection_count", 'db_client_connection_state="used"')
_MOST: Final = _select("db_client_connection_max")

OF_APPLICATION: Final = {
    "Requests a second": (
        "reqps",
        {"{{job}} {{http_route}}": f"sum by (job, http_route) ({_RATE})"},
    ),
    "Failed requests, and how many may fail": (
        "percentunit",
        {
            "{{job}}": f"(sum by (job) ({_FAILED}) or 0 * sum by (job) ({_RATE})) / sum by (job) ({_RATE})",
            "objective": f"bulwark_failure_objective_ratio{{{_STACK}}}",
        },
    ),
    "Duration of 95 % of the requests, and the objective": (
        "s",
        {
            "{{job}}": f"histogram_quantile(0.95, sum by (job, le) ({_BUCKETS}))",
            "objective": f"bulwark_latency_objective_seconds{{{_STACK}}}",
        },
    ),
    "Connections to the database, of the most": (
        "percentunit",
        {
            "{{job}}": f"sum by (job) ({_USED}) / sum by (job) ({_MOST})",
        },
    ),
}
"""Title of a chart -> its unit, and query by legend: rate, errors, duration, saturation."""


def build() -> dashboard.Dashboard:
    """Return the dashboard: the verdict first, then the application, stores, drills, monitors."""
    board = (
        dashboard.Dashboard("Bulwark: health")
        .uid("bulwark-health")
        .tags(["bulwark", "backup", "recovery"])
        .description("The application, backups, drills, monitors and drift of a stack.")
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
        .with_variable(
            dashboard.QueryVariable("service")
            .label("Service")
            .datasource(SOURCE)
            .query(f"label_values(http_server_request_duration_seconds_count{{{_STACK}}}, job)")
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .multi(True)
            .include_all(True)
        )
    )
    for panel in _list_summary():
        board = board.with_panel(panel)
    board = board.with_row(dashboard.Row("Application"))
    for title, (unit, queries) in OF_APPLICATION.items():
        board = board.with_panel(_chart(title, unit, queries).span(_COLUMNS // 2).height(8))
    board = board.with_row(dashboard.Row("Stores"))
    for title, (query, legend) in OF_LIMIT.items():
        chart = _chart(title, "percentunit", {legend: query}).thresholds(_steps("green", (1, "red")))
        limit = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.LINE)
        board = board.with_panel(chart.thresholds_style(limit).span(_COLUMNS // 2).height(8))
    board = board.with_row(dashboard.Row("Monitors and jobs"))
    for panel in _list_tables():
        board = board.with_panel(panel.span(_COLUMNS // 2).height(9))
    return board


def _query(expression: str, legend: str = "", name: str = "A") -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id(name).expr(expression).legend_format(legend)


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


def _chart(title: str, unit: str, queries: Mapping[str, str]) -> timeseries.Panel:
    chart = timeseries.Panel().title(title).datasource(SOURCE).unit(unit).min(0)
    for name, (legend, query) in zip("AB", queries.items(), strict=False):
        chart = chart.with_target(_query(query, legend, name))
    return chart


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
