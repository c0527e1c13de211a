"""Stacks that this project's components did not make."""

import json
from typing import Any, Final

from policy_harness import UNKNOWN, Toy, secret

_S3: Final = "aws:s3/bucket"
_DEFAULT: Final = Toy("pulumi:providers:aws", "default_7_51_1", {"region": "eu-west-1", "version": "7.51.1"})
_SHOP: Final = [Toy("pulumi:pulumi:Stack", "shop-prod")]


def _kind(part: str, version: str = "") -> str:
    return f"{_S3}{part}{version}:Bucket{part}{version}"


def plain() -> list[Toy]:
    """Return what someone writes on the first day: a default provider, a bare bucket, a database."""
    return [
        *_SHOP,
        _DEFAULT,
        Toy(_kind(""), "uploads", {"bucket": "shop-uploads"}, provider=_DEFAULT.name),
        Toy(
            "aws:rds/instance:Instance",
            "orders",
            {
                "engine": "postgres",
                "instanceClass": "db.t4g.micro",
                "allocatedStorage": 20,
                "username": "shop",
                "password": "word",
                "skipFinalSnapshot": True,
            },
            provider=_DEFAULT.name,
        ),
    ]


def old_tokens(*, inline: bool = False) -> list[Toy]:
    """Return a bucket and its log as pulumi-aws 6 declares them: with `V2` satellites, or all inline."""
    provider = Toy(
        "pulumi:providers:aws",
        "aws",
        {
            "region": "eu-west-1",
            "version": "6.83.0",
            "allowedAccountIds": '["123456789012"]',
            "defaultTags": '{"tags": {"Project": "shop", "Environment": "prod", "ManagedBy": "pulumi"}}',
        },
    )
    stack = [*_SHOP, provider]
    if inline:
        return [*stack, _bucket("archive", "", **_INLINE), *_log_bucket("")]
    return [*stack, _bucket("archive", "V2"), *satellites("archive", "V2"), *_log_bucket("V2")]


_INLINE: Final[dict[str, Any]] = {
    "acl": "private",
    "versioning": {"enabled": True},
    "serverSideEncryptionConfiguration": {
        "rule": {
            "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "alias/shop"},
            "bucketKeyEnabled": True,
        }
    },
    "lifecycleRules": [
        {
            "enabled": True,
            "prefix": "",
            "abortIncompleteMultipartUploadDays": 7,
            "expiration": {"days": 400},
            "noncurrentVersionExpiration": {"days": 30},
        }
    ],
    "loggings": [{"targetBucket": "shop-log", "targetPrefix": "archive/"}],
}


def _bucket(name: str, version: str, **more: Any) -> Toy:
    return Toy(
        _kind("", version),
        name,
        {"bucket": f"shop-{name}", "forceDestroy": False, **more},
        provider="aws",
        options={"protect": True},
    )


def _log_bucket(version: str) -> list[Toy]:
    return [
        _bucket("log", version),
        *(toy for toy in satellites("log", version) if "Logging" not in toy.type),
    ]


