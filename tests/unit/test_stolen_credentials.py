"""The drill of credentials: its calls are real ones, and its evidence claims only what was answered."""

from pathlib import Path
from typing import Any, Final

import botocore.session
import pytest
from botocore.model import StructureShape
from drill_evidence import drill, scenario
from test_drill_report import Page

from recovery.drill import reports
from recovery.drill.credentials.calls import AWS_CALLS, ELSEWHERE_CALLS, FILES_CALLS, AwsCall
from recovery.drill.credentials.intruders import INTRUDERS, Intruder
from recovery.drill.credentials.runbook import TABLE_END, TABLE_START, render_table
from recovery.drill.evidence import CallAttempt, CopyAfterwards, Scenario

RUNBOOK: Final = Path(__file__).parents[2] / "docs" / "runbooks" / "credential.md"
_SESSION: Final = botocore.session.Session()


def attempt(**changes: Any) -> CallAttempt:
    fields: dict[str, Any] = {
        "credential": "backup-writer",
        "call": "kms:DisableKey",
        "target": "primary vault",
        "expected": "refused",
        "outcome": "refused",
        "how": "made",
        "answer": "AccessDeniedException: <no>",
        **changes,
    }
    return CallAttempt(**fields)


def left(**changes: Any) -> CopyAfterwards:
    fields: dict[str, Any] = {
        "credential": "backup-writer",
        "store": "database",
        "path": "replica",
        "expected": "kept",
        "state": "restored",
        "proof": "20300115T021700Z-77ab, restored and compared",
        **changes,
    }
    return CopyAfterwards(**fields)


def stolen(**changes: Any) -> Scenario:
    fields: dict[str, Any] = {
        "checks": (),
        "times": {},
        "attempts": (attempt(),),
        "afterwards": (left(),),
        **changes,
    }
    return scenario("credentials", **fields)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"attempts": (), "afterwards": ()}, "no destructive call was answered"),
        ({"attempts": (attempt(outcome="allowed"),)}, "was allowed, and must be refused"),
        ({"attempts": (attempt(expected="allowed"),)}, "was refused, and must be allowed"),
        ({"attempts": (attempt(), attempt(outcome="unknown"))}, "was neither allowed nor refused"),
        ({"afterwards": ()}, "backup-writer: no copy of the database was restored afterwards"),
        ({"afterwards": (left(state="unharmed"),)}, "no copy of the database was restored afterwards"),
        ({"afterwards": (left(), left(path="vault", state="lost"))}, "the database in vault is lost"),
        ({"afterwards": (left(), left(path="vault", expected="lost"))}, "expected to be lost"),
        ({"negative_control": None}, "no damaged copy was tried"),
        ({"teardown": ()}, "nobody looked whether anything of the drill is left"),
    ],
)
def test_whatever_a_credential_reached_or_nobody_looked_at_fails_the_drill(
    changes: dict[str, Any], fault: str
) -> None:
    [found] = stolen(**changes).faults
    assert fault in found


def test_a_simulated_drill_of_credentials_restores_nothing_and_leaves_what_it_does_not_know() -> None:
    simulated = (
        attempt(how="simulated"),
        attempt(how="not made", outcome="unknown", answer="no simulator answers for it"),
    )
    passed = drill(stolen(attempts=simulated, afterwards=(), teardown=(), recovery_point=None))
    assert passed.verdict == "passed"
    assert "1 are unknown" in reports.summarize(passed)
    assert "no call was made" in reports.summarize(passed)
    assert "restored" not in reports.summarize(passed)


def test_reports_of_credentials_show_every_call_and_what_is_left() -> None:
    attempts = (
        attempt(),
        attempt(call="kms:PutKeyPolicy everybody", outcome="allowed"),
        *(
            attempt(credential="Neon key", call=f"DELETE roles {name}", expected="allowed", outcome="allowed")
            for name in ("a", "b")
        ),
    )
    failed = drill(stolen(attempts=attempts, afterwards=(left(), left(credential="Neon key", state="lost"))))
    page, markdown = Page(reports.render_html(failed)), reports.render_markdown(failed)
    for text in (page.text, markdown.replace("&lt;", "<")):
        for shown in (
            "kms:DisableKey",
            "AccessDeniedException: <no>",
            "kms:PutKeyPolicy everybody on primary vault was allowed, and must be refused",
            "(2 times)",
        ):
            assert shown in text
    assert "| backup-writer | 1 | 1 | 0 | database: replica |" in markdown
    assert "| Neon key | 0 | 2 | 0 | database: nothing |" in markdown
    assert "Approved by".casefold() in page.text.casefold()


@pytest.mark.parametrize("intruder", INTRUDERS, ids=lambda one: one.credential)
def test_an_expectation_of_an_intruder_is_of_a_call_that_it_makes(intruder: Intruder) -> None:
    known = {f"{call.target}: {call.name}" for call in intruder.calls}
    known |= {f"{call.target}: *" for call in intruder.calls}
    assert intruder.allowed.keys() <= known
    assert len({(call.target, call.name) for call in intruder.calls}) == len(intruder.calls)


def test_each_role_tries_more_than_forty_calls_and_may_make_one_of_them() -> None:
    assert len(AWS_CALLS) > 60
    for intruder in INTRUDERS:
        if intruder.calls is AWS_CALLS and intruder.credential not in {"administrator", "deployer"}:
            assert not intruder.allowed, intruder.credential


@pytest.mark.parametrize("service", ["s3", "kms", "iam", "sts", "secretsmanager"])
def test_a_destructive_call_is_an_operation_of_aws_with_its_parameters(service: str) -> None:
    model = _SESSION.get_service_model(service)
    for call in (*AWS_CALLS, *ELSEWHERE_CALLS, *FILES_CALLS):
        if call.service == service:
            shape = model.operation_model(call.operation).input_shape
            assert isinstance(shape, StructureShape)
            assert set(shape.required_members) <= call.parameters.keys() <= shape.members.keys(), call
            assert call.permission.partition(":")[0] == service


def test_the_runbook_of_a_stolen_credential_has_the_drills_expectations() -> None:
    text = RUNBOOK.read_text()
    shown = text[text.index(TABLE_START) + len(TABLE_START) : text.index(TABLE_END)]
    assert shown.strip() == render_table().strip()


def test_the_runbooks_that_an_answer_names_exist() -> None:
    for intruder in INTRUDERS:
        for word in intruder.answer.replace(",", " ").split():
            if word.startswith("docs/"):
                assert (RUNBOOK.parents[2] / word.rstrip(".")).exists(), word


def test_only_calls_of_aws_are_simulated() -> None:
    assert all(isinstance(call, AwsCall) and call.resource for call in AWS_CALLS)
