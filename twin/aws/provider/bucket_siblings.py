"""
What a bucket's own state shows of the settings that are resources beside it.

AWS's provider reads them into computed outputs of the bucket (aws 7.51.1, `aws:s3/bucket:Bucket`), as they
are when the bucket is read: a bucket that was made before its settings shows them after a refresh.
"""

from collections.abc import Callable
from typing import Any, Final

from twin.aws.provider.account import call_or_none
from twin.aws.provider.wire import from_api
from twin.provider.values import Properties

SIBLINGS: Final = (
    "lifecycleRules",
    "logging",
    "objectLockConfiguration",
    "policy",
    "replicationConfiguration",
    "serverSideEncryptionConfiguration",
    "versioning",
)
_ABSENT: Final = (
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "ObjectLockConfigurationNotFoundError",
    "ReplicationConfigurationNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
)


def read_siblings(s3: Any, bucket: str) -> Properties:
    """Return the outputs in `SIBLINGS`, without those of settings that the bucket does not have."""

    def ask(call: Callable[..., Any], name: str) -> Any:
        answer = call_or_none(lambda: call(Bucket=bucket), *_ABSENT)
        return answer.get(name) if answer else None

    encryption = ask(s3.get_bucket_encryption, "ServerSideEncryptionConfiguration")
    logging = from_api(ask(s3.get_bucket_logging, "LoggingEnabled"))
    replication = from_api(ask(s3.get_bucket_replication, "ReplicationConfiguration"))
    outputs = {
        "lifecycleRules": [
            _describe_rule(from_api(rule))
            for rule in ask(s3.get_bucket_lifecycle_configuration, "Rules") or ()
        ],
        "logging": logging and {name: logging.get(name) for name in ("targetBucket", "targetPrefix")},
        "objectLockConfiguration": from_api(ask(s3.get_object_lock_configuration, "ObjectLockConfiguration")),
        "policy": ask(s3.get_bucket_policy, "Policy"),
        "replicationConfiguration": replication
        and {
            "role": replication["role"],
            "rules": [
                {name: rule.get(name) for name in ("id", "priority", "status")}
                | {"destination": {"bucket": rule["destination"]["bucket"]}}
                for rule in replication["rules"]
            ],
        },
        "serverSideEncryptionConfiguration": encryption
        and {"rule": _describe_encryption(from_api(encryption["Rules"][0]))},
        "versioning": {"enabled": ask(s3.get_bucket_versioning, "Status") == "Enabled", "mfaDelete": False},
    }
    return {name: value for name, value in outputs.items() if value}


def _describe_encryption(rule: Properties) -> Properties:
    blocked = rule.get("blockedEncryptionTypes")
    return rule | {"blockedEncryptionTypes": blocked["encryptionType"]} if blocked else rule


def _describe_rule(rule: Properties) -> Properties:
    described: Properties = {
        "id": rule.get("id"),
        "enabled": rule.get("status") == "Enabled",
        "prefix": (rule.get("filter") or {}).get("prefix", ""),
        "expiration": rule.get("expiration"),
    }
    if noncurrent := rule.get("noncurrentVersionExpiration"):
        described["noncurrentVersionExpiration"] = {"days": noncurrent.get("noncurrentDays")}
    return {name: value for name, value in described.items() if value is not None}
