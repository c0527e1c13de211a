"""The twin's policy simulator answers as its authorization does, and makes no call."""

from typing import Any

import pytest
from aws_role import ACCOUNT, READ, ROLE, client, document, session
from aws_twin import Service
from botocore.exceptions import ClientError

pytestmark = pytest.mark.shares("aws-authorization")

OBJECT = "arn:aws:s3:::vault/a"
ALL = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
ONLY_READ = document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})


def simulate(service: Service, *actions: str, **given: Any) -> dict[str, str]:
    """Return action -> decision, for the role `reader` on one object."""
    answer = service.client("iam").simulate_principal_policy(
        **{"PolicySourceArn": ROLE, "ActionNames": list(actions), "ResourceArns": [OBJECT], **given}
    )
    assert {result["EvalResourceName"] for result in answer["EvaluationResults"]} == {OBJECT}
    return {result["EvalActionName"]: result["EvalDecision"] for result in answer["EvaluationResults"]}


def test_a_simulation_decides_by_the_roles_policies(service: Service) -> None:
    denied = document(READ, {"Effect": "Deny", "Action": "s3:GetObject", "Resource": OBJECT})
    assert simulate(service, "s3:GetObject", "s3:DeleteObject") == {
        "s3:GetObject": "allowed",
        "s3:DeleteObject": "implicitDeny",
    }
    assert simulate(service, "s3:GetObject", PolicyInputList=[denied]) == {"s3:GetObject": "explicitDeny"}
    assert simulate(service, "s3:DeleteObject", PolicyInputList=[ALL]) == {"s3:DeleteObject": "allowed"}
    s3 = client(service, "s3", session(service))
    assert s3.get_object(Bucket="vault", Key="a")["Body"].read() == b"content"  # nothing was made


def test_a_simulated_call_has_to_be_within_the_boundary(service: Service) -> None:
    within = simulate(service, "s3:GetObject", "kms:Decrypt", PermissionsBoundaryPolicyInputList=[ONLY_READ])
    assert within == {"s3:GetObject": "allowed", "kms:Decrypt": "implicitDeny"}


def test_a_simulation_takes_the_context_that_it_is_given(service: Service) -> None:
    tagged = document(
        {
            "Effect": "Allow",
            "Action": "kms:DisableKey",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/Project": "example"}},
        }
    )
    key = {"ContextKeyName": "aws:ResourceTag/Project", "ContextKeyType": "string"}
    assert simulate(service, "kms:DisableKey", PolicyInputList=[tagged]) == {"kms:DisableKey": "implicitDeny"}
    for project, decision in (("example", "allowed"), ("other", "implicitDeny")):
        entries = [{**key, "ContextKeyValues": [project]}]
        found = simulate(service, "kms:DisableKey", PolicyInputList=[tagged], ContextEntries=entries)
        assert found == {"kms:DisableKey": decision}


def test_a_simulation_names_the_context_that_it_lacks(service: Service) -> None:
    once = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}
    answer = service.client("iam").simulate_principal_policy(
        PolicySourceArn=ROLE,
        ActionNames=["s3:PutObject"],
        ResourceArns=[OBJECT],
        PolicyInputList=[document({**once, "Condition": {"Null": {"s3:if-none-match": "false"}}})],
    )
    [result] = answer["EvaluationResults"]
    assert result["EvalDecision"] == "implicitDeny"
    assert "s3:if-none-match" in result["MissingContextValues"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:role/nobody"}, "NoSuchEntity"),
        ({"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:root"}, "NoSuchEntity"),
        ({"ResourcePolicy": ALL}, "InvalidInput"),
        ({"CallerArn": ROLE}, "InvalidInput"),
        ({"ActionNames": ["GetObject"]}, "ValidationError"),
    ],
)
def test_a_simulation_refuses_what_iam_refuses(service: Service, given: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError, match=rf"\({code}\)"):
        simulate(service, "s3:GetObject", **given)


def test_who_may_not_simulate_learns_nothing(service: Service) -> None:
    with pytest.raises(ClientError, match="iam:SimulatePrincipalPolicy"):
        client(service, "iam", session(service)).simulate_principal_policy(
            PolicySourceArn=ROLE, ActionNames=["s3:GetObject"]
        )
