from case import Case, Change
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import (
    ARN,
    BUCKET,
    POLICY,
    WHO,
    WRITER,
    allow,
    as_object,
    as_secret,
    both,
    change,
    document,
    more,
)

GUARD = "arn:aws:iam::123456789012:role/example-break-glass"
DENY = {"Effect": "Deny", "Principal": "*", "Resource": f"{ARN}/*"}
BOUNDARY = "backups-administration-boundary"


def unbound(*actions: str) -> Change:
    """Take actions out of what the boundary allows."""
    return document(
        BOUNDARY,
        lambda said: [one.update(Action=[a for a in one["Action"] if a not in actions]) for one in said],
    )


CASE = Case(
    rule="vault-is-usable",
    at=BUCKET,
    weak=(
        more(POLICY, Action="s3:GetObject", Condition={"ArnNotEquals": {WHO: [GUARD]}}, **DENY),
        more(POLICY, Action=["s3:GetObject*"], **DENY),
        more(POLICY, Action="s3:PutObject", **DENY),
        more(POLICY, Action="s3:ListBucket", **(DENY | {"Resource": ARN})),
        more(POLICY, Action="s3:ListBucketVersions", **(DENY | {"Resource": ARN})),
        more(POLICY, Action="s3:GetObjectVersion", **(DENY | {"Resource": f"{ARN}/database/*"})),
        more(POLICY, Action="s3:PutObject", Condition={"ArnLike": {WHO: "*-writer"}}, **DENY),
        more(
            POLICY,
            Action="s3:GetObject",
            **(DENY | {"Principal": {"AWS": GUARD.replace("break-glass", "copier")}}),
        ),
        more(POLICY, Effect="Deny", Principal="*", NotAction="s3:GetBucket*", Resource=[ARN, f"{ARN}/*"]),
        # Jobs of production run outside of every network of AWS.
        more(
            POLICY,
            Action="s3:GetObject",
            Condition={"StringNotEquals": {"aws:SourceVpce": "vpce-0123456789abcdef0"}},
            **DENY,
        ),
        unbound("s3:GetObject", "s3:GetObjectVersion"),
        unbound("s3:PutObject"),
        more(BOUNDARY, Effect="Deny", Action="s3:Get*", Resource="*"),
        more(f"{WRITER}-policy", Effect="Deny", Action="s3:PutObject", Resource=f"{ARN}/*"),
    ),
    absent=(change(POLICY, policy=ABSENT),),
    unknown=(change(POLICY, policy=UNKNOWN),),
    secret=(as_secret(POLICY, "policy"),),
    fine=(
        as_object(POLICY),
        # What a request brings along: its encryption, its class of storage, that the key is new.
        *(
            more(POLICY, Action="s3:PutObject", Condition=condition, **DENY)
            for condition in (
                {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
                {"StringNotEquals": {"s3:x-amz-storage-class": "STANDARD"}},
                {"Null": {"s3:if-none-match": "true"}},
                {"Bool": {"aws:SecureTransport": "false"}},
                {"NumericLessThan": {"s3:TlsVersion": "1.3"}},
                {"ArnLike": {WHO: "arn:aws:iam::*:role/somebody"}},
            )
        ),
        more(POLICY, Action="s3:PutObject", **(DENY | {"Resource": f"{ARN}/notes/*"})),
        more(POLICY, Action="s3:GetObject", **(DENY | {"Principal": {"AWS": "444455556666"}})),
        both(more(BOUNDARY, **allow("s3:*", f"{ARN}/*")), unbound("s3:GetObject")),
    ),
)
