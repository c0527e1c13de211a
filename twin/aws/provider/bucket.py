"""S3 buckets."""

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from twin.aws.provider.account import call_or_none
from twin.aws.provider.bucket_siblings import SIBLINGS, read_siblings
from twin.aws.provider.resource_type import UniqueAwsResource
from twin.aws.provider.wire import FLAG, TAGS, TEXT, block, tags_from_api, tags_to_api
from twin.provider.rules import InputRule, at_most_one, length, one_of
from twin.provider.server import InputRefusal, StandInError
from twin.provider.values import Properties

_MAX_LISTED_LOCKS = 10
_HOSTED_ZONES = {
    "us-east-1": "Z3AQBSTGFYJSTF",
    "us-east-2": "Z2O1EMRO9K5GLX",
    "us-west-1": "Z2F56UZL2M1ACD",
    "us-west-2": "Z3BJ6K6RIION7M",
    "ca-central-1": "Z1QDHH18159H29",
    "eu-central-1": "Z21DNDUVLTQW6Q",
    "eu-west-1": "Z1BKCTXD74EZPE",
    "eu-west-2": "Z3GKZC51ZF0DB4",
    "eu-west-3": "Z3R1K369G5AVDG",
    "eu-north-1": "Z3BAZG2TWCNX0D",
    "ap-south-1": "Z11RGJOFQNVJUP",
    "ap-southeast-1": "Z3O0J2DXBE1FTB",
    "ap-southeast-2": "Z1WCIGYICN2BYD",
    "ap-northeast-1": "Z2M4EHUR26P7ZW",
    "ap-northeast-2": "Z3W03O7B5YMIYP",
    "sa-east-1": "Z7KQH4QJS55SO",
}
"""Source: https://docs.aws.amazon.com/general/latest/gr/s3.html (website endpoints)."""

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def find_name_problem(name: str) -> str | None:
    """
    Return why S3 refuses a bucket's name, None for a valid name.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    if not _NAME.fullmatch(name):
        return "must have 3 to 63 lower-case letters, digits, dots, hyphens; a letter or digit at each end"
    if ".." in name or re.fullmatch(r"\d+\.\d+\.\d+\.\d+", name):
        return "must neither have two dots in a row nor look like an IP address"
    if name.startswith(_RESERVED_PREFIXES) or name.endswith(_RESERVED_SUFFIXES):
        return "must neither begin nor end with what S3 reserves"
    return None


def _check_name(inputs: Properties) -> Iterator[InputRefusal]:
    name = inputs.get("bucket")
    if isinstance(name, str) and (problem := find_name_problem(name)):
        yield InputRefusal("bucket", f"bucket {name!r} {problem}")


class S3Bucket(UniqueAwsResource):
    """`aws:s3/bucket:Bucket`; its id is its name."""

    label = "S3 Bucket"
    input_schema = block(
        {
            "bucket": TEXT,
            "bucketPrefix": TEXT,
            "bucketNamespace": TEXT,
            "forceDestroy": FLAG,
            "objectLockEnabled": FLAG,
            "region": TEXT,
            "tags": TAGS,
        }
    )
    rules: ClassVar[tuple[InputRule, ...]] = (
        _check_name,
        at_most_one("", "bucket", "bucketPrefix"),
        length("bucketPrefix", 37),
        one_of("bucketNamespace", "global"),
    )
    unmodelled = frozenset(
        {
            "accelerationStatus",
            "acl",
            "corsRules",
            "grants",
            "lifecycleRules",
            "logging",
            "objectLockConfiguration",
            "policy",
            "replicationConfiguration",
            "requestPayer",
            "serverSideEncryptionConfiguration",
            "versioning",
            "website",
        }
    )
    defaults: ClassVar[Properties] = {"forceDestroy": False}
    computed = frozenset({"bucket", "bucketNamespace", "objectLockEnabled"})
    replaces = frozenset({"bucket", "bucketNamespace", "objectLockEnabled"})
    write_only = frozenset({"forceDestroy"})
    outputs = (
        *("arn", "bucketDomainName", "bucketRegionalDomainName", "bucketRegion", "hostedZoneId"),
        *SIBLINGS,
    )
    tagged = True
    name_property = "bucket"
    conflict_code = "BucketAlreadyOwnedByYou"

    def generate_name(self, logical_name: str) -> str:
        return super().generate_name(logical_name[:55]).lower()

    def _find_existing(self, inputs: Properties, token: str) -> str | None:
        del token
        buckets = self._s3(inputs).list_buckets()["Buckets"]
        return next((bucket["Name"] for bucket in buckets if bucket["Name"] == inputs["bucket"]), None)

    def _create_bare(self, inputs: Properties, token: str) -> str:
        del token
        region = self.region(inputs)
        location = (
            {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        )
        self._s3(inputs).create_bucket(
            Bucket=inputs["bucket"],
            ObjectLockEnabledForBucket=bool(inputs.get("objectLockEnabled")),
            **location,
        )
        return str(inputs["bucket"])

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        tags = self.tags(inputs)
        if tags == (state.get("tagsAll") or {}):
            return
        if tags:
            self._s3(inputs).put_bucket_tagging(Bucket=identifier, Tagging={"TagSet": tags_to_api(tags)})
        else:
            self._s3(inputs).delete_bucket_tagging(Bucket=identifier)

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        s3 = self._s3(state)
        location = call_or_none(lambda: s3.get_bucket_location(Bucket=identifier), "NoSuchBucket")
        if location is None:
            return None
        region = location["LocationConstraint"] or "us-east-1"
        siblings = read_siblings(s3, identifier)
        tags = call_or_none(lambda: s3.get_bucket_tagging(Bucket=identifier), "NoSuchTagSet")
        return {
            "arn": f"arn:aws:s3:::{identifier}",
            "bucket": identifier,
            "bucketDomainName": f"{identifier}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{identifier}.s3.{region}.amazonaws.com",
            "bucketRegion": region,
            "bucketNamespace": "global",
            "hostedZoneId": _HOSTED_ZONES.get(region),
            "objectLockEnabled": "objectLockConfiguration" in siblings,
            "tagsAll": tags_from_api(tags["TagSet"]) if tags else {},
            **siblings,
        }

    def _delete(self, identifier: str, state: Properties) -> None:
        s3 = self._s3(state)
        versions = list(_list_versions(s3, identifier))
        if versions and not state.get("forceDestroy"):
            locks = _describe_locks(s3, identifier, versions) if state.get("objectLockEnabled") else ""
            raise StandInError(
                f"deleting {self.label} ({identifier}): BucketNotEmpty: it has {len(versions)} object"
                f" versions{locks}. Set forceDestroy, or empty it, and delete again."
            )
        locked = [version for version in versions if not _delete_version(s3, identifier, version)]
        if locked:
            raise StandInError(
                f"deleting {self.label} ({identifier}): AccessDenied: {len(locked)} of {len(versions)} object"
                f" versions are under Object Lock{_describe_locks(s3, identifier, locked)}."
                " The others were deleted."
            )
        call_or_none(lambda: s3.delete_bucket(Bucket=identifier), "NoSuchBucket")

    def _s3(self, properties: Properties) -> Any:
        return self.account.client("s3", self.region(properties))


def _list_versions(s3: Any, bucket: str) -> Iterator[dict[str, Any]]:
    """Yield every version and delete marker as {Key, VersionId}; nothing for a bucket that is gone."""
    pages = call_or_none(
        lambda: list(s3.get_paginator("list_object_versions").paginate(Bucket=bucket)), "NoSuchBucket"
    )
    for page in pages or []:
        for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
            yield {"Key": entry["Key"], "VersionId": entry["VersionId"] or "null"}


def _delete_version(s3: Any, bucket: str, version: dict[str, Any]) -> bool:
    """
    Delete one version as forceDestroy does: bypass GOVERNANCE retention and remove a legal hold.

    Returns False if AWS refuses.
    """

    def delete() -> bool:
        request = {"Bucket": bucket, "BypassGovernanceRetention": True, **version}
        return call_or_none(lambda: s3.delete_object(**request), "AccessDenied") is not None

    if delete():
        return True
    if _head_version(s3, bucket, version).get("ObjectLockLegalHoldStatus") != "ON":
        return False
    s3.put_object_legal_hold(Bucket=bucket, LegalHold={"Status": "OFF"}, **version)
    return delete()


def _describe_locks(s3: Any, bucket: str, versions: list[dict[str, Any]]) -> str:
    """Return a message part with the first locked versions, their lock modes and dates; empty without any."""
    locks: list[str] = []
    for version in versions:
        head = _head_version(s3, bucket, version)
        if "ObjectLockMode" in head:
            until = head["ObjectLockRetainUntilDate"].strftime("%Y-%m-%d %H:%M:%S UTC")
            locks.append(f"{version['Key']} ({head['ObjectLockMode']} until {until})")
        elif head.get("ObjectLockLegalHoldStatus") == "ON":
            locks.append(f"{version['Key']} (legal hold)")
        if len(locks) > _MAX_LISTED_LOCKS:
            break
    if not locks:
        return ""
    more = ", ..." if len(locks) > _MAX_LISTED_LOCKS else ""
    return f"; locked: {', '.join(locks[:_MAX_LISTED_LOCKS])}{more}"


def _head_version(s3: Any, bucket: str, version: dict[str, Any]) -> dict[str, Any]:
    """Return the headers of a version; none for a delete marker, for which S3 answers 404 or 405."""
    return call_or_none(lambda: s3.head_object(Bucket=bucket, **version), "404", "405") or {}
