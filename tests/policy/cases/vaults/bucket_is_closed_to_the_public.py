from case import Case
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import (
    ARN,
    BUCKET,
    POLICY,
    VAULT,
    add,
    allow,
    as_secret,
    aws,
    change,
    drop,
    inputs_of,
    more,
    policy,
    second,
)

ACCOUNT_BLOCK = "s3/accountPublicAccessBlock:AccountPublicAccessBlock"
FLAGS = dict.fromkeys(
    ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
)

CASE = Case(
    rule="bucket-is-closed-to-the-public",
    at=BUCKET,
    weak=(
        *(
            change(f"{VAULT}-public-access", **{flag: False})
            for flag in (
                "blockPublicAcls",
                "blockPublicPolicy",
                "ignorePublicAcls",
                "restrictPublicBuckets",
            )
        ),
        more(POLICY, Principal="*", **allow("s3:GetObject", f"{ARN}/*")),
        more(POLICY, Principal={"AWS": "*"}, **allow("s3:ListBucket", ARN)),
        more(
            POLICY,
            Principal="*",
            Condition={"StringEqualsIfExists": {"aws:PrincipalAccount": "123456789012"}},
            **allow("s3:GetObject", f"{ARN}/*"),
        ),
        second(f"{VAULT}-public-access", **{**inputs_of(f"{VAULT}-public-access"), "blockPublicAcls": False}),
        change(BUCKET, policy=policy(allow("s3:*", f"{ARN}/*", Principal="*"))),
        add(aws(ACCOUNT_BLOCK, "account", **{**FLAGS, "restrictPublicBuckets": False})),
        add(aws(ACCOUNT_BLOCK, "account")),
    ),
    absent=(
        drop(f"{VAULT}-public-access"),
        change(f"{VAULT}-public-access", blockPublicPolicy=ABSENT),
        change(POLICY, policy=ABSENT),
    ),
    unknown=(
        change(f"{VAULT}-public-access", ignorePublicAcls=UNKNOWN),
        change(POLICY, policy=UNKNOWN),
    ),
    secret=(as_secret(f"{VAULT}-public-access", "blockPublicAcls"), as_secret(POLICY, "policy")),
    fine=(
        add(aws(ACCOUNT_BLOCK, "account", **FLAGS)),
        add(aws(ACCOUNT_BLOCK, "account", accountId="999999999999")),
        drop(POLICY),
        more(
            POLICY,
            Principal="*",
            Condition={"StringEquals": {"aws:PrincipalOrgID": "o-example"}},
            **allow("s3:GetObject", f"{ARN}/*"),
        ),
    ),
)
