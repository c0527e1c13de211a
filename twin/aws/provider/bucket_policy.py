"""Policies of S3 buckets."""

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from twin.aws.provider.account import call_or_none
from twin.aws.provider.bucket_settings import BucketSetting
from twin.aws.provider.documents import (
    as_list,
    normalize_document,
    parse_statements,
    policy_document,
    to_json,
)
from twin.aws.provider.principals import check_principals
from twin.aws.provider.wire import DOCUMENT, TEXT, block
from twin.provider.rules import InputRule
from twin.provider.server import InputRefusal
from twin.provider.values import Properties, has_unknown

_OBJECT_ACTION = re.compile(
    r"s3:(?!.*BucketObjectLock)(.*Object.*|AbortMultipartUpload|ListMultipartUploadParts"
    r"|BypassGovernanceRetention|Replicate(Tags|Delete))"
)


def _check_resources(inputs: Properties) -> Iterator[InputRefusal]:
    """Refuse resources outside the bucket, and actions that apply to none of the statement's resources."""
    bucket, document = inputs.get("bucket"), inputs.get("policy")
    if not isinstance(bucket, str) or document is None or has_unknown(document):
        return
    for statement in parse_statements(document):
        name = statement.get("Sid", "a statement")
        resources = [str(resource) for resource in as_list(statement.get("Resource"))]
        for resource in resources:
            if not re.fullmatch(rf"arn:aws[\w-]*:s3:::{re.escape(bucket)}(/.*)?", resource):
                yield InputRefusal("policy", f"policy has an invalid resource in {name}: {resource}")
        has_objects = any("/" in resource for resource in resources)
        has_bucket = any("/" not in resource for resource in resources)
        for action in as_list(statement.get("Action")) if resources else []:
            if "*" in action:
                continue
            if not (has_objects if _OBJECT_ACTION.fullmatch(action) else has_bucket):
                yield InputRefusal("policy", f"policy: {action} does not apply to any resource in {name}")


class BucketPolicy(BucketSetting):
    """`aws:s3/bucketPolicy:BucketPolicy`."""

    label = "S3 Bucket Policy"
    input_schema = block({"bucket!": TEXT, "policy!": DOCUMENT, "region": TEXT})
    rules: ClassVar[tuple[InputRule, ...]] = (policy_document("policy", "bucket", 20_480),)
    unmodelled = frozenset()
    absent_codes = ("NoSuchBucketPolicy",)

    def check(
        self, name: str, inputs: Properties, old_inputs: Properties
    ) -> tuple[Properties, list[InputRefusal]]:
        checked, refusals = super().check(name, inputs, old_inputs)
        return checked, refusals or list(_check_resources(checked))

    def normalize(self, name: str, value: Any) -> Any:
        return normalize_document(value) if name == "policy" else super().normalize(name, value)

    def _write_setting(self, s3: Any, bucket: str, inputs: Properties) -> None:
        document = inputs["policy"]
        check_principals(self.account, document, f"writing {self.label} ({bucket})", "MalformedPolicy")
        access_block = call_or_none(
            lambda: s3.get_public_access_block(Bucket=bucket), "NoSuchPublicAccessBlockConfiguration"
        )
        if (
            access_block
            and access_block["PublicAccessBlockConfiguration"]["BlockPublicPolicy"]
            and _is_public(document)
        ):
            raise self.write_error(
                bucket,
                "AccessDenied",
                "public policies are blocked by the bucket's BlockPublicPolicy setting",
            )
        s3.put_bucket_policy(Bucket=bucket, Policy=to_json(document))

    def _read_setting(self, s3: Any, bucket: str) -> Properties | None:
        return {"policy": s3.get_bucket_policy(Bucket=bucket)["Policy"]}

    def _delete_setting(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_policy(Bucket=bucket)


def _is_public(document: Any) -> bool:
    """Tell whether a statement allows everybody something without a condition."""
    everybody = ("*", {"AWS": "*"}, {"AWS": ["*"]})
    return any(
        statement["Effect"] == "Allow"
        and statement.get("Principal") in everybody
        and not statement.get("Condition")
        for statement in parse_statements(document)
    )
