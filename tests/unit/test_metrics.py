"""The metrics of a stack's health, and the dashboard and alert rules that use them."""

import importlib.util
import re
from datetime import timedelta
from typing import Any

import promql_parser
import pytest
import yaml
from monitoring_queries import FOLDER, OF_STACK, find_selectors, list_queries
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from sample_health import NOW, backup, deadlines, health, in_vault, issues, service, store, unknown

from status.assessment import assess
from status.health import Health
from status.metrics import METRICS, render_metrics


def read_samples(found: Health) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return what Prometheus reads: labels and value by the name of the metric."""
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(render_metrics(found, assess(found))):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


WHOLE = health(services=(service(),), deadlines=deadlines(40), issues=issues("error", "alert", "error"))


def test_every_metric_is_exported_with_its_labels() -> None:
    samples = read_samples(WHOLE)
    assert set(samples) == set(METRICS)
    for name, metric in METRICS.items():
        assert {frozenset(labels) for labels, _ in samples[name]} == {frozenset(("stack", *metric.labels))}


def test_times_are_the_vaults_and_what_is_not_known_has_no_sample() -> None:
    found = health(
        stores=(
            store(
                primary=in_vault(backup(60)), elsewhere=unknown(), replica=in_vault(backup(locked_until=None))
            ),
        )
    )
    samples = read_samples(found)
    assert samples["bulwark_backup_timestamp_seconds"] == [
        ({"stack": "prod", "store": "database", "vault": "primary"}, (NOW - timedelta(hours=60)).timestamp()),
        ({"stack": "prod", "store": "database", "vault": "replica"}, (NOW - timedelta(hours=9)).timestamp()),
    ]
    asked = {labels["question"]: value for labels, value in samples["bulwark_unknown"]}
    assert asked["vault elsewhere"] == 1
    assert asked["vault primary"] == 0
    locks = [
        value
        for labels, value in samples["bulwark_backup_locked_until_timestamp_seconds"]
        if labels["vault"] == "replica"
    ]
    assert locks == [0]
    assert {labels["level"]: value for labels, value in samples["bulwark_status"]}["wrong"] == 1


def load_dashboard() -> Any:
    spec = importlib.util.spec_from_file_location("dashboard", FOLDER / "dashboard.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_dashboard_is_what_its_program_makes() -> None:
    expected = (FOLDER / "grafana-dashboard.json").read_text()
    assert load_dashboard().render() == expected, (
        "python docs/monitoring/dashboard.py > docs/monitoring/grafana-dashboard.json"
    )


@pytest.mark.parametrize(("where", "query"), list(list_queries()))
def test_every_query_is_valid_and_names_a_metric_that_is_exported(where: str, query: str) -> None:
    selectors = list(find_selectors(promql_parser.parse(query)))
    assert selectors, where
    for selector in selectors:
        if not str(selector.name).startswith(OF_STACK):
            continue  # tests/engine/test_application_metrics.py asks an application
        assert selector.name in METRICS
        labels = {matcher.name for matcher in selector.matchers.matchers}
        assert labels <= {"stack", *METRICS[selector.name].labels}
    words = set(re.findall(r"\bbulwark_\w+", query))
    assert words == {one.name for one in selectors if str(one.name).startswith(OF_STACK)}


def test_the_alert_rules_name_labels_that_their_query_has() -> None:
    for group in yaml.safe_load((FOLDER / "prometheus-alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            known = {"stack"}
            for selector in find_selectors(promql_parser.parse(rule["expr"])):
                known |= set(METRICS[str(selector.name)].labels)
            used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
            assert used <= known, rule["alert"]
            assert rule["annotations"]["next_step"]
