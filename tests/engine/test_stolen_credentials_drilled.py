"""The whole drill `credentials` on a deployed twin: what each thief destroys, and what is left."""

from pathlib import Path

import pytest
from deployment import Deployment

from recovery.drill.credentials.intruders import INTRUDERS

pytestmark = pytest.mark.shares("deployed")


# Two minutes on an idle machine: the nightly run of all cases has it.
@pytest.mark.matrix(0)
@pytest.mark.parametrize("scenario", ["credentials"])
def test_whatever_credential_is_stolen_a_copy_of_each_store_is_restored(
    deployed: Deployment, tmp_path: Path, scenario: str
) -> None:
    evidence = str(tmp_path / "evidence.json")
    ended = deployed.installation.bulwark(
        "drill", scenario, "--json", "--evidence", evidence, timeout_seconds=1_200
    )
    [drilled] = ended.json["scenarios"]
    assert (ended.code, drilled["faults"]) == (0, []), ended.err[-3_000:]
    assert {one["credential"] for one in drilled["attempts"]} == {one.credential for one in INTRUDERS}
    assert {one["how"] for one in drilled["attempts"]} == {"made", "not made"}
    assert drilled["negative_control"]["found"]
