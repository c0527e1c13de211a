from case import Case
from policy_harness import ABSENT, UNKNOWN, alter

from cases.identity import ACCOUNT, DEPLOYER, KEYS, marked, on, policy

NEW = {
    "StringEquals": {"aws:RequestTag/Project": "example"},
    "Null": {"aws:ResourceTag/Project": "true"},
}

CASE = Case(
    rule="policy-names-its-resources",
    at=f"{DEPLOYER}-policy",
    weak=(
        policy(on("s3:GetObject", "*")),
        policy(on("s3:GetObject", "arn:aws:s3:::*")),
        policy(on("s3:GetObject", "arn:aws:s3*")),
        policy(on("s3:GetObject", "arn:aws:s3:::*/reports/*")),
        policy(on("s3:GetObject", "arn:aws:s3:::?*-*/*")),
        policy(on("s3:GetObject", "arn:aws:s3:::${aws:PrincipalTag/team}*/*")),
        policy(on("lambda:List*", "*")),
        policy(on("ssm:*", "*")),
        policy(on(["s3:GetObject", "s3:ListAllMyBuckets"], "*")),
        policy(on("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/*")),
        policy({"Action": "s3:GetObject", "NotResource": "arn:aws:s3:::example"}),
        policy(on("kms:Decrypt", KEYS)),
        policy(on("kms:Decrypt", KEYS, StringEquals={"kms:ResourceAliases": "alias/example"})),
        policy(on("kms:Decrypt", KEYS, **{"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/*"}})),
        policy(on(["kms:CreateAlias", "kms:Decrypt"], KEYS)),
        policy(on("kms:CreateKey", KEYS.replace("key/", "alias/"))),
        policy(on("kms:TagResource", KEYS, StringEquals={"aws:RequestTag/Project": "example"})),
        policy(on(["kms:PutKeyPolicy", "kms:TagResource"], KEYS, **NEW)),
        policy(on("kms:TagResource", KEYS, **{**NEW, "Null": {"aws:ResourceTag/Other": "true"}})),
    ),
    absent=(lambda s: alter(s, f"{DEPLOYER}-policy", policy=ABSENT),),
    unknown=(lambda s: alter(s, f"{DEPLOYER}-policy", policy=UNKNOWN),),
    secret=(marked(f"{DEPLOYER}-policy", "policy"),),
    fine=(
        policy(on("kms:TagResource", KEYS, **NEW)),
        policy(on(["kms:createkey", "s3:ListAllMyBuckets", "ec2:DescribeImages"], "*")),
        policy(
            on(
                [
                    "acm:ListCertificates",
                    "autoscaling:DescribeAutoScalingGroups",
                    "ce:GetCostAndUsage",
                    "cloudfront:ListDistributions",
                    "dynamodb:ListTables",
                    "elasticloadbalancing:DescribeLoadBalancers",
                    "lambda:listfunctions",
                    "route53:ListHostedZones",
                    "ssmmessages:*",
                    "tag:GetResources",
                    "textract:DetectDocumentText",
                ],
                "*",
            )
        ),
        policy(on("s3:GetObject", "arn:aws:s3:::example-${aws:PrincipalTag/team}/*")),
        policy(on("kms:Decrypt", "*", **{"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/a"}})),
        policy(on("kms:UpdateAlias", KEYS)),
        policy(on("ec2:StartInstances", "*", StringEquals={"aws:ResourceTag/Project": "example"})),
        policy(on("s3:GetObject", "arn:aws:s3:::example/*")),
        policy(on("logs:PutLogEvents", f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/example:*")),
    ),
)
