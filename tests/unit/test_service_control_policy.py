"""The service control policy that the documents show is the program's own, and Organizations takes it."""

import json
from pathlib import Path

from components.guard import BUCKET_ACTIONS, KEY_ACTIONS, OBJECT_ACTIONS
from components.service_control_policy import MOST_CHARACTERS, render

SHOWN = Path(__file__).parents[2] / "docs" / "service-control-policy.json"


def test_the_document_is_in_sync_with_the_program() -> None:
    assert json.loads(SHOWN.read_text()) == render("example"), (
        "run: python -m components.service_control_policy > docs/service-control-policy.json"
    )


def test_it_denies_what_the_policies_of_keys_and_buckets_deny_and_fits() -> None:
    policy = render("a-name-of-20-letters")
    statements = policy["Statement"]
    denied = {action for statement in statements for action in statement["Action"]}
    assert denied >= {*KEY_ACTIONS, *BUCKET_ACTIONS, *OBJECT_ACTIONS}
    assert {statement["Effect"] for statement in statements} == {"Deny"}
    assert not any("Principal" in statement for statement in statements)
    assert len(json.dumps(policy, separators=(",", ":"))) <= MOST_CHARACTERS
    (own,) = (statement for statement in statements if statement["Sid"] == "KeepBreakGlass")
    assert "Condition" not in own
    assert "iam:UpdateAssumeRolePolicy" in own["Action"]
