from case import Case
from policy_harness import ABSENT, UNKNOWN, alter

from cases.identity import DEPLOYER, KEYS, OWN, marked, on, policy

CASE = Case(
    rule="policy-names-its-actions",
    at=f"{DEPLOYER}-policy",
    weak=(
        policy(on("*", OWN)),
        policy(on("*:*", OWN)),
        policy(on("s3:*", OWN)),
        policy(on("s3:**", OWN)),
        policy(on(["s3:GetObject", "s3:?*"], OWN)),
        policy(on("s3*", OWN)),
        policy({"NotAction": "iam:*", "Resource": OWN}),
        policy(on("s3:GetObject", OWN), on("kms:*", KEYS)),
    ),
    absent=(lambda s: alter(s, f"{DEPLOYER}-policy", policy=ABSENT),),
    unknown=(lambda s: alter(s, f"{DEPLOYER}-policy", policy=UNKNOWN),),
    secret=(marked(f"{DEPLOYER}-policy", "policy"),),
    fine=(policy({"Effect": "Deny", "Action": "*", "Resource": "*"}), policy(on("s3:Get*", OWN))),
)
