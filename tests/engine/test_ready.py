"""`./bulwark ready` as a user types it, on a deployed stack whose platform has one fault."""

import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fast_twin import FastTwin

pytestmark = pytest.mark.shares("fast_twin")

HEARTBEATS = "monitors-are-up"
LAPSE = "lapsed-heartbeat-pages"
"""A check that is made for who asks for it alone."""

GREEN = {
    "health-is-complete",
    "limits-hold",
    "data-are-as-declared",
    "certificate-is-trusted",
}
OTHERS = {"answers-have-an-id": "failed", "exceptions-are-current": "not_looked_at"}
"""The second is read of the stack's health, and this stack has no exception."""


def test_it_finds_the_fault_and_shows_what_it_measured(fast_twin: FastTwin, tmp_path: Path) -> None:
    home, page = fast_twin.installation.home, tmp_path / "ready.html"
    home.platform_faults.write_text("no-request-id\n")
    try:
        only = [word for name in sorted({*GREEN, *OTHERS}) for word in ("--only", name)]
        ended = fast_twin.bulwark("ready", "--json", "--html", str(page), *only)
    finally:
        home.platform_faults.unlink()
    assert ended.code == 1, ended.text[-2_000:]
    document = ended.json
    outcomes = {found["id"]: found["outcome"] for found in document["checks"]}
    assert outcomes == {**dict.fromkeys(GREEN, "passed"), **OTHERS}
    assert (document["verdict"], document["place"]) == ("not_ready", "twin")
    assert "answers-have-an-id" in document["sentence"]
    assert document["requests"] > 100  # the limit of the API was measured
    assert "answers-have-an-id" in page.read_text()


def list_new(trend: dict[str, Any]) -> list[str]:
    """Return the checks whose findings were not in the report before."""
    return [one["id"] for one in trend["findings"] if one["is_new"]]


@pytest.mark.scenario("readiness")
def test_a_whole_report_is_kept_and_shows_what_moved(fast_twin: FastTwin, tmp_path: Path) -> None:
    home, file = fast_twin.installation.home, tmp_path / "evidence.json"
    first = fast_twin.bulwark("ready", "--json")
    assert "Evidence: evidence/readiness/" in first.err
    [left_out] = [one for one in first.json["checks"] if one["id"] == LAPSE]
    assert (left_out["outcome"], left_out["is_expected"]) == ("not_looked_at", True)
    home.platform_faults.write_text("no-request-id\n")
    try:
        second = fast_twin.bulwark("ready", "--json")
    finally:
        home.platform_faults.unlink()
    trend = second.json["trend"]
    assert trend["reports"][0]["id"] == first.json["id"]
    # Between two reports a heartbeat may lapse or come back: the twin's time is fast.
    assert {*list_new(trend)} - {HEARTBEATS} == {"answers-have-an-id"}
    third = fast_twin.bulwark("ready", "--json", "--evidence", str(file))
    assert {*third.json["trend"]["fixed"]} - {HEARTBEATS} == {"answers-have-an-id"}
    assert third.json["trend"]["score_change"] > 0 or HEARTBEATS in list_new(third.json["trend"])

    def list_kept() -> list[str]:
        return [one["id"] for one in fast_twin.bulwark("ready", "--history", "--json").json["reports"]]

    assert list_kept()[:2] == [second.json["id"], first.json["id"]]  # the third is in the file
    added = fast_twin.bulwark("ready", "--add", str(file), "--json")
    assert added.code == 0, added.text
    assert list_kept()[0] == third.json["id"]
    assert "is in the vault already" in fast_twin.bulwark("ready", "--add", str(file)).err
    passed = [one.json["looked_at"] for one in (first, third) if one.json["verdict"] == "ready"]
    gate = fast_twin.bulwark("drills", "--for-policies").json["readiness"]
    assert gate["since"]
    assert gate["passed"] == (max(map(datetime.fromisoformat, passed)).isoformat() if passed else None)
    newest = fast_twin.bulwark("status", "--json").json["readiness"]["found"]["newest"]
    assert (newest["id"], newest["verdict"]) == (third.json["id"], third.json["verdict"])
    shown = fast_twin.bulwark("ready", "--report", second.json["id"], "--json").json
    assert shown["checks"] == second.json["checks"]
    assert shown["trend"]["reports"][0]["id"] == first.json["id"]


def test_a_part_of_the_checks_is_no_evidence(fast_twin: FastTwin, tmp_path: Path) -> None:
    refused = fast_twin.bulwark("ready", "--only", "limits-hold", "--evidence", str(tmp_path / "x.json"))
    assert "A report of some checks alone is no evidence." in refused.text
    assert not list(tmp_path.iterdir())
    part = fast_twin.bulwark("ready", "--only", "health-is-complete", "--json")
    assert "Evidence" not in part.text
    assert part.json["trend"] is None


@pytest.mark.scenario("readiness")
def test_the_heartbeat_of_a_job_lapses_only_for_who_asks(fast_twin: FastTwin) -> None:
    address, ended = fast_twin.output("heartbeat_urls")["drill"], threading.Event()

    def run_job() -> None:
        """Send the signal of the job, which lapses after seven seconds, until the command is at work."""
        for _ in range(10):
            httpx.get(address)
            ended.wait(1)

    job = threading.Thread(target=run_job)
    job.start()
    try:
        asked = fast_twin.bulwark("ready", "--only", LAPSE, "--job", "drill", "--json")
    finally:
        ended.set()
        job.join()
    [check] = asked.json["checks"]
    assert (check["outcome"], check["problems"]) == ("passed", []), asked.text[-2_000:]
    seen = {one["what"]: one["value"] for one in check["measured"]}
    assert "declared: at most 7 s after the last signal" in seen["monitor down"]
    assert {"incidents told", "operations told", "automation told", "monitor up again"} <= seen.keys()
    assert address.rpartition("/")[2] not in asked.text
    tomorrow = fast_twin.bulwark("ready", "--only", LAPSE, "--job", "database", "--json")
    assert tomorrow.code == 3
    assert "nothing was let lapse" in tomorrow.text or "had no signal yet" in tomorrow.text
