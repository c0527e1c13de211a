"""Who may touch the production vaults, as the engine holds it."""

from typing import Any

import pytest
from deployment import Deployment

pytestmark = pytest.mark.shares("production")

ISSUER = "token.actions.githubusercontent.com"
ROLES = {
    "backup-writer": "backup",
    "state-writer": "state",
    "backup-restorer": "restore",
    "driller": "drill",
    "state-driller": "state-drill",
    "copier": "elsewhere",
    "planner": "plan",
    "deployer": "production",
}
"""Role -> the GitHub environment whose jobs may assume it."""

KEYS = {
    "backups-identity-backup-writer-policy": {"Encrypt": "backups-vault"},
    "backups-identity-state-writer-policy": {"Encrypt": "backups-vault"},
    "backups-identity-backup-restorer-policy": {"Decrypt1": "backups-vault"},
    "backups-identity-driller-policy": {"Decrypt1": "backups-vault"},
    "backups-identity-state-driller-policy": {"Decrypt1": "backups-vault"},
    "backups-identity-copier-policy": {"Decrypt1": "backups-vault"},
    "backups-replica-identity-replica-restorer-policy": {"Decrypt1": "backups-replica"},
    "backups-replica-identity-replica-driller-policy": {"Decrypt1": "backups-replica"},
    "backups-replicator-policy": {"Decrypt": "backups-vault", "Encrypt": "backups-replica"},
}
"""A role's policy -> its statements about keys, and the vault whose key each is about."""


DOCUMENTS = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:example/jobs/"


def allowed_statements(production: Deployment, role: str) -> dict[str, tuple[set[str], Any]]:
    """Return what a role's only policy allows: Sid -> actions and resources."""
    component = "backups-replica-identity" if role.startswith("replica-") else "backups-identity"
    statements = production[f"{component}-{role}-policy"].policy()
    assert {statement["Effect"] for statement in statements.values()} == {"Allow"}
    return {sid: (set(found["Action"]), found["Resource"]) for sid, found in statements.items()}


def key_condition(production: Deployment, vault: str) -> tuple[str, Any]:
    """Return the resource and the condition that together mean the vault's key, used by S3, and no other."""
    _, _, _, region, account, _ = production[f"{vault}-key"].outputs["arn"].split(":")
    alias = production[f"{vault}-key-alias"].outputs["name"]
    return (
        f"arn:aws:kms:{region}:{account}:key/*",
        {
            "ForAnyValue:StringEquals": {"kms:ResourceAliases": [alias]},
            "StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"},
        },
    )


def allowed_actions(production: Deployment, role: str) -> set[str]:
    return {action for found, _ in allowed_statements(production, role).values() for action in found}


def test_tokens_come_from_github_and_are_meant_for_aws(production: Deployment) -> None:
    assert production["backups-identity-github"].inputs == {
        "url": f"https://{ISSUER}",
        "clientIdLists": ["sts.amazonaws.com"],
    }


@pytest.mark.parametrize(("role", "environment"), ROLES.items())
def test_a_role_trusts_exactly_one_repository_and_environment(
    production: Deployment, role: str, environment: str
) -> None:
    found = production[f"backups-identity-{role}"]
    assert found.inputs["name"] == f"example-{role}"
    assert found.inputs["maxSessionDuration"] == 2 * 3600
    assert list(found.policy("assumeRolePolicy").values()) == [
        {
            "Effect": "Allow",
            "Principal": {"Federated": production["backups-identity-github"].outputs["arn"]},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{ISSUER}:aud": "sts.amazonaws.com",
                    f"{ISSUER}:sub": f"repo:example@123456/platform@456789:environment:{environment}",
                }
            },
        }
    ]


def test_the_roles_wait_for_the_issuer_that_they_trust(production: Deployment) -> None:
    for role in ROLES:
        assert production[f"backups-identity-{role}"].dependencies == {
            "backups-identity-github",
            "backups-administration-boundary",
        }


@pytest.mark.parametrize(("policy", "keys"), KEYS.items())
def test_a_role_uses_the_keys_of_its_vaults_and_no_other(
    production: Deployment, policy: str, keys: dict[str, str]
) -> None:
    found = {
        sid: (statement["Resource"], statement.get("Condition"))
        for sid, statement in production[policy].policy().items()
        # Who lists the names of keys uses none.
        if "kms:" in str(statement["Action"]) and "Document" not in sid and sid != "FindKeys"
    }
    assert found == {sid: key_condition(production, vault) for sid, vault in keys.items()}


