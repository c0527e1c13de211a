"""schemathesis, sslyze and Locust, from their own command lines, find what `./bulwark ready` finds."""

import json
import re
from collections.abc import Collection, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from outside_tools import run_tool
from sample_faults import CHECK_OF
from sample_patient import CHECKOUT, Patient, make_patient, serve

pytestmark = [pytest.mark.shares("outside-tools"), pytest.mark.matrix(sample=0)]

HEALTHY: Final = ""
"""In place of a fault's name."""

OF_TLS: Final = {"tls-is-current", "certificate-is-trusted", "certificate-lasts", "strict-transport"}
TLS_FAULTS: Final = [name for name, check in CHECK_OF.items() if check in OF_TLS]
OLD: Final = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")
YEAR_SECONDS: Final = 31_536_000

OF_DOCUMENT: Final = {
    "answer-undocumented-status": "GET /api/plans",
    "answer-other-type": "GET /api/plans",
    "answer-other-body": "GET /api/plans",
    "answer-error": "GET /api/plans",
    "admin-open": "GET /api/admin/monitoring/stats",
    "error-trace": "POST /api/auth/login",
    "health-as-text": "GET /health",
    "version-missing": "GET /api/version",
}
"""Fault -> the operation of the OpenAPI document that is then not as documented."""

UNREADABLE: Final = ("document-missing", "document-no-json")


@pytest.fixture(scope="module")
def patient() -> Generator[Patient]:
    with make_patient() as patient:
        yield patient


def find_red(patient: Patient, fault: str, *, only: Collection[str]) -> dict[str, str]:
    """Return the checks of `ready` that a fault turns red, and what they say."""
    results = patient.look(fault, only=only)
    assert set(results) == set(only)
    return {name: " ".join(one.problems) for name, one in results.items() if one.outcome == "failed"}


def judge_tls(report: Any) -> set[str]:
    """Return which checks of `ready` must be red by what sslyze found."""
    [server] = report["server_scan_results"]
    assert server["scan_result"], server["connectivity_error_trace"]
    found = {name: scan["result"] for name, scan in server["scan_result"].items() if scan}
    accepted = {
        name: found[f"{name}_cipher_suites"]["accepted_cipher_suites"]
        for name in (*OLD, "tls_1_2", "tls_1_3")
    }
    [served] = found["certificate_info"]["certificate_deployments"]
    [trust] = [
        result
        for result in served["path_validation_results"]
        if result["trust_store"]["name"].startswith("Supplied CA file")
    ]
    ends = datetime.fromisoformat(served["received_certificate_chain"][0]["not_valid_after"])
    header = found["http_headers"]["strict_transport_security_header"] or {"max_age": 0}
    is_wrong = {
        "tls-is-current": any(accepted[name] for name in OLD) or not accepted["tls_1_3"],
        "certificate-is-trusted": not trust["was_validation_successful"],
        "certificate-lasts": ends - datetime.now(UTC) < timedelta(days=14),
        "strict-transport": header["max_age"] < YEAR_SECONDS or not header["include_subdomains"],
    }
    return {name for name, wrong in is_wrong.items() if wrong}


@pytest.mark.parametrize("fault", [HEALTHY, *TLS_FAULTS])
def test_sslyze_finds_what_the_checks_of_tls_find(patient: Patient, fault: str, tmp_path: Path) -> None:
    patient.home.platform_faults.write_text(fault)
    with serve(patient.home):
        ended = run_tool(
            "sslyze",
            *("--certinfo", "--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3"),
            *("--http_headers", "--elliptic_curves", "--mozilla_config=intermediate"),
            "--slow_connection",  # fewer connections at once, for a machine that runs other tests too
            f"--certinfo_ca_file={patient.home.tls / 'ca.crt'}",
            "--json_out=found.json",
            f"localhost:{patient.home.port('backend')}",
            folder=tmp_path,
        )
        red = find_red(patient, fault, only=OF_TLS)
    assert (tmp_path / "found.json").exists(), ended.stdout + ended.stderr
    by_sslyze = judge_tls(json.loads((tmp_path / "found.json").read_text()))
    assert by_sslyze == set(red) == ({CHECK_OF[fault]} if fault else set())
    if fault == "tls-old":
        assert "speaks TLS 1.0" in red[CHECK_OF[fault]]
    if not fault:
        # The sample is also what Mozilla recommends: nothing is wrong that only sslyze would see.
        assert ended.returncode == 0, ended.stdout


