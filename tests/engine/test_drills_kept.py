"""`./bulwark drills`: evidence is put into the vault of a deployed stack once, and read from there."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from drill_evidence import drill, identity, scenario
from fast_twin import FastTwin
from installations import CommandResult
from role_clients import subject
from sampling import Draw

from core import vault_layout
from recovery.drill.evidence import Drill
from recovery.drill.records import to_json
from twin.aws.issuer import issue_token

pytestmark = [pytest.mark.shares("fast_twin"), pytest.mark.scenario("a deployed stack")]


def run(fast_twin: FastTwin, *arguments: str) -> CommandResult:
    return fast_twin.installation.bulwark("drills", *arguments)


def drill_of_this_stack(*scenarios: Any, ago: timedelta, **changes: Any) -> Drill:
    at = datetime.now(UTC).replace(microsecond=0) - ago
    return drill(*scenarios, identity=identity(at, stack="local", place="twin", **changes), at=at)


def save(fast_twin: FastTwin, evidence: Drill, folder: Path) -> str:
    """Write evidence with its attestation, as the job that restores does."""
    file = folder / f"{evidence.identity.id}.json"
    document = to_json(evidence)
    file.write_bytes(document)
    token = issue_token(
        fast_twin.installation.home, subject=subject("restore"), audience=hashlib.sha256(document).hexdigest()
    )
    file.with_name(vault_layout.attestation(file.name)).write_text(token)
    return str(file)


def test_evidence_is_added_once_listed_and_written_again_as_a_report(
    fast_twin: FastTwin, tmp_path: Path
) -> None:
    good, bad = (
        drill_of_this_stack(ago=timedelta(hours=5)),
        drill_of_this_stack(scenario(checks=()), ago=timedelta(hours=4)),
    )
    first = run(fast_twin, "--add", save(fast_twin, good, tmp_path))
    assert first.code == 0, first.text
    assert f"evidence/drills/{good.identity.id}.json is in the vault" in first.err
    page, summary = tmp_path / "reports" / "drill.html", tmp_path / "reports" / "drill.md"
    second = run(
        fast_twin, "--add", save(fast_twin, bad, tmp_path), "--html", str(page), "--markdown", str(summary)
    )
    assert second.code == 0, second.text
    assert "GOVERNANCE until" in page.read_text()
    assert bad.faults[0] in page.read_text()
    assert bad.faults[0] in summary.read_text()
    again = run(fast_twin, "--add", save(fast_twin, good, tmp_path))
    assert again.code == 0, again.text
    assert "is in the vault already" in again.err
    listed = run(fast_twin, "--json").json
    assert [(one["id"], one["verdict"]) for one in listed["drills"]] == [
        (bad.identity.id, "failed"),
        (good.identity.id, "passed"),
    ]
    assert listed["passed"]["database"]["drill"] == good.identity.id
    assert run(fast_twin, "--drill", good.identity.id, "--json").json == good.model_dump(mode="json")
    table = run(fast_twin)
    assert table.code == 0
    assert "database: proven 5 h" in table.out
    assert "state: no drill has passed" in table.out
    drills = fast_twin.bulwark("status", "--json").json["drills"]["found"]["scenarios"]
    assert (bad.identity.id, False) in {(one["drill"], one["passed"]) for one in drills}


def test_evidence_of_another_stack_or_of_no_drill_is_refused_by_name(
    fast_twin: FastTwin, tmp_path: Path, draw: Draw
) -> None:
    stranger, future = (
        drill_of_this_stack(ago=timedelta(hours=1)),
        drill_of_this_stack(ago=-timedelta(hours=1)),
    )
    stranger = stranger.model_copy(update={"identity": identity(stranger.started)})
    torn = tmp_path / "torn.json"
    torn.write_bytes(to_json(stranger)[:100])
    refusals = (
        (("--add", save(fast_twin, stranger, tmp_path)), "./bulwark drills --stack prod --add"),
        (("--add", save(fast_twin, future, tmp_path)), "which is yet to come"),
        (("--add", str(torn)), "torn.json is no evidence of a drill: "),
        (("--add", str(tmp_path / "none.json")), "none.json can't be read"),
        (("--drill", "20300101T000000Z-0000"), "There is no drill 20300101T000000Z-0000."),
    )
    for arguments, message in draw("evidence that is refused", refusals, 2):
        refused = run(fast_twin, *arguments)
        assert refused.code == 1
        assert message in refused.err
        assert "Next:" in refused.err
