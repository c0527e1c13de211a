"""Production in the real engine, on a first deploy: it passes, and without any one protection doesn't."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from installations import make_installation, remove
from mutations import MUTATIONS, Mutation
from policy_harness import RECORDING

from policies.rules import RULES

_HERE = Path(__file__).parent
NOT_ON_THE_TWIN = {
    "no-long-lived-key",
    "provider-is-explicit",
    "provider-is-pinned",
    "role-has-no-managed-administrator",
    "store-type-is-known",
}
"""Their mutations need types that the twin does not know, or a provider that the lock file does not pin;
test_first_preview.py previews those."""


@dataclass(frozen=True)
class Previews:
    """A process that previews production, again and again, with nothing in state."""

    asked: IO[str]
    answers: IO[str]
    recording: Path

    def run(self, mutation: int | None = None, pack: str = "policies") -> dict[str, Any]:
        """Return the engine's exit code, the violations, and what it said."""
        self.asked.write(json.dumps({"mutation": mutation, "pack": pack}) + "\n")
        self.asked.flush()
        return json.loads(self.answers.readline())


@pytest.fixture(scope="session")
def previews(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Previews]:
    folder = tmp_path_factory.mktemp("previews")
    installation = make_installation(folder / "checkout")
    recording = folder / "recording.json"
    environment = installation.environment | {
        "PYTHONPATH": os.pathsep.join((str(installation.folder), str(_HERE))),
        "BULWARK_RECORDING": str(recording),
    }
    with subprocess.Popen(
        [sys.executable, "-P", _HERE / "preview_process.py"],
        cwd=installation.folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        yield Previews(process.stdin, process.stdout, recording)
        process.stdin.close()
    remove(installation)


def test_production_as_it_is_passes(previews: Previews) -> None:
    preview = previews.run()
    assert preview["violations"] == []
    assert preview["code"] == 0, preview["said"]


@pytest.mark.parametrize(
    "number",
    range(len(MUTATIONS)),
    ids=lambda n: f"{MUTATIONS[n].resource}-{MUTATIONS[n].field or MUTATIONS[n].value}",
)
def test_each_protection_is_missed_by_its_rule(previews: Previews, number: int) -> None:
    preview = previews.run(number)
    refused = {found["policy"] for found in preview["violations"] if found["level"] == "mandatory"}
    assert MUTATIONS[number].rule in refused, preview["said"]
    assert preview["code"] != 0


def test_every_rule_has_a_mutation_that_it_refuses() -> None:
    assert {mutation.rule for mutation in MUTATIONS} | NOT_ON_THE_TWIN == {rule.id for rule in RULES}
    assert len(MUTATIONS) >= 60


def test_no_mutation_is_there_twice() -> None:
    changes = [(mutation.resource, mutation.field, repr(mutation.value)) for mutation in MUTATIONS]
    assert len(changes) == len(set(changes))
    assert all(isinstance(mutation, Mutation) for mutation in MUTATIONS)


def test_the_recording_that_other_tests_use_is_what_the_engine_sends(previews: Previews) -> None:
    previews.run(pack=str(_HERE / "recorder"))
    seen = previews.recording.read_text()
    if os.environ.get("BULWARK_ACCEPT_GOLDEN"):
        RECORDING.write_text(seen)
    assert seen == RECORDING.read_text(), (
        "policies see another production; if wanted: BULWARK_ACCEPT_GOLDEN=1 ./bulwark test -- -k recording"
    )