def satellites(name: str, version: str = "", *, provider: str = "aws") -> list[Toy]:
    """Return everything that configures a bucket, made from it as a first preview sees it."""
    parts: dict[str, dict[str, Any]] = {
        "Versioning": {"versioningConfiguration": {"status": "Enabled"}},
        "ServerSideEncryptionConfiguration": {
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {
                        "sseAlgorithm": "aws:kms",
                        "kmsMasterKeyId": "alias/shop",
                    },
                    "bucketKeyEnabled": True,
                }
            ]
        },
        "LifecycleConfiguration": {
            "rules": [
                {
                    "id": "clean-up",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": 400},
                    "noncurrentVersionExpiration": {"noncurrentDays": 30},
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
                }
            ]
        },
        "Logging": {"targetBucket": "shop-log", "targetPrefix": f"{name}/"},
        "OwnershipControls": {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
        "PublicAccessBlock": {
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        "Policy": {
            "policy": json.dumps(
                {
                    "Statement": [
                        {
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "s3:*",
                            "Resource": [f"arn:aws:s3:::shop-{name}", f"arn:aws:s3:::shop-{name}/*"],
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        }
                    ]
                }
            )
        },
    }
    plain_names = ("OwnershipControls", "PublicAccessBlock", "Policy")  # these never had a V2
    return [
        Toy(
            _kind(part, "" if part in plain_names else version),
            f"{name}-{part}",
            {"bucket": UNKNOWN, **inputs},
            made_from={"bucket": [name]},
            provider=provider,
        )
        for part, inputs in parts.items()
    ]


def many(size: int) -> list[Toy]:
    """Return a stack of so many resources of mixed types, in blocks that hang together."""
    stack = [
        *_SHOP,
        *(old_tokens()[1:]),
        Toy("pulumi:providers:neon", "neon", {"apiKey": secret("hidden"), "version": "0.15.0"}),
        Toy("pulumi:providers:sentry", "sentry", {"token": secret("hidden"), "version": "0.15.4"}),
        Toy("pulumi:providers:uptimerobot", "uptimerobot", {"apiKey": secret("hidden"), "version": "1.10.0"}),
    ]
    number = 0
    while len(stack) < size:
        number += 1
        stack += _block(number)
    return stack[:size]


def _block(number: int) -> list[Toy]:
    role = f"role-{number}"
    return [
        Toy(
            _kind(""),
            f"bucket-{number}",
            {"bucket": f"shop-bucket-{number}", "forceDestroy": False},
            provider="aws",
            options={"protect": True},
        ),
        *satellites(f"bucket-{number}"),
        Toy(
            "aws:iam/role:Role",
            role,
            {
                "name": role,
                "maxSessionDuration": 3600,
                "assumeRolePolicy": json.dumps(
                    {
                        "Statement": {
                            "Effect": "Allow",
                            "Principal": {"Service": "lambda.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    }
                ),
            },
            provider="aws",
        ),
        Toy(
            "aws:iam/rolePolicy:RolePolicy",
            f"{role}-policy",
            {
                "role": UNKNOWN,
                "policy": json.dumps(
                    {
                        "Statement": {
                            "Effect": "Allow",
                            "Action": ["s3:GetObject"],
                            "Resource": f"arn:aws:s3:::shop-bucket-{number}/*",
                        }
                    }
                ),
            },
            made_from={"role": [role]},
            provider="aws",
        ),
        Toy(
            "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive",
            f"{role}-policies",
            {"roleName": role, "policyNames": [f"{role}-policy"]},
            provider="aws",
        ),
        Toy(
            "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
            f"{role}-attachments",
            {"roleName": UNKNOWN, "policyArns": []},
            made_from={"roleName": [role]},
            provider="aws",
        ),
        Toy(
            "uptimerobot:index/monitor:Monitor",
            f"monitor-{number}",
            {
                "type": "HTTP",
                "url": f"https://shop-{number}.example.com/health",
                "interval": 60,
                "isPaused": False,
            },
            provider="uptimerobot",
        ),
        Toy(
            "neon:index/project:Project",
            f"project-{number}",
            {"name": f"project-{number}", "regionId": "aws-eu-central-1", "historyRetentionSeconds": 604800},
            provider="neon",
            options={"protect": True},
        ),
        Toy(
            _kind("ReplicationConfig"),
            f"replication-{number}",
            {
                "bucket": UNKNOWN,
                "role": UNKNOWN,
                "rules": [
                    {"status": "Enabled", "destination": {"bucket": f"arn:aws:s3:::shop-bucket-{number - 1}"}}
                ],
            },
            made_from={"bucket": [f"bucket-{number}"], "role": [role]},
            provider="aws",
        ),
        Toy("aws:kms/key:Key", f"key-{number}", {"description": "A key"}, provider="aws"),
        *_job(number),
        Toy("someone:index/thing:Thing", f"thing-{number}", {"deep": [{"text": "x" * 200}]}, provider="aws"),
    ]


def _job(number: int) -> list[Toy]:
    job, project = f"job-{number}", f"errors-{number}"
    return [
        Toy(
            "shop:index:Job",
            job,
            {
                "protects": [UNKNOWN],
                "copies": [UNKNOWN],
                "schedule": "17 2 * * *",
                "latenessMinutes": 60,
                "longestRunMinutes": 60,
                "retentionDays": 35,
            },
            made_from={"protects": [f"project-{number}"], "copies": [f"bucket-{number}"]},
        ),
        Toy(
            "uptimerobot:index/monitor:Monitor",
            f"{job}-heartbeat",
            {"type": "HEARTBEAT", "interval": 86400, "gracePeriod": 7200, "isPaused": False},
            parent=job,
            provider="uptimerobot",
            options={"additionalSecretOutputs": ["url"]},
        ),
        Toy(
            "sentry:index/cronMonitor:CronMonitor",
            f"{job}-cron",
            {"project": UNKNOWN, "schedule": {"crontab": "17 2 * * *"}, "enabled": True},
            parent=job,
            made_from={"project": [project]},
            provider="sentry",
        ),
        Toy("sentry:index/project:Project", project, {"name": project, "slug": project}, provider="sentry"),
        Toy(
            "sentry:index/alert:Alert",
            f"{project}-alert",
            {"monitorIds": [UNKNOWN], "enabled": True, "actionFilters": []},
            made_from={"monitorIds": [f"{job}-cron"]},
            provider="sentry",
        ),
    ]
