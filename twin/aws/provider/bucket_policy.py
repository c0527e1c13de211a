"""Policies of S3 buckets."""

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from twin.aws.provider.account import answer
from twin.aws.provider.bucket_settings import BucketSetting
from twin.aws.provider.documents import as_text, canonical, listed, policy, statements
from twin.aws.provider.principals import demand_principals
from twin.aws.provider.wire import DOCUMENT, TEXT, block
from twin.provider.rules import InputRule
from twin.provider.server import InputRefusal
from twin.provider.values import Properties, has_unknown

_OBJECT_ACTION = re.compile(
    r"s3:(?!.*BucketObjectLock)(.*Object.*|AbortMultipartUpload|ListMultipartUploadParts"
    r"|BypassGovernanceRetention|Replicate(Tags|Delete))"
)


def _fitting_resources(inputs: Properties) -> Iterator[InputRefusal]:
    """S3 refuses resources outside the bucket, and an action that meets no resource of its kind."""
    bucket, document = inputs.get("bucket"), inputs.get("policy")
    if not isinstance(bucket, str) or document is None or has_unknown(document):
        return
    for statement in statements(document):
        name = statement.get("Sid", "a statement")
        resources = [str(resource) for resource in listed(statement.get("Resource"))]
        for resource in resources:
            if not re.fullmatch(rf"arn:aws[\w-]*:s3:::{re.escape(bucket)}(/.*)?", resource):
                yield InputRefusal("policy", f"policy has an invalid resource in {name}: {resource}")
        objects = any("/" in resource for resource in resources)
        itself = any("/" not in resource for resource in resources)
        for action in listed(statement.get("Action")) if resources else []:
            if "*" in action:
                continue
            if not (objects if _OBJECT_ACTION.fullmatch(action) else itself):
                yield InputRefusal("policy", f"policy: {action} does not apply to any resource in {name}")


class BucketPolicy(BucketSetting):
    """`aws:s3/bucketPolicy:BucketPolicy`."""

    label = "S3 Bucket Policy"
    inputs = block({"bucket!": TEXT, "policy!": DOCUMENT, "region": TEXT})
    rules: ClassVar[tuple[InputRule, ...]] = (policy("policy", "bucket", 20_480),)
    unmodelled = frozenset()
    absent = ("NoSuchBucketPolicy",)

    def check(
        self, name: str, inputs: Properties, old_inputs: Properties
    ) -> tuple[Properties, list[InputRefusal]]:
        wanted, refusals = super().check(name, inputs, old_inputs)
        return wanted, refusals or list(_fitting_resources(wanted))

    def canonical(self, name: str, value: Any) -> Any:
        return canonical(value) if name == "policy" else super().canonical(name, value)

    def put(self, s3: Any, bucket: str, wanted: Properties) -> None:
        document = wanted["policy"]
        demand_principals(self.account, document, f"writing {self.label} ({bucket})", "MalformedPolicy")
        block_ = answer(
            lambda: s3.get_public_access_block(Bucket=bucket), "NoSuchPublicAccessBlockConfiguration"
        )
        if block_ and block_["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] and _is_public(document):
            raise self.refuse(
                bucket,
                "AccessDenied",
                "public policies are blocked by the bucket's BlockPublicPolicy setting",
            )
        s3.put_bucket_policy(Bucket=bucket, Policy=as_text(document))

    def get(self, s3: Any, bucket: str) -> Properties | None:
        return {"policy": s3.get_bucket_policy(Bucket=bucket)["Policy"]}

    def drop(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_policy(Bucket=bucket)


def _is_public(document: Any) -> bool:
    """Tell whether anybody is allowed anything without a condition."""
    everybody = ("*", {"AWS": "*"}, {"AWS": ["*"]})
    return any(
        statement["Effect"] == "Allow"
        and statement.get("Principal") in everybody
        and not statement.get("Condition")
        for statement in statements(document)
    )
