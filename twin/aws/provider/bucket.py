"""S3 buckets."""

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from twin.aws.provider.account import answer
from twin.aws.provider.kind import UniqueKind
from twin.aws.provider.wire import FLAG, TAGS, TEXT, block, pairs, unpaired
from twin.provider.rules import InputRule, at_most_one, length, one_of
from twin.provider.server import InputRefusal, StandInError
from twin.provider.values import Properties

_LISTED_AT_MOST = 10
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
_RESERVED_BEGINNINGS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def name_problem(name: str) -> str | None:
    """
    Say what is wrong with a bucket's name.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    if not _NAME.fullmatch(name):
        return "must have 3 to 63 lower-case letters, digits, dots, hyphens; a letter or digit at each end"
    if ".." in name or re.fullmatch(r"\d+\.\d+\.\d+\.\d+", name):
        return "must neither have two dots in a row nor look like an IP address"
    if name.startswith(_RESERVED_BEGINNINGS) or name.endswith(_RESERVED_ENDS):
        return "begins or ends as S3 keeps to itself"
    return None


def _named(inputs: Properties) -> Iterator[InputRefusal]:
    name = inputs.get("bucket")
    if isinstance(name, str) and (problem := name_problem(name)):
        yield InputRefusal("bucket", f"bucket {name!r} {problem}")


class S3Bucket(UniqueKind):
    """`aws:s3/bucket:Bucket`; its id is its name."""

    label = "S3 Bucket"
    inputs = block(
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
        _named,
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
    remembered = frozenset({"forceDestroy"})
    outputs = ("arn", "bucketDomainName", "bucketRegionalDomainName", "bucketRegion", "hostedZoneId")
    tagged = True
    name_property = "bucket"
    taken_code = "BucketAlreadyOwnedByYou"

    def name_for(self, logical_name: str) -> str:
        return super().name_for(logical_name[:55]).lower()

    def find(self, wanted: Properties, token: str) -> str | None:
        del token
        mine = self._s3(wanted).list_buckets()["Buckets"]
        return next((bucket["Name"] for bucket in mine if bucket["Name"] == wanted["bucket"]), None)

    def found(self, wanted: Properties, token: str) -> str:
        del token
        region = self.region(wanted)
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self._s3(wanted).create_bucket(
            Bucket=wanted["bucket"],
            ObjectLockEnabledForBucket=bool(wanted.get("objectLockEnabled")),
            **where,
        )
        return str(wanted["bucket"])

    def change(self, identifier: str, state: Properties, wanted: Properties) -> None:
        tags = self.tags(wanted)
        if tags == (state.get("tagsAll") or {}):
            return
        if tags:
            self._s3(wanted).put_bucket_tagging(Bucket=identifier, Tagging={"TagSet": pairs(tags)})
        else:
            self._s3(wanted).delete_bucket_tagging(Bucket=identifier)

    def look(self, identifier: str, state: Properties) -> Properties | None:
        s3 = self._s3(state)
        region = answer(lambda: s3.get_bucket_location(Bucket=identifier), "NoSuchBucket")
        if region is None:
            return None
        where = region["LocationConstraint"] or "us-east-1"
        lock = answer(
            lambda: s3.get_object_lock_configuration(Bucket=identifier),
            "ObjectLockConfigurationNotFoundError",
        )
        tags = answer(lambda: s3.get_bucket_tagging(Bucket=identifier), "NoSuchTagSet")
        return {
            "arn": f"arn:aws:s3:::{identifier}",
            "bucket": identifier,
            "bucketDomainName": f"{identifier}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{identifier}.s3.{where}.amazonaws.com",
            "bucketRegion": where,
            "bucketNamespace": "global",
            "hostedZoneId": _HOSTED_ZONES.get(where),
            "objectLockEnabled": lock is not None,
            "tagsAll": unpaired(tags["TagSet"]) if tags else {},
        }

    def remove(self, identifier: str, state: Properties) -> None:
        s3 = self._s3(state)
        stored = list(_versions(s3, identifier))
        if stored and not state.get("forceDestroy"):
            locks = _locks(s3, identifier, stored) if state.get("objectLockEnabled") else ""
            raise StandInError(
                f"deleting {self.label} ({identifier}): BucketNotEmpty: it has {len(stored)} object versions"
                f"{locks}. Set forceDestroy, or empty it, and delete again."
            )
        kept = [version for version in stored if not _deleted(s3, identifier, version)]
        if kept:
            raise StandInError(
                f"deleting {self.label} ({identifier}): AccessDenied: {len(kept)} of {len(stored)} object"
                f" versions are under Object Lock{_locks(s3, identifier, kept)}. The others were deleted."
            )
        answer(lambda: s3.delete_bucket(Bucket=identifier), "NoSuchBucket")

    def _s3(self, properties: Properties) -> Any:
        return self.account.client("s3", self.region(properties))


def _versions(s3: Any, bucket: str) -> Iterator[dict[str, Any]]:
    """Yield every version and delete marker as {Key, VersionId}; nothing for a bucket that is gone."""
    pages = answer(
        lambda: list(s3.get_paginator("list_object_versions").paginate(Bucket=bucket)), "NoSuchBucket"
    )
    for page in pages or []:
        for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
            yield {"Key": entry["Key"], "VersionId": entry["VersionId"] or "null"}


def _deleted(s3: Any, bucket: str, version: dict[str, Any]) -> bool:
    """Delete one version as forceDestroy does, past legal holds and GOVERNANCE; say whether AWS let it go."""

    def delete() -> bool:
        request = {"Bucket": bucket, "BypassGovernanceRetention": True, **version}
        return answer(lambda: s3.delete_object(**request), "AccessDenied") is not None

    if delete():
        return True
    if _head(s3, bucket, version).get("ObjectLockLegalHoldStatus") != "ON":
        return False
    s3.put_object_legal_hold(Bucket=bucket, LegalHold={"Status": "OFF"}, **version)
    return delete()


def _locks(s3: Any, bucket: str, versions: list[dict[str, Any]]) -> str:
    """Name the first few locked versions with mode and date."""
    locked: list[str] = []
    for version in versions:
        head = _head(s3, bucket, version)
        if "ObjectLockMode" in head:
            until = head["ObjectLockRetainUntilDate"].strftime("%Y-%m-%d %H:%M:%S UTC")
            locked.append(f"{version['Key']} ({head['ObjectLockMode']} until {until})")
        elif head.get("ObjectLockLegalHoldStatus") == "ON":
            locked.append(f"{version['Key']} (legal hold)")
        if len(locked) > _LISTED_AT_MOST:
            break
    if not locked:
        return ""
    more = ", ..." if len(locked) > _LISTED_AT_MOST else ""
    return f"; locked: {', '.join(locked[:_LISTED_AT_MOST])}{more}"


def _head(s3: Any, bucket: str, version: dict[str, Any]) -> dict[str, Any]:
    """Ask for a version's lock; a delete marker answers with 404 or 405, and has none."""
    return answer(lambda: s3.head_object(Bucket=bucket, **version), "404", "405") or {}
