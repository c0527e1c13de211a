"""Where moto's S3 differs from AWS in what backups rest on: Object Lock, policies, configurations."""

from typing import Any

from flask import request
from moto.iam.access_control import PermissionResult
from moto.s3 import models, responses
from moto.s3.exceptions import AccessDeniedByLock, InvalidBucketState, MissingKey, S3ClientError
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends
from moto.s3.responses import S3Response

from twin.aws.authorization import denial
from twin.aws.objects import ObjectVersion
from twin.aws.policy import AuthorizationRequest, lets_service_put
from twin.aws.replication import replicate_later

_DOCUMENTS = ("lifecycle", "logging", "replication")


class DurableBucket(FakeBucket):
    """A bucket that keeps configurations as they came; its policy is judged before moto sees a request."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.documents: dict[str, bytes] = {}

    def get_permission(self, action: str, resource: str) -> PermissionResult:  # noqa: ARG002 - moto's
        """Permit what comes this far: twin/aws/authorization.py refuses the rest before."""
        return PermissionResult.PERMITTED

    @staticmethod
    def _log_permissions_enabled_policy(target_bucket: FakeBucket, target_prefix: str | None) -> bool:
        """Find log delivery's permission where moto fails on a statement for everybody."""
        resource = f"{target_bucket.arn}/{target_prefix or ''}"
        document = target_bucket.policy
        return bool(document) and lets_service_put(document.decode(), "logging.s3.amazonaws.com", resource)


class DurableS3Backend(S3Backend):
    """S3 with the Object Lock rules that moto leaves out."""

    def put_object(self, bucket_name: str, key_name: str, value: bytes, *args: Any, **kwargs: Any) -> FakeKey:
        """Apply the bucket's default retention to multipart uploads and copies too."""
        version = super().put_object(bucket_name, key_name, value, *args, **kwargs)
        bucket = self.get_bucket(bucket_name)
        if bucket.has_default_lock and version.lock_mode is None:
            version.lock_mode, version.lock_until = bucket.default_lock_mode, bucket.default_retention()
        replicate_later(bucket, version)
        return version

    def delete_objects(
        self, bucket_name: str, objects: list[dict[str, Any]], bypass_retention: bool = False
    ) -> tuple[list[tuple[str, str | None, str | None]], list[str]]:
        """Judge each object of a batch by itself: moto asks about keys, and never about versions."""
        bypassing = ["s3:BypassGovernanceRetention"] if bypass_retention else []
        permitted: list[dict[str, Any]] = []
        refused: list[str] = []
        for one in objects:
            resource = f"arn:aws:s3:::{bucket_name}/{one['Key']}"
            needed = [f"s3:DeleteObject{'Version' if one.get('VersionId') else ''}", *bypassing]
            if any(denial(request.environ, AuthorizationRequest(action, resource)) for action in needed):
                refused.append(one["Key"])
            else:
                permitted.append(one)
        deleted, locked = super().delete_objects(bucket_name, permitted, bypass_retention)
        return deleted, refused + locked

    def put_object_retention(
        self,
        bucket_name: str,
        key_name: str,
        version_id: str | None,
        retention: tuple[str | None, str | None],
    ) -> None:
        """Refuse to weaken a retention that is in force (GOVERNANCE: unless bypassed)."""
        version = self.get_object(bucket_name, key_name, version_id=version_id)
        mode, until = retention
        bypassed = request.headers.get("x-amz-bypass-governance-retention", "").lower() == "true"
        held = version is not None and version.lock_legal_status == "ON"  # says nothing about retention
        if version and not held and version.is_locked(governance_bypass=bypassed):
            weaker_mode = mode not in {version.lock_mode, "COMPLIANCE"}
            if weaker_mode or (until or "") < (version.lock_until or ""):
                raise AccessDeniedByLock
        super().put_object_retention(bucket_name, key_name, version_id, retention)
        if isinstance(version, ObjectVersion) and version.replication:  # S3 replicates a lock's changes
            replicate_later(self.get_bucket(bucket_name), version)

    def put_object_lock_configuration(
        self,
        bucket_name: str,
        lock_enabled: bool,
        mode: str | None = None,
        days: int | None = None,
        years: int | None = None,
    ) -> None:
        """Change the default retention of a bucket that has objects, which moto refuses."""
        bucket = self.get_bucket(bucket_name)
        if not bucket.is_versioned:
            raise InvalidBucketState(
                "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
            )
        bucket.object_lock_enabled = bucket.object_lock_enabled or lock_enabled
        bucket.default_lock_mode = mode
        bucket.default_lock_days = int(days or 0)
        bucket.default_lock_years = int(years or 0)

    def put_bucket_versioning(self, bucket_name: str, status: str) -> None:
        """Refuse to suspend it under Object Lock."""
        if status != "Enabled" and self.get_bucket(bucket_name).object_lock_enabled:
            raise InvalidBucketState(
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be"
                " changed"
            )
        super().put_bucket_versioning(bucket_name, status)


class S3Responses(S3Response):
    """S3's protocol with what moto forgets: parts of configurations, and GetObjectRetention."""

    def _bucket_response_put(self, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
        """Keep configurations as they came; moto drops their filters, grants, sizes and criteria."""
        answer = super()._bucket_response_put(request, bucket_name, querystring)
        for document in _DOCUMENTS:
            bucket = self.backend.get_bucket(bucket_name)
            if document in querystring and isinstance(bucket, DurableBucket):
                bucket.documents[document] = self.body
        return answer

    def _bucket_response_get(self, bucket_name: str, querystring: dict[str, Any]) -> Any:
        """Answer with the kept configuration: S3 speaks the same XML both ways."""
        answer = super()._bucket_response_get(bucket_name, querystring)
        for document in _DOCUMENTS:
            if document in querystring:
                bucket = self.backend.get_bucket(bucket_name)
                kept = bucket.documents.get(document) if isinstance(bucket, DurableBucket) else None
                return (*answer[:2], kept) if kept else answer
        return answer

    def _key_response_put(self, query: dict[str, Any], key_name: str) -> Any:
        """Give a copy the checksum that moto demands of it in a locked bucket; AWS computes one by itself."""
        if "x-amz-copy-source" in self.headers:
            if self.headers.get("If-None-Match") or self.headers.get("If-Match"):
                raise S3ClientError("NotImplemented", "A copy can't be made conditional on what it replaces")
            request.environ.setdefault("HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM", "CRC32")
        return super()._key_response_put(query, key_name)

    def _key_response_get(self, query: dict[str, Any], key_name: str) -> Any:
        if "retention" not in query:
            return super()._key_response_get(query, key_name)
        version = self.backend.get_object(self.bucket_name, key_name, query.get("versionId", [None])[0])
        if version is None:
            raise MissingKey(key=key_name)
        if version.lock_mode is None:
            raise S3ClientError(
                "NoSuchObjectLockConfiguration",
                "The specified object does not have a ObjectLock configuration",
            )
        mode, until = f"<Mode>{version.lock_mode}</Mode>", version.lock_until
        return 200, {}, f"<Retention>{mode}<RetainUntilDate>{until}</RetainUntilDate></Retention>"


def correct_s3() -> None:
    """Make moto use these classes from here on; call it before the first bucket exists."""
    models.FakeBucket = DurableBucket
    responses.S3Response = S3Responses
    s3_backends.backend = DurableS3Backend