def test_the_writer_adds_to_the_primary_vault_and_touches_nothing_else(production: Deployment) -> None:
    bucket = production["backups-vault-bucket"].outputs["arn"]
    once = [f"{bucket}/{prefix}/*" for prefix in ("database", "evidence", "manifests")]
    recalled = [
        *(
            f"{bucket}/{store}/*/manifest.json{attestation}"
            for store in ("database", "state")
            for attestation in ("", ".attestation")
        ),
        *(f"{bucket}/{prefix}/*" for prefix in ("evidence", "manifests", "trust/issuer-keys")),
    ]
    assert allowed_statements(production, "backup-writer") == {
        "AddOnce": ({"s3:PutObject"}, once),
        "AddParts": ({"s3:PutObject"}, once),
        "AddFiles": ({"s3:PutObject"}, f"{bucket}/files/*"),
        "MarkGone": ({"s3:PutObjectVersionTagging"}, f"{bucket}/files/*"),
        "GiveUp": (
            {"s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"},
            [*once, f"{bucket}/files/*"],
        ),
        "Look": (
            {
                "s3:GetBucketLocation",
                "s3:GetBucketObjectLockConfiguration",
                "s3:ListBucket",
                "s3:ListBucketMultipartUploads",
                "s3:ListBucketVersions",
            },
            bucket,
        ),
        "Confirm": ({"s3:GetObjectRetention"}, f"{bucket}/*"),
        "Recall": ({"s3:GetObject", "s3:GetObjectVersion"}, recalled),
        "Encrypt": ({"kms:Decrypt", "kms:GenerateDataKey"}, key_condition(production, "backups-vault")[0]),
        "UseDocument": ({"secretsmanager:GetSecretValue"}, f"{DOCUMENTS}backup-writer-??????"),
        "DecryptDocument": ({"kms:Decrypt"}, key_condition(production, "backups-vault")[0]),
    }


def test_the_writer_has_no_wildcard_and_can_neither_delete_nor_unlock(production: Deployment) -> None:
    found = allowed_actions(production, "backup-writer")
    assert [action for action in found if "*" in action] == []
    forbidden = ("Delete", "Bypass", "PutObjectRetention", "PutObjectLegalHold", "PutBucket", "PutLifecycle")
    assert [action for action in found if any(word in action for word in forbidden)] == []


def test_the_writer_overwrites_no_dump(production: Deployment) -> None:
    statements = production["backups-identity-backup-writer-policy"].policy()
    assert statements["AddOnce"]["Condition"] == {"Null": {"s3:if-none-match": "false"}}
    # True for everything that completes an object, so this allows parts alone.
    assert statements["AddParts"]["Condition"] == {"Bool": {"s3:ObjectCreationOperation": "false"}}


def test_the_writer_gives_no_tag_but_the_one_of_deleted_files(production: Deployment) -> None:
    assert production["backups-identity-backup-writer-policy"].policy()["MarkGone"]["Condition"] == {
        "StringEquals": {"s3:RequestObjectTag/bulwark-gone": "yes"},
        "ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["bulwark-gone"]},
    }


@pytest.mark.parametrize(
    ("role", "vault"), [("backup-restorer", "backups-vault"), ("replica-restorer", "backups-replica")]
)
def test_each_restorer_reads_the_vault_of_its_account_and_writes_nothing(
    production: Deployment, role: str, vault: str
) -> None:
    reading = ("s3:Get", "s3:List", "kms:Decrypt")
    assert [it for it in allowed_actions(production, role) if not it.startswith(reading)] == []
    bucket = production[f"{vault}-bucket"].outputs["arn"]
    resources = {sid: found for sid, (_, found) in allowed_statements(production, role).items()}
    assert resources == {
        "Look": [bucket],
        "Read": [f"{bucket}/*"],
        "Decrypt1": key_condition(production, vault)[0],
    }


