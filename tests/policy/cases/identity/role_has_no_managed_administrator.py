from case import Case
from policy_harness import UNKNOWN, Toy, secret

from cases.identity import OWN, document, extra, on

CASE = Case(
    rule="role-has-no-managed-administrator",
    at="extra",
    weak=(
        *(
            extra(f"aws:iam/{kind}:{kind[0].upper()}{kind[1:]}", policyArn=f"arn:aws:iam::aws:policy/{name}")
            for kind, name in (
                ("rolePolicyAttachment", "AdministratorAccess"),
                ("groupPolicyAttachment", "PowerUserAccess"),
                ("userPolicyAttachment", "IAMFullAccess"),
                ("policyAttachment", "AdministratorAccess-Amplify"),
            )
        ),
        extra(
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            policyArn=secret("arn:aws-cn:iam::aws:policy/AdministratorAccess"),
        ),
        extra(
            "aws:iam/role:Role",
            managedPolicyArns=[
                "arn:aws:iam::aws:policy/ReadOnlyAccess",
                "arn:aws:iam::aws:policy/AdministratorAccess",
            ],
        ),
    ),
    absent=(extra("aws:iam/rolePolicyAttachment:RolePolicyAttachment"),),
    unknown=(
        extra("aws:iam/rolePolicyAttachment:RolePolicyAttachment", policyArn=UNKNOWN),
        extra("aws:iam/role:Role", managedPolicyArns=UNKNOWN),
        extra("aws:iam/role:Role", managedPolicyArns=[UNKNOWN]),
    ),
    secret=(
        extra(
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            policyArn=secret("arn:aws:iam::aws:policy/ReadOnlyAccess"),
        ),
    ),
    fine=(
        extra("aws:iam/role:Role", managedPolicyArns=[]),
        extra("aws:iam/role:Role", managedPolicyArns=["arn:aws:iam::aws:policy/SecurityAudit"]),
        lambda s: [
            *s,
            Toy(
                "aws:iam/policy:Policy",
                "own",
                {"policy": document(on("s3:GetObject", OWN))},
                provider="aws",
            ),
            Toy(
                "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                "extra",
                {"policyArn": UNKNOWN},
                made_from={"policyArn": ["own"]},
                provider="aws",
            ),
        ],
    ),
)