def run_schemathesis(patient: Patient, folder: Path) -> tuple[int, str]:
    address = f"https://localhost:{patient.home.port('backend')}/api/openapi.json"
    ended = run_tool(
        "schemathesis",
        *("run", address, "--tls-verify", str(patient.home.tls / "ca.crt")),
        *("--max-examples", "3", "--phases", "examples,coverage,fuzzing"),
        *("--generation-deterministic", "--no-color"),
        folder=folder,
    )
    return ended.returncode, ended.stdout + ended.stderr


def find_failures(text: str) -> set[str]:
    """Return the operations under which schemathesis shows failures."""
    return set(re.findall(r"^_+ ((?:GET|POST) \S+) _+$", text, re.MULTILINE))


@pytest.mark.parametrize("fault", [HEALTHY, *OF_DOCUMENT])
def test_schemathesis_finds_the_answer_that_a_check_finds(
    patient: Patient, fault: str, tmp_path: Path
) -> None:
    patient.home.platform_faults.write_text(fault)
    with serve(patient.home):
        code, text = run_schemathesis(patient, tmp_path)
        only = {CHECK_OF[fault]} if fault else {CHECK_OF[name] for name in OF_DOCUMENT}
        red = find_red(patient, fault, only=only)
    wrong = {OF_DOCUMENT[fault]} if fault else set[str]()
    assert (code, find_failures(text)) == (int(bool(fault)), wrong), text
    assert set(red) == ({CHECK_OF[fault]} if fault else set())
    for operation in wrong:
        assert operation.split()[1] in red[CHECK_OF[fault]]


@pytest.mark.parametrize("fault", UNREADABLE)
def test_schemathesis_reads_no_document_where_the_check_reads_none(
    patient: Patient, fault: str, tmp_path: Path
) -> None:
    patient.home.platform_faults.write_text(fault)
    with serve(patient.home):
        code, text = run_schemathesis(patient, tmp_path)
        red = find_red(patient, fault, only={CHECK_OF[fault]})
    assert code != 0, text
    assert "Test cases:" not in text
    assert set(red) == {"api-is-documented"}


@pytest.mark.parametrize("fault", [HEALTHY, "load-slow", "load-fails"])
def test_locust_measures_what_the_check_of_load_measures(
    patient: Patient, fault: str, tmp_path: Path
) -> None:
    patient.home.platform_faults.write_text(fault)
    with serve(patient.home):
        ended = run_tool(
            "locust",
            *("--locustfile", str(CHECKOUT / "docs" / "load" / "locustfile.py"), "--headless"),
            *("--users", "8", "--spawn-rate", "8", "--run-time", "60s", "--requests", "160"),
            *("--host", f"https://localhost:{patient.home.port('backend')}"),
            *("--authority", str(patient.home.tls / "ca.crt"), "--json-file", "found"),
            folder=tmp_path,
        )
        result = patient.look(fault, expected="load-is-borne", only={"load-is-borne"})["load-is-borne"]
    assert (tmp_path / "found.json").exists(), ended.stdout + ended.stderr
    assert "--run-time limit reached" not in ended.stderr  # it ends by itself, after the last request
    [stats] = json.loads((tmp_path / "found.json").read_text())
    [measured] = result.measured
    by_check = re.search(r"(\d+) requests .* p95 (\d+) ms of 1000 ms, (\d+) failed", measured.value)
    assert by_check
    requests, milliseconds, failed = map(int, by_check.groups())
    assert stats["num_requests"] == requests == 160
    assert (stats["num_failures"] > 0) == (failed > 0) == (fault == "load-fails")
    assert (ended.returncode == 1) == (result.outcome == "failed") == bool(fault), measured.value
    if fault == "load-slow":
        by_locust = find_percentile(stats["response_times"])
        assert min(by_locust, milliseconds) > 1_000
        assert max(by_locust, milliseconds) < 2 * min(by_locust, milliseconds)


def find_percentile(counts: dict[str, int]) -> float:
    """Return the time within which 95 % of the answers were there, of Locust's counts by time."""
    times = sorted(float(time) for time, count in counts.items() for _ in range(count))
    return times[-(-len(times) * 95 // 100) - 1]
