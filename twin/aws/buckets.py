"""Corrections of moto's S3 that backups rely on: Object Lock, policies, configurations."""

import base64
import hashlib
from typing import Any
from urllib.parse import quote

from flask import request
from moto.core.responses import ActionResult
from moto.iam.access_control import PermissionResult
from moto.moto_server import werkzeug_app
from moto.moto_server.utilities import RegexConverter
from moto.s3 import models, responses
from moto.s3.exceptions import AccessDeniedByLock, InvalidBucketState, MissingKey, S3ClientError
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends
from moto.s3.responses import S3Response

from twin.aws.authorization import find_denial
from twin.aws.objects import DurableUpload, ObjectVersion
from twin.aws.policy import RequiredPermission, allows_service_put
from twin.aws.replication import schedule_replication

_ENCODED_FIELDS = ("Key", "Prefix", "Delimiter", "KeyMarker", "NextKeyMarker")
_KEPT_CONFIGURATIONS = ("encryption", "lifecycle", "logging", "replication")


class DurableBucket(FakeBucket):
    """A bucket that keeps its configurations as documents; authorization.py evaluates its policy."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.documents: dict[str, bytes] = {}

    def get_permission(self, action: str, resource: str) -> PermissionResult:  # noqa: ARG002 - moto's
        """Permit every request that reaches moto: twin/aws/authorization.py has authorized it."""
        return PermissionResult.PERMITTED

    @staticmethod
    def _log_permissions_enabled_policy(target_bucket: FakeBucket, target_prefix: str | None) -> bool:
        """Tell whether log delivery may write; moto fails on a statement with the principal `*`."""
        resource = f"{target_bucket.arn}/{target_prefix or ''}"
        document = target_bucket.policy
        return bool(document) and allows_service_put(document.decode(), "logging.s3.amazonaws.com", resource)


class DurableS3Backend(S3Backend):
    """S3 with the Object Lock rules that moto lacks, and with replication."""

    def put_object(self, bucket_name: str, key_name: str, value: bytes, *args: Any, **kwargs: Any) -> FakeKey:
        """Apply an upload's own lock, and the bucket's default retention to uploads and copies too."""
        version = super().put_object(bucket_name, key_name, value, *args, **kwargs)
        bucket = self.get_bucket(bucket_name)
        upload = kwargs.get("multipart")
        if isinstance(upload, DurableUpload) and upload.lock_mode:
            version.lock_mode, version.lock_until = upload.lock_mode, upload.lock_until
        if bucket.has_default_lock and version.lock_mode is None:
            version.lock_mode, version.lock_until = bucket.default_lock_mode, bucket.default_retention()
        schedule_replication(bucket, version)
        return version

    def delete_objects(
        self, bucket_name: str, objects: list[dict[str, Any]], bypass_retention: bool = False
    ) -> tuple[list[tuple[str, str | None, str | None]], list[str]]:
        """Authorize each object of a batch: moto checks keys and never versions."""
        bypass_actions = ["s3:BypassGovernanceRetention"] if bypass_retention else []
        permitted: list[dict[str, Any]] = []
        refused: list[str] = []
        for object_ in objects:
            resource = f"arn:aws:s3:::{bucket_name}/{object_['Key']}"
            actions = [f"s3:DeleteObject{'Version' if object_.get('VersionId') else ''}", *bypass_actions]
            if any(find_denial(request.environ, RequiredPermission(action, resource)) for action in actions):
                refused.append(object_["Key"])
            else:
                permitted.append(object_)
        deleted, locked = super().delete_objects(bucket_name, permitted, bypass_retention)
        return deleted, refused + locked

    def put_object_retention(
        self,
        bucket_name: str,
        key_name: str,
        version_id: str | None,
        retention: tuple[str | None, str | None],
    ) -> None:
        """Refuse to weaken a retention in force, except a GOVERNANCE retention that is bypassed."""
        version = self.get_object(bucket_name, key_name, version_id=version_id)
        mode, until = retention
        bypassed = request.headers.get("x-amz-bypass-governance-retention", "").lower() == "true"
        # moto's is_locked is true under a legal hold, whatever the retention.
        has_legal_hold = version is not None and version.lock_legal_status == "ON"
        if version and not has_legal_hold and version.is_locked(governance_bypass=bypassed):
            weaker_mode = mode not in {version.lock_mode, "COMPLIANCE"}
            if weaker_mode or (until or "") < (version.lock_until or ""):
                raise AccessDeniedByLock
        super().put_object_retention(bucket_name, key_name, version_id, retention)
        if isinstance(version, ObjectVersion) and version.replication:  # S3 replicates changes of a lock
            schedule_replication(self.get_bucket(bucket_name), version)

    def put_object_lock_configuration(
        self,
        bucket_name: str,
        lock_enabled: bool,
        mode: str | None = None,
        days: int | None = None,
        years: int | None = None,
    ) -> None:
        """Set the default retention, also of a bucket with objects, where moto refuses it."""
        bucket = self.get_bucket(bucket_name)
        if not bucket.is_versioned:
            raise InvalidBucketState(
                "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
            )
        bucket.object_lock_enabled = bucket.object_lock_enabled or lock_enabled
        bucket.default_lock_mode = mode
        bucket.default_lock_days = int(days or 0)  # pyrefly: ignore[unnecessary-type-conversion] - moto gives text
        bucket.default_lock_years = int(years or 0)  # pyrefly: ignore[unnecessary-type-conversion] - the same

    def put_bucket_versioning(self, bucket_name: str, status: str) -> None:
        """Refuse to suspend versioning under Object Lock."""
        if status != "Enabled" and self.get_bucket(bucket_name).object_lock_enabled:
            raise InvalidBucketState(
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be"
                " changed"
            )
        super().put_bucket_versioning(bucket_name, status)


class S3Responses(S3Response):
    """S3's protocol with complete configurations and GetObjectRetention, which moto lacks."""

    def _bucket_response_put(self, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
        """Keep configurations as documents; moto drops their filters, grants, sizes and criteria."""
        response = super()._bucket_response_put(request, bucket_name, querystring)
        for document in _KEPT_CONFIGURATIONS:
            bucket = self.backend.get_bucket(bucket_name)
            if document in querystring and isinstance(bucket, DurableBucket):
                bucket.documents[document] = self.body
        return response

    def _bucket_response_get(self, bucket_name: str, querystring: dict[str, Any]) -> Any:
        """Return the kept document: S3 returns the XML that the put request has."""
        response = super()._bucket_response_get(bucket_name, querystring)
        for document in _KEPT_CONFIGURATIONS:
            if document in querystring:
                bucket = self.backend.get_bucket(bucket_name)
                body = bucket.documents.get(document) if isinstance(bucket, DurableBucket) else None
                return (*response[:2], body) if body else response
        return response

    def _serialize(self, action_result: ActionResult) -> Any:
        """Encode the keys of a listing of versions where the client asks for it; moto does not."""
        result: Any = action_result.result
        if isinstance(result, dict) and "Versions" in result and self._is_url_encoded:
            result |= {"EncodingType": "url"}
            entries = [*result["Versions"], *result["DeleteMarkers"], *result.get("CommonPrefixes", ())]
            for each in (result, *entries):
                each |= {name: quote(each[name]) for name in _ENCODED_FIELDS if each.get(name)}
        return super().serialized(action_result)

    serialized = _serialize  # moto's name

    @property
    def _is_url_encoded(self) -> bool:
        return self.querystring.get("encoding-type", [None])[0] == "url"

    def _key_response_put(self, query: dict[str, Any], key_name: str) -> Any:
        """
        Let moto compute a copy's checksum, as AWS does: moto demands one in a locked bucket.

        What is not what its Content-MD5 says is refused, which moto does not do.
        """
        body: Any = self.body
        found = hashlib.md5(body if isinstance(body, bytes) else body.encode(), usedforsecurity=False)
        if self.headers.get("Content-MD5") not in {None, base64.b64encode(found.digest()).decode()}:
            raise S3ClientError("BadDigest", "The Content-MD5 you specified did not match what we received.")
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


class LineFeedConverter(RegexConverter):
    """A part of a path. In moto's patterns `.` matches no line feed, which an object's key may have."""

    def __init__(self, url_map: Any, *items: Any) -> None:
        super().__init__(url_map, *items)
        self.regex = f"(?s:{self.regex})"


def patch_moto_s3() -> None:
    """Replace moto's S3 classes with these; call it before the first bucket exists."""
    models.FakeBucket = DurableBucket
    responses.S3Response = S3Responses
    s3_backends.backend = DurableS3Backend
    werkzeug_app.RegexConverter = LineFeedConverter
