import json
from typing import Any

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, alter, find_toy

from cases.vaults import (
    ARN,
    BUCKET,
    POLICY,
    REPLICA_ARN,
    as_object,
    as_secret,
    both,
    change,
    document,
    drop,
    made_from,
    more,
    no_statement,
    statement,
)

REPLICATION, ROLE = "backups-replication", "backups-replicator"
RIGHTS, BOUNDARY = f"{ROLE}-policy", "backups-administration-boundary"
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "s3.amazonaws.com"}}
ROLE_ARN = "arn:aws:iam::123456789012:role/example-vault-replicator"


def trusted(**changes: Any) -> Change:
    return change(ROLE, assumeRolePolicy=json.dumps({"Statement": [{**TRUST, **changes}]}))


def without_action(name: str, action: str) -> Change:
    """Take one action out of each statement of a policy."""

    def edit(statements: list[dict[str, Any]]) -> None:
        for one in statements:
            actions = one["Action"] if isinstance(one["Action"], list) else [one["Action"]]
            one["Action"] = [each for each in actions if each != action]

    return document(name, edit)


def denied(name: str, action: str, resource: str, **condition: Any) -> Change:
    return more(
        name, Effect="Deny", Principal="*", Action=action, Resource=resource, Condition=condition or {}
    )


def rights_renamed(alias: str) -> Change:
    def edit(stack: Any) -> Any:
        text = find_toy(stack, RIGHTS).inputs["policy"]
        return alter(stack, RIGHTS, policy=text.replace("alias/example-vault-eu-west-1", alias))

    return edit


CASE = Case(
    rule="replicator-can-copy",
    at=BUCKET,
    weak=(
        *(
            without_action(RIGHTS, action)
            for action in (
                "s3:GetReplicationConfiguration",
                "s3:ListBucket",
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
                "s3:GetObjectLegalHold",
                "s3:GetObjectRetention",
                "s3:ReplicateObject",
                "s3:ReplicateTags",
                "s3:ObjectOwnerOverrideToBucketOwner",
                "kms:Decrypt",
                "kms:Encrypt",
            )
        ),
        without_action(BOUNDARY, "s3:ReplicateObject"),
        without_action("backups-replica-policy", "s3:ReplicateTags"),
        without_action("backups-replica-key", "kms:Encrypt"),
        statement(RIGHTS, "ReadVersions", Resource=f"{ARN}/database/*"),
        statement(RIGHTS, "WriteReplica", Resource=f"{REPLICA_ARN}/state/*"),
        statement(RIGHTS, "ReadSource", Resource=f"{ARN}-other"),
        statement(
            RIGHTS, "Decrypt", Condition={"StringEquals": {"kms:ViaService": "s3.eu-west-2.amazonaws.com"}}
        ),
        statement(RIGHTS, "WriteReplica", Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
        denied("backups-replica-policy", "s3:Replicate*", f"{REPLICA_ARN}/*"),
        denied("backups-replica-policy", "s3:ReplicateObject", f"{REPLICA_ARN}/state/*"),
        denied("backups-replica-key", "kms:Encrypt", "*"),
        denied(POLICY, "s3:GetObjectVersionForReplication", f"{ARN}/*", Bool={"aws:SecureTransport": "true"}),
        denied(POLICY, "s3:ListBucket", "*", ArnEquals={"aws:PrincipalArn": ROLE_ARN}),
        rights_renamed("alias/nothing"),
        change("backups-vault-key-alias", targetKeyId="0f4b1a43-0000-4000-8000-000000000000"),
        change("backups-vault-key-alias", name="alias/other"),
        trusted(Principal={"Service": "ec2.amazonaws.com"}),
        trusted(Condition={"StringEquals": {"aws:SourceAccount": "210987654321"}}),
        trusted(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::other-*"}}),
        both(
            change(REPLICATION, role="arn:aws:iam::123456789012:role/elsewhere"),
            made_from(REPLICATION, role=[]),
        ),
        drop("backups-replica-policy"),
    ),
    absent=(drop(RIGHTS), change(REPLICATION, role=ABSENT), change(RIGHTS, policy=ABSENT)),
    unknown=(
        change(RIGHTS, policy=UNKNOWN),
        change(ROLE, assumeRolePolicy=UNKNOWN),
        change(BOUNDARY, policy=UNKNOWN),
        change("backups-replica-policy", policy=UNKNOWN),
        change("backups-replica-key", policy=UNKNOWN),
        change("backups-vault-key", policy=UNKNOWN),
        made_from(REPLICATION, role=[]),
    ),
    secret=(as_secret(RIGHTS, "policy"), as_secret(ROLE, "assumeRolePolicy")),
    fine=(
        as_object(RIGHTS),
        both(change(REPLICATION, role=ROLE_ARN), made_from(REPLICATION, role=[])),
        trusted(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::example-*"}}),
        statement(RIGHTS, "ReadVersions", Action="s3:Get*", Resource="*"),
        no_statement("backups-vault-key", "FullWindow"),
        denied("backups-replica-policy", "s3:ReplicateDelete", f"{REPLICA_ARN}/*"),
        denied("backups-replica-policy", "s3:*", f"{REPLICA_ARN}/*", Null={"aws:PrincipalArn": "true"}),
        # Without another owner of the copies, the right to hand them over is not needed.
        both(
            change(REPLICATION, rules__0__destination__accessControlTranslation=ABSENT),
            without_action(RIGHTS, "s3:ObjectOwnerOverrideToBucketOwner"),
        ),
    ),
)
