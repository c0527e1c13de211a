"""What a drill may claim: only what its evidence shows."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from drill_evidence import NOW, drill, identity, scenario, times
from pydantic import ValidationError

from recovery.drill.evidence import Check, Drill, Measurement, NegativeControl, RecoveryPoint, TeardownResult
from recovery.drill.schema import build_schema

_SCHEMA = Path(__file__).parents[2] / "docs" / "drill.schema.json"
_POINT = scenario().recovery_point


def _check(outcome: Any, why: str = "") -> Check:
    return Check(
        name="login", what="as the application role", expected="1", actual="2", outcome=outcome, why=why
    )


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"error": "the vault can't be reached"}, "broke off: the vault can't be reached"),
        ({"recovery_point": None}, "there was no recovery point"),
        ({"recovery_point": _POINT and _POINT.model_copy(update={"held": None})}, "the vault was not asked"),
        ({"newest_change": None}, "data loss was not measured"),
        ({"newest_change": NOW}, "data loss of -120.0 s can't be"),
        ({"loss_objective_seconds": 60}, "data loss of 7,203.0 s misses the objective of 60 s"),
        ({"times": times(first_query=1, verified=2)}, "time to health was not measured"),
        ({"times": times(first_query=None, verified=2, health=3)}, "time to first query was not measured"),
        (
            {"times": times(first_query=901, verified=902, health=903)},
            "time to first query of 901.0 s misses",
        ),
        ({"checks": ()}, "nothing was checked"),
        ({"checks": (_check("failed"),)}, "login: expected 1, found 2"),
        ({"checks": (_check("not_run", "no such role"),)}, "login could not run: no such role"),
        ({"checks": (_check("not_run"),)}, "login could not run: nobody knows why"),
        ({"negative_control": None}, "no damaged copy was tried"),
        (
            {"negative_control": NegativeControl(damage="a bit", found=())},
            "a damaged copy passed for good: a bit",
        ),
        ({"teardown": ()}, "nobody looked whether anything of the drill is left"),
        (
            {"teardown": (TeardownResult(name="x", kind="branch", gone=False, proof="listed"),)},
            "branch x is left behind",
        ),
    ],
)
def test_each_missed_objective_or_missing_proof_fails_the_drill_and_is_named(
    changes: dict[str, Any], fault: str
) -> None:
    evidence = drill(scenario(**changes))
    assert evidence.verdict == "failed"
    assert len(evidence.faults) == 1
    assert evidence.faults[0].startswith(f"loss: {fault}")


def test_a_drill_passes_only_with_all_of_its_scenarios() -> None:
    assert drill().verdict == "passed"
    assert drill(scenario(), scenario("files", times=times(verified=5))).verdict == "passed"
    assert drill(scenario(), scenario("files", error="cut off")).faults == ("files: broke off: cut off",)
    assert drill(error="interrupted").verdict == "failed"
    nothing = Drill(identity=identity(), started=NOW, finished=NOW, scenarios=())
    assert nothing.faults == ("no scenario was tried",)


def test_evidence_refuses_nan_and_infinite_times() -> None:
    with pytest.raises(ValidationError):
        Measurement(seconds=float("nan"), objective_seconds=1, how="")
    with pytest.raises(ValidationError):
        Measurement(seconds=1, objective_seconds=float("inf"), how="")


def test_evidence_comes_back_as_it_was_written() -> None:
    evidence = drill(scenario(), scenario("files", checks=()))
    assert Drill.model_validate_json(evidence.model_dump_json()) == evidence


@pytest.mark.parametrize(
    "path",
    [
        ("verdict",),
        ("faults",),
        ("scenarios", 0, "verdict"),
        ("scenarios", 0, "faults"),
        ("scenarios", 0, "loss"),
        ("scenarios", 0, "backup_age_seconds"),
        ("scenarios", 0, "times", "verified", "met"),
        ("scenarios", 0, "negative_control", "noticed"),
    ],
)
def test_a_document_that_states_another_result_than_it_shows_is_refused(path: tuple[Any, ...]) -> None:
    *way, last = path
    for other in ("passed", True, None, []):
        stated = json.loads(drill(scenario(checks=(_check("failed"),))).model_dump_json())
        at: Any = stated
        for step in way:
            at = at[step]
        if at[last] == other:
            continue
        at[last] = other
        with pytest.raises(ValidationError, match="otherwise than its own content shows"):
            Drill.model_validate_json(json.dumps(stated))


def test_results_that_are_left_out_are_computed() -> None:
    stated = json.loads(drill(scenario(checks=())).model_dump_json())
    del stated["verdict"], stated["faults"], stated["scenarios"][0]["verdict"]
    assert Drill.model_validate(stated).verdict == "failed"


@pytest.mark.parametrize(
    "secret",
    [
        "postgresql://platform_app:s3cret-Word@db.example.com/platform",
        "AKIAIOSFODNN7EXAMPLE",
        "napi_" + "0a" * 20,
        "-----BEGIN PRIVATE KEY-----\nMIIEvAIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----",
        "https://heartbeat.uptimerobot.com/m7-abcdef",
    ],
)
def test_no_credential_gets_into_any_text_of_the_evidence(secret: str) -> None:
    text = f"connecting to {secret} failed"
    check = Check(name=text, what=text, expected=text, actual=text, outcome="failed", why=text)
    evidence = drill(
        scenario(
            threat=text,
            error=text,
            checks=(check,),
            deviations=(text,),
            recovery_point=RecoveryPoint(path="history", id=text, as_of=NOW, choice="newest", held=None),
            negative_control=NegativeControl(damage=text, found=(text,)),
            teardown=(TeardownResult(name=text, kind=text, gone=True, proof=text),),
        ),
        identity=identity(actor=text, versions={text: text}),
        leftovers=(text,),
        error=text,
    )
    written = evidence.model_dump_json()
    for word in secret.split():
        assert json.dumps(word)[1:-1] not in written
    assert "connecting to [" in written or "[a private key]" in written


@pytest.mark.parametrize(
    "url", ["http://example.com/run", "https://token@example.com/run", "https://example.com/run?token=1"]
)
def test_the_address_of_a_run_is_a_plain_https_address(url: str) -> None:
    with pytest.raises(ValidationError, match="no https address"):
        identity(run_url=url)


def test_the_committed_schema_is_that_of_the_models_and_takes_what_is_written() -> None:
    committed = json.loads(_SCHEMA.read_text())
    assert committed == build_schema(), "run: python -m recovery.drill.schema > docs/drill.schema.json"
    for evidence in (
        drill(),
        drill(scenario(recovery_point=None, negative_control=None, newest_change=None)),
    ):
        jsonschema.validate(json.loads(evidence.model_dump_json()), committed)


def test_the_age_of_a_backup_is_told_apart_from_what_is_lost() -> None:
    evidence = scenario()
    assert evidence.backup_age_seconds == timedelta(hours=2).total_seconds()
    assert evidence.loss.seconds == timedelta(hours=2, seconds=3).total_seconds()
