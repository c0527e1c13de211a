from typing import Any

from case import Case
from policy_harness import UNKNOWN, secret

from cases.identity import ACCOUNT, OTHER, document, extra

STRANGER = "999999999999"
QUEUE, FUNCTION = "aws:sqs/queuePolicy:QueuePolicy", "aws:lambda/permission:Permission"
SNAPSHOT, GRANT = "aws:rds/snapshot:Snapshot", "aws:s3control/accessGrant:AccessGrant"


def to(principal: Any, **more: Any) -> str:
    return document({"Action": "sqs:SendMessage", "Resource": "*", "Principal": principal, **more})


CASE = Case(
    rule="nothing-is-shared-outside",
    at="extra",
    weak=(
        extra(QUEUE, policy=to("*")),
        extra(QUEUE, policy=to({"AWS": [f"arn:aws:iam::{ACCOUNT}:root", STRANGER]})),
        extra("aws:kms/key:Key", policy=to({"AWS": f"arn:aws:iam::{STRANGER}:role/x"})),
        extra("aws:sns/topic:Topic", policy=to({"AWS": STRANGER})),
        extra(SNAPSHOT, sharedAccounts=["all"]),
        extra(SNAPSHOT, sharedAccounts=[OTHER, STRANGER]),
        extra("aws:ec2/amiLaunchPermission:AmiLaunchPermission", group="all"),
        extra("aws:ram/principalAssociation:PrincipalAssociation", principal=STRANGER),
        extra("aws:ram/resourceShare:ResourceShare", allowExternalPrincipals=True),
        extra(GRANT, grantee={"granteeType": "IAM", "granteeIdentifier": f"arn:aws:iam::{STRANGER}:root"}),
        extra(FUNCTION, principal="*"),
        extra(FUNCTION, principal=STRANGER),
        extra(FUNCTION, principal="s3.amazonaws.com", sourceArn="arn:aws:s3:::anybodys"),
    ),
    absent=(extra(FUNCTION, principal="events.amazonaws.com"),),
    unknown=(
        extra(QUEUE, policy=UNKNOWN),
        extra(SNAPSHOT, sharedAccounts=UNKNOWN),
        extra(FUNCTION, principal=UNKNOWN),
    ),
    secret=(extra(SNAPSHOT, sharedAccounts=secret([OTHER])),),
    fine=(
        extra(QUEUE, policy=to({"AWS": [ACCOUNT, f"arn:aws:iam::{OTHER}:root"]})),
        extra(
            QUEUE,
            policy=to("*", Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::uploads"}}),
        ),
        extra(QUEUE, policy=to({"Service": "events.amazonaws.com"})),
        extra(FUNCTION, principal="s3.amazonaws.com", sourceAccount=ACCOUNT),
        extra(
            FUNCTION, principal="events.amazonaws.com", sourceArn=f"arn:aws:events:eu-west-1:{ACCOUNT}:rule/x"
        ),
        extra("aws:ec2/vpcEndpoint:VpcEndpoint", policy=to("*")),
    ),
)
