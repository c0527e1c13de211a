from case import Case
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import (
    ARN,
    POLICY,
    REPLICA_ARN,
    WRITER,
    add,
    allow,
    as_object,
    as_secret,
    aws,
    change,
    more,
    policy,
)

READ = "s3:GetObject"
MINE = {"Principal": {"AWS": "arn:aws:iam::123456789012:role/example-backup-writer"}}

CASE = Case(
    rule="writer-cannot-read",
    at=WRITER,
    weak=(
        more(f"{WRITER}-policy", **allow([READ, "s3:GetObjectVersion"], f"{ARN}/*")),
        more(f"{WRITER}-policy", **allow("s3:GetObjectVersion", f"{ARN}/database/*")),
        more(f"{WRITER}-policy", **allow("S3:getobject*", f"{ARN}/files/objects/*")),
        more(f"{WRITER}-policy", **allow(READ, f"{ARN}/state/*")),
        more(f"{WRITER}-policy", **allow(READ, f"{ARN}/database/*/dump*")),
        more(f"{WRITER}-policy", **allow(READ, f"{REPLICA_ARN}/*")),
        more(f"{WRITER}-policy", **allow("s3:Get*", "*")),
        more(
            f"{WRITER}-policy", **allow(READ, f"{ARN}/*", Condition={"Bool": {"aws:SecureTransport": "true"}})
        ),
        more(f"{WRITER}-policy", Effect="Allow", Action=READ, NotResource=f"{ARN}/state/*"),
        more(f"{WRITER}-policy", Effect="Allow", NotAction="s3:Delete*", Resource=f"{ARN}/files/*"),
        more(POLICY, **allow(READ, f"{ARN}/database/*"), **MINE),
        add(
            aws(
                "iam/rolePolicy:RolePolicy",
                "more",
                role="example-backup-writer",
                policy=policy(allow(READ, f"{ARN}/*")),
            )
        ),
        change(WRITER, inlinePolicies=[{"name": "more", "policy": policy(allow(READ, f"{ARN}/*"))}]),
    ),
    absent=(change(f"{WRITER}-policy", policy=ABSENT),),
    unknown=(change(f"{WRITER}-policy", policy=UNKNOWN),),
    secret=(as_secret(f"{WRITER}-policy", "policy"),),
    fine=(
        as_object(f"{WRITER}-policy"),
        more(f"{WRITER}-policy", **allow(READ, f"{ARN}/evidence/drills/*")),
        more(f"{WRITER}-policy", **allow(READ, f"{ARN}/database/daily/*/manifest.json")),
        more(f"{WRITER}-policy", **allow(READ, ARN)),
        more(f"{WRITER}-policy", **allow(READ, "arn:aws:s3:::something-else/*")),
        more(POLICY, **allow(READ, f"{ARN}/evidence/*"), **MINE),
        # Who only reads, reads.
        more("backups-identity-copier-policy", **allow(READ, f"{ARN}/state/*")),
    ),
)
