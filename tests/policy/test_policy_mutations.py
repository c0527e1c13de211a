"""
Production in the real engine, on a first deploy: it passes, and without any one protection doesn't.

One preview judges a batch of mutations, each by its rule and its resource; one is previewed alone as well. A
run draws three of the batches, and with `--all` previews every batch and every mutation.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import pytest
from installations import make_installation, remove
from mutations import MUTATIONS, Mutation, batches
from policy_harness import RECORDING

from policies.framework.inputs_stay_managed import RULE as INPUTS_STAY_MANAGED
from policies.rules import RULES

pytestmark = pytest.mark.shares("previews")

_HERE = Path(__file__).parent
NOT_ON_THE_TWIN = {
    "metric-alarm-tells-somebody",
    "no-long-lived-key",
    "provider-is-explicit",
    "provider-is-pinned",
    "role-has-no-managed-administrator",
    "type-is-classified",
}
"""Their mutations need types that the twin does not know, or a provider that the lock file does not pin;
test_first_preview.py previews those."""

BATCHES: Final = batches()


@dataclass(frozen=True)
class Preview:
    """Exit code, violations and output of one preview."""

    code: int
    refused: frozenset[tuple[str, str]]
    """Rule, and name of the resource."""

    output: str

    @property
    def rules(self) -> set[str]:
        return {rule for rule, _ in self.refused}


@dataclass(frozen=True)
class Previews:
    """A process that previews production, again and again, with nothing in state."""

    requests: IO[str]
    responses: IO[str]
    recording: Path

    def run(self, mutations: Sequence[Mutation] = (), pack: str = "policies") -> Preview:
        numbers = [MUTATIONS.index(mutation) for mutation in mutations]
        self.requests.write(json.dumps({"mutations": numbers, "pack": pack}) + "\n")
        self.requests.flush()
        response: dict[str, Any] = json.loads(self.responses.readline())
        refused = {
            (violation["policy"], violation["urn"].rpartition("::")[2])
            for violation in response["violations"]
            if violation["level"] == "mandatory"
        }
        return Preview(response["code"], frozenset(refused), response["output"])


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


def name_of(mutation: Mutation) -> str:
    return f"{mutation.resource}-{mutation.field or mutation.value}"


def test_production_as_it_is_passes(previews: Previews) -> None:
    preview = previews.run()
    assert preview.refused == frozenset()
    assert preview.code == 0, preview.output


@pytest.mark.matrix(sample=3)
@pytest.mark.parametrize("number", range(len(BATCHES)))
def test_each_mutation_is_refused_by_its_rule_on_its_resource_and_by_no_other(
    previews: Previews, number: int
) -> None:
    batch = BATCHES[number]
    preview = previews.run(batch)
    not_refused = [name_of(one) for one in batch if (one.rule, one.at) not in preview.refused]
    assert not_refused == [], preview.output
    assert preview.rules <= {rule for mutation in batch for rule in mutation.rules}, preview.output
    assert preview.code != 0


@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=name_of)
def test_one_mutation_alone_ends_in_a_nonzero_exit_code(previews: Previews, mutation: Mutation) -> None:
    preview = previews.run([mutation])
    assert (mutation.rule, mutation.at) in preview.refused, preview.output
    assert preview.rules == mutation.rules
    assert preview.code != 0


def test_every_mutation_is_in_one_batch_which_has_no_other_of_its_rule_or_its_resource() -> None:
    assert sorted(map(name_of, MUTATIONS)) == sorted(name_of(one) for batch in BATCHES for one in batch)
    for batch in BATCHES:
        rules = [rule for mutation in batch for rule in mutation.rules]
        resources = [name for mutation in batch for name in mutation.touched]
        assert len(rules) == len(set(rules))
        assert len(resources) == len(set(resources))
    assert len(BATCHES) <= 20


def test_every_rule_has_a_mutation_that_it_refuses() -> None:
    assert {mutation.rule for mutation in MUTATIONS} | NOT_ON_THE_TWIN == {
        rule.id for rule in (*RULES, INPUTS_STAY_MANAGED)
    }
    assert len(MUTATIONS) >= 60


def test_every_mutation_is_unique() -> None:
    changes = [(mutation.resource, mutation.field, repr(mutation.value)) for mutation in MUTATIONS]
    assert len(changes) == len(set(changes))


def test_the_recording_that_other_tests_use_is_what_the_engine_sends(previews: Previews) -> None:
    previews.run(pack=str(_HERE / "recorder"))
    seen = previews.recording.read_text()
    if os.environ.get("BULWARK_ACCEPT_GOLDEN"):
        RECORDING.write_text(seen)
    assert seen == RECORDING.read_text(), (
        "policies see another production; if wanted: BULWARK_ACCEPT_GOLDEN=1 ./bulwark test -- -k recording"
    )