def test_nobody_of_the_primary_account_is_trusted_there_but_to_look(production: Deployment) -> None:
    (job,) = production["backups-replica-identity-replica-restorer"].policy("assumeRolePolicy").values()
    (of_primary,) = production["backups-identity-backup-restorer"].policy("assumeRolePolicy").values()
    assert job["Principal"] == {"Federated": f"arn:aws:iam::210987654321:oidc-provider/{ISSUER}"}
    assert job["Condition"] == of_primary["Condition"]
    (look,) = production["backups-replica-identity-replica-reader"].policy("assumeRolePolicy").values()
    arns = [f"arn:aws:iam::123456789012:role/example-{role}" for role in ("planner", "deployer")]
    assert look["Condition"] == {"ArnEquals": {"aws:PrincipalArn": arns}}
    looking = ("Get", "List", "Describe")
    found = allowed_actions(production, "replica-reader") - {"iam:GenerateCredentialReport"}
    assert [action for action in found if not action.partition(":")[2].startswith(looking)] == []
    assert found.isdisjoint({"s3:GetObject", "s3:GetObjectVersion"})


def test_planner_and_deployer_enter_the_other_account_to_look_alone(production: Deployment) -> None:
    reader = "arn:aws:iam::210987654321:role/example-replica-reader"
    for role in ("planner", "deployer"):
        assert allowed_statements(production, role)["LookAtReplica"] == ({"sts:AssumeRole"}, reader)


@pytest.mark.parametrize("role", ["planner", "deployer"])
def test_planner_and_deployer_read_manifests_and_evidence_and_no_backup(
    production: Deployment, role: str
) -> None:
    statements = allowed_statements(production, role)
    bucket = production["backups-vault-bucket"].outputs["arn"]
    records = [
        *(
            f"{bucket}/{store}*/manifest.json{attestation}"
            for attestation in ("", ".attestation")
            for store in ("database/", "state/", "manifests/files/")
        ),
        f"{bucket}/evidence/*",
        f"{bucket}/trust/issuer-keys/*",
    ]
    assert statements.pop("ReadRecords") == ({"s3:GetObject", "s3:GetObjectVersion"}, records)
    assert statements.pop("DecryptRecords")[0] == {"kms:Decrypt"}
    uses, decrypts = statements.pop("UseDocuments"), statements.pop("DecryptDocuments")
    writes = {"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"}
    assert uses[1] == f"{DOCUMENTS}*"
    assert uses[0] == {"secretsmanager:GetSecretValue"} | (writes if role == "deployer" else set())
    assert decrypts[0] == {"kms:Decrypt"} | ({"kms:GenerateDataKey"} if role == "deployer" else set())
    if role == "deployer":
        keys = f"{bucket}/trust/issuer-keys/*"
        assert statements.pop("RecordKeys") == ({"s3:PutObject"}, keys)
        assert statements.pop("ConfirmKeys") == ({"s3:GetObjectRetention"}, keys)
    found = {action for actions_, _ in statements.values() for action in actions_}
    objects = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:DeleteBucket", "s3:Bypass", "s3:*")
    assert [action for action in found if action.startswith(objects)] == []
    assert [action for action in found if action.startswith("kms:") and action.endswith("crypt")] == []
    assert {"kms:ScheduleKeyDeletion", "kms:DisableKey"} & found == set()


@pytest.mark.parametrize(
    ("role", "names"), [("backup-writer", "backup-writer-??????"), ("planner", "*"), ("deployer", "*")]
)
def test_the_key_of_the_documents_decrypts_for_a_role_what_it_may_read_and_nothing_else(
    production: Deployment, role: str, names: str
) -> None:
    statements = production[f"backups-identity-{role}-policy"].policy()
    [decrypts] = [found for sid, found in statements.items() if sid.startswith("DecryptDocument")]
    assert decrypts["Condition"] == {
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/example-jobs"]},
        "StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"},
        "StringLike": {"kms:EncryptionContext:SecretARN": f"{DOCUMENTS}{names}"},
    }


def test_a_documents_own_policy_denies_it_to_the_other_roles(production: Deployment) -> None:
    statement = production["backups-documents-backup-writer"].policy()["OnlyItsRole"]
    roles = ("vault-replicator", "state-writer", "backup-restorer", "driller", "state-driller", "copier")
    assert (statement["Effect"], statement["Action"]) == ("Deny", "secretsmanager:GetSecretValue")
    assert statement["Condition"] == {
        "ArnEquals": {"aws:PrincipalArn": [f"arn:aws:iam::123456789012:role/example-{one}" for one in roles]}
    }


def test_the_planner_only_reads(production: Deployment) -> None:
    more = {"kms:Decrypt", "sts:AssumeRole", "iam:GenerateCredentialReport"}
    found = allowed_actions(production, "planner") - more
    assert all(action.partition(":")[2].startswith(("Describe", "Get", "List")) for action in found)


