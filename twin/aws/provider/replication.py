"""Replication between S3 buckets."""

from collections.abc import Iterator
from typing import Any, ClassVar

from twin.aws.provider.account import call_or_none
from twin.aws.provider.bucket_settings import NO_OBJECT_LOCK, BucketSetting, is_locked, is_versioned
from twin.aws.provider.lifecycle import unique
from twin.aws.provider.wire import TAGS, TEXT, WHOLE, block, block_list, from_api, status_block, to_api
from twin.provider.rules import (
    InputRule,
    at_most_one,
    find_values,
    length,
    matches,
    one_of,
    size,
    when,
    within,
)
from twin.provider.server import InputRefusal
from twin.provider.values import UNKNOWN, Properties

_ONLY_MINUTES = 15  # the only threshold that S3 accepts
_STORAGE_CLASSES = (
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "GLACIER_IR",
    "DEEP_ARCHIVE",
)
_MINUTES_BLOCK = block({"minutes!": WHOLE})
_DESTINATION = block(
    {
        "bucket!": TEXT,
        "account": TEXT,
        "storageClass": TEXT,
        "accessControlTranslation": block({"owner!": TEXT}),
        "encryptionConfiguration": block({"replicaKmsKeyId!": TEXT}),
        "metrics": block({"status!": TEXT, "eventThreshold": _MINUTES_BLOCK}),
        "replicationTime": block({"status!": TEXT, "time!": _MINUTES_BLOCK}),
    }
)
_RULE = {
    "id": TEXT,
    "status!": TEXT,
    "priority": WHOLE,
    "prefix": TEXT,
    "filter": block(
        {
            "and": block({"prefix": TEXT, "tags": TAGS}),
            "prefix": TEXT,
            "tag": block({"key!": TEXT, "value!": TEXT}),
        }
    ),
    "destination!": _DESTINATION,
    "deleteMarkerReplication": status_block(),
    "existingObjectReplication": status_block(),
    "sourceSelectionCriteria": block(
        {"replicaModifications": status_block(), "sseKmsEncryptedObjects": status_block()}
    ),
}
_STATUSES = (
    "status",
    "deleteMarkerReplication.status",
    "sourceSelectionCriteria.replicaModifications.status",
    "sourceSelectionCriteria.sseKmsEncryptedObjects.status",
    "destination.metrics.status",
    "destination.replicationTime.status",
)


def _check_rules(inputs: Properties) -> Iterator[InputRefusal]:
    """Check S3's requirements for rules with a filter, and for the replication of KMS-encrypted objects."""
    for where, rule in find_values(inputs, "rules[]"):
        if rule.get("filter") is not None:
            for name in ("priority", "deleteMarkerReplication"):
                if rule.get(name) is None:
                    yield InputRefusal(f"{where}.{name}", f"{where}.{name} is required with a filter")
        criteria: Properties = rule.get("sourceSelectionCriteria") or {}
        destination = rule.get("destination")
        if criteria is UNKNOWN or not isinstance(destination, dict):
            continue
        kms: Any = (criteria.get("sseKmsEncryptedObjects") or {}).get("status") == "Enabled"
        if kms != (destination.get("encryptionConfiguration") is not None):
            yield InputRefusal(
                where,
                f"{where}: sourceSelectionCriteria.sseKmsEncryptedObjects (Enabled) and "
                "destination.encryptionConfiguration are only accepted together",
            )


def _check_destinations(inputs: Properties) -> Iterator[InputRefusal]:
    for where, destination in find_values(inputs, "rules[].destination"):
        if destination.get("replicationTime") is not None and destination.get("metrics") is None:
            yield InputRefusal(f"{where}.metrics", f"{where}.metrics is required with replicationTime")
        if destination.get("accessControlTranslation") is not None and destination.get("account") is None:
            yield InputRefusal(
                f"{where}.account", f"{where}.account is required with accessControlTranslation"
            )


class BucketReplicationConfig(BucketSetting):
    """
    `aws:s3/bucketReplicationConfig:BucketReplicationConfig`.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-add-config.html
    """

    label = "S3 Bucket Replication Configuration"
    input_schema = block({"bucket!": TEXT, "role!": TEXT, "rules!": block_list(_RULE), "region": TEXT})
    rules: ClassVar[tuple[InputRule, ...]] = (
        size("rules", 1, 1000),
        unique("rules", "id"),
        unique("rules", "priority"),
        length("rules[].id", 255),
        length("rules[].prefix", 1024),
        matches("role", r"arn:aws[\w-]*:iam::\d{12}:role/.+", "be the ARN of a role"),
        matches("rules[].destination.bucket", r"arn:aws[\w-]*:s3:::[^/]+", "be the ARN of a bucket"),
        *(one_of(f"rules[].{status}", "Enabled", "Disabled") for status in _STATUSES),
        one_of("rules[].destination.storageClass", *_STORAGE_CLASSES),
        one_of("rules[].destination.accessControlTranslation.owner", "Destination"),
        within("rules[].destination.replicationTime.time.minutes", _ONLY_MINUTES, _ONLY_MINUTES),
        within("rules[].destination.metrics.eventThreshold.minutes", _ONLY_MINUTES, _ONLY_MINUTES),
        when("rules[].destination.metrics", "status", "Disabled", forbids=("eventThreshold",)),
        at_most_one("rules[]", "filter", "prefix"),
        at_most_one("rules[].filter", "and", "prefix", "tag"),
        _check_rules,
        _check_destinations,
    )
    unmodelled = frozenset({"token"})
    absent_codes = ("ReplicationConfigurationNotFoundError",)

    def _write_setting(self, s3: Any, bucket: str, inputs: Properties) -> None:
        if not is_versioned(s3, bucket):
            raise self.write_error(
                bucket,
                "InvalidRequest",
                "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
            )
        locked = is_locked(s3, bucket)
        for rule in inputs["rules"]:
            self._check_destination(bucket, rule["destination"]["bucket"].rpartition(":")[2], locked=locked)
        configuration = {"role": inputs["role"], "rules": inputs["rules"]}
        s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration=to_api(configuration))

    def _read_setting(self, s3: Any, bucket: str) -> Properties | None:
        return from_api(s3.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"])

    def _delete_setting(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_replication(Bucket=bucket)

    def _check_destination(self, bucket: str, destination: str, *, locked: bool) -> None:
        """
        Refuse a destination as S3 does; moto doesn't check it.

        One of another account, which these credentials may not look at, shows its faults when S3 replicates.
        """
        s3 = self.account.client("s3")
        seen = call_or_none(
            lambda: [call_or_none(lambda: is_versioned(s3, destination), "NoSuchBucket")], "AccessDenied"
        )
        if seen is None:
            return
        (versioned,) = seen
        problem = None
        if versioned is None:
            problem = "Destination bucket must exist."
        elif destination == bucket:
            problem = "Destination bucket cannot be the same as the source bucket."
        elif not versioned:
            problem = "Destination bucket must have versioning enabled."
        elif locked and not call_or_none(
            lambda: s3.get_object_lock_configuration(Bucket=destination), NO_OBJECT_LOCK
        ):
            problem = "Destination bucket must have Object Lock enabled, as the source bucket has."
        if problem:
            raise self.write_error(bucket, "InvalidRequest", f"{problem} ({destination})")
