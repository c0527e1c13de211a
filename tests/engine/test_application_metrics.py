"""The application's panels of the dashboard ask for what the twin's sample platform exports."""

import json
import re

import httpx
import promql_parser
import pytest
from fast_twin import FastTwin
from monitoring_queries import OF_STACK, find_selectors, list_queries
from prometheus_client.parser import text_string_to_metric_families

from twin.host.tls import tls_context

pytestmark = pytest.mark.shares("fast_twin")

OF_SCRAPE = {"stack", "job"}
"""Labels that Prometheus adds, as docs/status.md configures it."""


def read_samples(twin: FastTwin) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return what Prometheus reads: labels and value by the name of the sample."""
    home = twin.installation.home
    ports = json.loads((home.root / "ports.json").read_text())
    port = ports[f"metrics-{home.port('platform-backend')}"]
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(httpx.get(f"http://127.0.0.1:{port}/metrics").text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


def test_the_panels_ask_for_metrics_and_labels_that_the_application_exports(fast_twin: FastTwin) -> None:
    samples = read_samples(fast_twin)
    asked: set[str] = set()
    for where, query in list_queries():
        for selector in find_selectors(promql_parser.parse(query)):
            if (name := str(selector.name)).startswith(OF_STACK):
                continue
            asked.add(name)
            grouped = ", ".join(re.findall(r"\bby \(([^)]*)\)", query)).split(", ")
            labels = {matcher.name for matcher in selector.matchers.matchers} | set(grouped) - {""}
            assert labels <= OF_SCRAPE | set(samples[name][0][0]), where
    assert {name.rpartition("_")[0] for name in asked if name.startswith("http_")} == {
        "http_server_request_duration_seconds"
    }
    assert any(name.startswith("db_client_connection_") for name in asked)


def test_a_request_is_counted_by_its_route_and_a_stranger_adds_no_label(fast_twin: FastTwin) -> None:
    home = fast_twin.installation.home
    url = f"https://localhost:{home.port('platform-backend')}"

    def count(route: str, status: str) -> float:
        return sum(
            value
            for labels, value in read_samples(fast_twin)["http_server_request_duration_seconds_count"]
            if (labels["http_route"], labels["http_response_status_code"]) == (route, status)
        )

    before = count("/api/plans", "200"), count("", "404")
    with httpx.Client(verify=tls_context(home.tls / "ca.crt")) as client:
        client.get(f"{url}/api/plans").raise_for_status()
        client.get(f"{url}/api/none-of-its-paths")
        client.request("INVENTED", f"{url}/")
    assert (count("/api/plans", "200"), count("", "404")) == (before[0] + 1, before[1] + 1)
    methods = {
        labels["http_request_method"]
        for labels, _ in read_samples(fast_twin)["http_server_request_duration_seconds_count"]
    }
    assert "INVENTED" not in methods
    assert "_OTHER" in methods