def test_the_deployer_changes_nothing_at_aws_but_the_issuers_keys_and_the_values_of_documents(
    production: Deployment,
) -> None:
    found = allowed_actions(production, "deployer") - allowed_actions(production, "planner")
    assert found == {
        "s3:PutObject",
        "s3:GetObjectRetention",
        "kms:GenerateDataKey",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
    }
    statements = allowed_statements(production, "deployer")
    assert statements["RecordKeys"][1].endswith("/trust/issuer-keys/*")


def test_every_role_of_a_job_has_the_boundary_and_break_glass_has_none(production: Deployment) -> None:
    arn = production["backups-administration-boundary"].outputs["arn"]
    for name in (*(f"backups-identity-{role}" for role in ROLES), "backups-replicator"):
        assert production[name].inputs["permissionsBoundary"] == arn
    there = production["backups-replica-administration-boundary"].outputs["arn"]
    for role in ("replica-restorer", "replica-reader"):
        assert production[f"backups-replica-identity-{role}"].inputs["permissionsBoundary"] == there
    for administration in ("backups-administration", "backups-replica-administration"):
        assert "permissionsBoundary" not in production[f"{administration}-break-glass"].inputs


def test_the_boundary_allows_no_change_of_roles_keys_and_vaults(production: Deployment) -> None:
    statements = production["backups-administration-boundary"].policy().values()
    actions = {action for statement in statements for action in statement["Action"]}
    assert {action for action in actions if action.startswith(("iam:", "sts:"))} == {
        "iam:GetOpenIDConnectProvider",
        "iam:GetPolicy",
        "iam:GetPolicyVersion",
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:GenerateCredentialReport",
        "iam:GetCredentialReport",
        "iam:ListAttachedRolePolicies",
        "iam:ListOpenIDConnectProviders",
        "iam:ListRolePolicies",
        "iam:ListRoles",
        "iam:SimulatePrincipalPolicy",
        "sts:AssumeRole",
    }
    changing = ("Delete", "Bypass", "Schedule", "Disable", "Put", "Create", "Update", "*")
    assert {action for action in actions if any(word in action for word in changing)} == {
        "events:List*",
        "s3:PutObject",
        "s3:PutObjectVersionTagging",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
    }


def test_break_glass_is_taken_on_with_a_second_factor_of_just_now(production: Deployment) -> None:
    role = production["backups-administration-break-glass"]
    assert role.inputs["maxSessionDuration"] == 3600
    assert list(role.policy("assumeRolePolicy").values()) == [
        {
            "Effect": "Allow",
            "Principal": {"AWS": ["arn:aws:iam::123456789012:root"]},
            "Action": "sts:AssumeRole",
            "Condition": {
                "Bool": {"aws:MultiFactorAuthPresent": "true"},
                "NumericLessThan": {"aws:MultiFactorAuthAge": "900"},
                # Where its use is told; the replica's region is the other account's.
                "StringEquals": {"aws:RequestedRegion": ["eu-west-1", "us-east-1"]},
            },
        }
    ]
    assert production["backups-administration"].inputs == {"breakGlassArn": role.outputs["arn"]}
    assert production.outputs["break_glass_role"] == role.outputs["arn"]


def test_a_new_key_is_tagged_where_it_has_no_tag_yet(production: Deployment) -> None:
    policy = production["backups-administration-break-glass-policy"].policy()
    ours = {"aws:RequestTag/Project": "example"}
    assert policy["MakeKeys"]["Condition"] == {"StringEquals": ours}
    assert policy["TagNewKeys"]["Action"] == ["kms:TagResource"]
    assert policy["TagNewKeys"]["Condition"] == {
        "StringEquals": ours,
        "Null": {"aws:ResourceTag/Project": "true"},
    }
    assert policy["ConfigureKeys"]["Condition"] == {"StringEquals": {"aws:ResourceTag/Project": "example"}}


def test_each_policy_is_on_its_own_role_and_waits_for_it(production: Deployment) -> None:
    for role in ROLES:
        policy = production[f"backups-identity-{role}-policy"]
        assert (policy.inputs["name"], policy.inputs["role"]) == (role, f"example-{role}")
        assert policy.property_dependencies == {"role": {f"backups-identity-{role}"}}
