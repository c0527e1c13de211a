"""The queries of the dashboard and of the alert rules in docs/monitoring."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import promql_parser
import yaml

FOLDER: Final = Path(__file__).parents[1] / "docs" / "monitoring"
OF_STACK: Final = "bulwark_"
"""How the names of the metrics of `./bulwark status --openmetrics` begin; others are the application's."""


def list_queries() -> Iterator[tuple[str, str]]:
    """Yield where each query is, and the query."""
    dashboard = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for group in yaml.safe_load((FOLDER / "prometheus-alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def find_selectors(expression: Any) -> Iterator[promql_parser.VectorSelector]:
    """Yield what a query selects."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    for part in ("lhs", "rhs", "expr", "args", "vector_selector"):
        inner = getattr(expression, part, None)
        for each in inner if isinstance(inner, list) else [inner]:
            if each is not None and each is not expression:
                yield from find_selectors(each)
