"""Lifecycle rules of S3 buckets."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

from twin.aws.provider.bucket_settings import BucketSetting
from twin.aws.provider.wire import FLAG, TAGS, TEXT, WHOLE, block, block_list, from_api, to_api
from twin.provider.rules import InputRule, at_most_one, exactly_one, length, matches, one_of, size, within
from twin.provider.server import InputRefusal
from twin.provider.values import Properties

_ACTIONS = (
    "abortIncompleteMultipartUpload",
    "expiration",
    "noncurrentVersionExpiration",
    "noncurrentVersionTransitions",
    "transitions",
)
_STORAGE_CLASSES = (
    "GLACIER",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
)
_AT_LEAST_30_DAYS = ("STANDARD_IA", "ONEZONE_IA")
_MIDNIGHT = (r"\d{4}-\d{2}-\d{2}T00:00:00Z", "be midnight UTC, like 2030-01-01T00:00:00Z")

_SIZES = {"objectSizeGreaterThan": WHOLE, "objectSizeLessThan": WHOLE}
_NONCURRENT = {"noncurrentDays!": WHOLE, "newerNoncurrentVersions": WHOLE}
_RULE = {
    "id!": TEXT,
    "status!": TEXT,
    "prefix": TEXT,
    "filter": block(
        {
            "and": block({"prefix": TEXT, "tags": TAGS, **_SIZES}),
            "prefix": TEXT,
            "tag": block({"key!": TEXT, "value!": TEXT}),
            **_SIZES,
        }
    ),
    "abortIncompleteMultipartUpload": block({"daysAfterInitiation": WHOLE}),
    "expiration": block({"date": TEXT, "days": WHOLE, "expiredObjectDeleteMarker": FLAG}),
    "noncurrentVersionExpiration": block(_NONCURRENT),
    "noncurrentVersionTransitions": block_list({**_NONCURRENT, "storageClass!": TEXT}),
    "transitions": block_list({"date": TEXT, "days": WHOLE, "storageClass!": TEXT}),
}


def unique(path: str, name: str) -> InputRule:
    """Require that no two objects of the list at `path` have the same value of `name`."""

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        counts = Counter(
            item[name] for item in inputs.get(path) or [] if isinstance(item.get(name), str | int)
        )
        for value, count in counts.items():
            if count > 1:
                yield InputRefusal(path, f"{path} have the same {name} {value!r} more than once")

    return rule


def _iterate_rules(inputs: Properties) -> Iterator[tuple[str, Properties]]:
    rules = inputs.get("rules")
    for index, rule in enumerate(rules if isinstance(rules, list) else []):
        if isinstance(rule, dict):
            yield f"rules[{index}]", rule


def _check_actions(inputs: Properties) -> Iterator[InputRefusal]:
    for where, rule in _iterate_rules(inputs):
        if not any(rule.get(action) for action in _ACTIONS):
            yield InputRefusal(where, f"{where} needs at least one action: {', '.join(_ACTIONS)}")


def _check_expiration(inputs: Properties) -> Iterator[InputRefusal]:
    names = ("date", "days", "expiredObjectDeleteMarker")
    for where, rule in _iterate_rules(inputs):
        expiration = rule.get("expiration")
        if isinstance(expiration, dict) and sum(1 for name in names if expiration.get(name)) != 1:
            yield InputRefusal(
                f"{where}.expiration", f"{where}.expiration must have one of {', '.join(names)}"
            )


def _check_tag_filter(inputs: Properties) -> Iterator[InputRefusal]:
    """Refuse a rule for tagged objects that removes delete markers or uploads, which have no tags."""
    for where, rule in _iterate_rules(inputs):
        filter_: Properties = rule.get("filter") or {}
        if not (filter_.get("tag") or (filter_.get("and") or {}).get("tags")):
            continue
        if rule.get("abortIncompleteMultipartUpload"):
            yield InputRefusal(
                where, f"{where}: abortIncompleteMultipartUpload cannot be specified with tags"
            )
        if (rule.get("expiration") or {}).get("expiredObjectDeleteMarker"):
            yield InputRefusal(where, f"{where}: expiredObjectDeleteMarker cannot be specified with tags")


def _check_transitions(inputs: Properties) -> Iterator[InputRefusal]:
    for where, rule in _iterate_rules(inputs):
        expiration_days: Any = (rule.get("expiration") or {}).get("days")
        for transition in rule.get("transitions") or []:
            days = transition.get("days")
            if not isinstance(days, int):
                continue
            if transition.get("storageClass") in _AT_LEAST_30_DAYS and days < 30:
                storage_class = transition["storageClass"]
                yield InputRefusal(
                    where, f"{where}: a transition to {storage_class} takes at least 30 days, not {days}"
                )
            if isinstance(expiration_days, int) and expiration_days <= days:
                yield InputRefusal(
                    where, f"{where}: expiration.days must be greater than the transition's {days}"
                )


class BucketLifecycleConfiguration(BucketSetting):
    """
    `aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration`.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
    """

    label = "S3 Bucket Lifecycle Configuration"
    input_schema = block(
        {
            "bucket!": TEXT,
            "rules!": block_list(_RULE),
            "transitionDefaultMinimumObjectSize": TEXT,
            "timeouts": block({"create": TEXT, "update": TEXT}),
            "region": TEXT,
        }
    )
    rules: ClassVar[tuple[InputRule, ...]] = (
        size("rules", 1, 1000),
        unique("rules", "id"),
        length("rules[].id", 255, 1),
        one_of("rules[].status", "Enabled", "Disabled"),
        exactly_one("rules[]", "filter", "prefix"),
        at_most_one("rules[].filter", "and", "prefix", "tag", "objectSizeGreaterThan", "objectSizeLessThan"),
        _check_actions,
        _check_expiration,
        _check_tag_filter,
        _check_transitions,
        within("rules[].expiration.days", 1),
        within("rules[].noncurrentVersionExpiration.noncurrentDays", 1),
        within("rules[].noncurrentVersionExpiration.newerNoncurrentVersions", 1, 100),
        within("rules[].noncurrentVersionTransitions[].newerNoncurrentVersions", 1, 100),
        within("rules[].abortIncompleteMultipartUpload.daysAfterInitiation", 1),
        one_of("rules[].transitions[].storageClass", *_STORAGE_CLASSES),
        one_of("rules[].noncurrentVersionTransitions[].storageClass", *_STORAGE_CLASSES),
        exactly_one("rules[].transitions[]", "date", "days"),
        matches("rules[].transitions[].date", *_MIDNIGHT),
        matches("rules[].expiration.date", *_MIDNIGHT),
        # The only value that moto supports.
        one_of("transitionDefaultMinimumObjectSize", "all_storage_classes_128K"),
    )
    computed = frozenset({"transitionDefaultMinimumObjectSize"})
    write_only = frozenset({"timeouts"})
    absent_codes = ("NoSuchLifecycleConfiguration",)

    def _write_setting(self, s3: Any, bucket: str, inputs: Properties) -> None:
        s3.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": to_api(inputs["rules"])}
        )

    def _read_setting(self, s3: Any, bucket: str) -> Properties | None:
        configuration = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
        return {
            "rules": from_api(configuration["Rules"]),
            "transitionDefaultMinimumObjectSize": "all_storage_classes_128K",
        }

    def _delete_setting(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_lifecycle(Bucket=bucket)
