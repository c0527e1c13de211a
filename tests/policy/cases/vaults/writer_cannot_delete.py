from dataclasses import replace

from case import Case
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import (
    ARN,
    REPLICA_ARN,
    WRITER,
    add,
    allow,
    as_object,
    as_secret,
    aws,
    both,
    change,
    more,
    no_statement,
    policy,
)

CASE = Case(
    rule="writer-cannot-delete",
    at=WRITER,
    weak=(
        more(f"{WRITER}-policy", **allow("s3:DeleteObject", f"{ARN}/*")),
        more(f"{WRITER}-policy", **allow("S3:deleteobject*", f"{ARN}/state/*")),
        more(f"{WRITER}-policy", **allow("s3:*", REPLICA_ARN)),
        more(f"{WRITER}-policy", **allow("*", "*")),
        more(f"{WRITER}-policy", **allow("s3:BypassGovernanceRetention", "arn:aws:s3:::example-*")),
        more(f"{WRITER}-policy", **allow("s3:PutObjectRetention", f"{ARN}/*")),
        more(f"{WRITER}-policy", **allow("s3:PutObjectLegalHold", f"{ARN}/*")),
        more(f"{WRITER}-policy", **allow("s3:PutBucketVersioning", ARN)),
        more(f"{WRITER}-policy", **allow("s3:PutBucketObjectLockConfiguration", ARN)),
        more(f"{WRITER}-policy", **allow("s3:PutLifecycleConfiguration", ARN)),
        more(f"{WRITER}-policy", **allow("s3:PutBucketPolicy", ARN)),
        more(f"{WRITER}-policy", **allow("s3:DeleteBucketPolicy", ARN)),
        more(f"{WRITER}-policy", **allow("s3:DeleteBucket", ARN)),
        more(f"{WRITER}-policy", **allow("kms:ScheduleKeyDeletion", "*")),
        more(f"{WRITER}-policy", **allow("kms:DisableKey", "*")),
        more(f"{WRITER}-policy", **allow("kms:PutKeyPolicy", "*")),
        more(f"{WRITER}-policy", Effect="Allow", NotAction="s3:GetObject", Resource=f"{ARN}/*"),
        more(f"{WRITER}-policy", Effect="Allow", Action="s3:DeleteObject", NotResource=f"{ARN}/files/*"),
        # It marks what others write.
        no_statement(f"{WRITER}-policy", "AddFiles"),
        both(
            no_statement(f"{WRITER}-policy", "AddFiles"),
            more(f"{WRITER}-policy", **allow("s3:PutObjectT*", f"{ARN}/*")),
        ),
        # The two halves may stand in different policies of the same role.
        add(
            aws(
                "iam/rolePolicy:RolePolicy",
                "more",
                role="example-backup-writer",
                policy=policy(allow("s3:DeleteObject", f"{ARN}/*")),
            )
        ),
        change(WRITER, inlinePolicies=[{"name": "more", "policy": policy(allow("s3:DeleteObject", "*"))}]),
        lambda stack: [
            *stack,
            aws("iam/policy:Policy", "more", policy=policy(allow("s3:DeleteObject", f"{ARN}/*"))),
            replace(
                aws(
                    "iam/rolePolicyAttachment:RolePolicyAttachment",
                    "attached",
                    role=UNKNOWN,
                    policyArn=UNKNOWN,
                ),
                made_from={"role": [WRITER], "policyArn": ["more"]},
            ),
        ],
        add(
            aws(
                "iam/rolePolicyAttachment:RolePolicyAttachment",
                "attached",
                role="example-backup-writer",
                policyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess",
            )
        ),
        change(WRITER, managedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),
        # A refusal of something else changes nothing.
        both(
            more(f"{WRITER}-policy", **allow("s3:DeleteObject", f"{ARN}/*")),
            more(f"{WRITER}-policy", Effect="Deny", Action="s3:DeleteObject", Resource=f"{ARN}/state/*"),
        ),
    ),
    absent=(change(f"{WRITER}-policy", policy=ABSENT),),
    unknown=(
        change(f"{WRITER}-policy", policy=UNKNOWN),
        change(WRITER, inlinePolicies=[{"name": "more", "policy": UNKNOWN}]),
    ),
    secret=(as_secret(f"{WRITER}-policy", "policy"),),
    fine=(
        as_object(f"{WRITER}-policy"),
        more(f"{WRITER}-policy", **allow("s3:DeleteObject", "arn:aws:s3:::something-else/*")),
        both(
            more(f"{WRITER}-policy", **allow("s3:*Object", f"{ARN}/*")),
            more(f"{WRITER}-policy", Effect="Deny", Action="s3:DeleteObject", Resource=[ARN, f"{ARN}/*"]),
        ),
        # Whoever deletes but writes nothing, such as a janitor, is another rule's business.
        more(f"{WRITER.removesuffix('backup-writer')}deployer-policy", **allow("s3:DeleteObject", "*")),
    ),
)
