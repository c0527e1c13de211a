"""Searches S3 for a stack's primary vault."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from cli.adoption.finding import AdoptableResource, Candidate, SoughtResource
from components.settings import BackupSettings, Settings
from recovery.vault.client import Forbidden, Missing, explain_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NO_LOCK = "it has no Object Lock, without which a vault can be emptied: turn it on at S3, with versioning."


def adoptable_resources(open_s3: Callable[[], "S3Client"], settings: Settings) -> list[AdoptableResource]:
    """Return the bucket that the setting names, or the one of the name that the stack would give."""
    bucket = settings.backups.vault(settings.platform.name)
    sought = SoughtResource(
        f"bucket {bucket}", ("backups", "adopt"), "backups-vault-bucket", settings.backups.adopt
    )
    return [(sought, lambda: _candidates(open_s3, settings.backups, bucket))]


def _candidates(open_s3: Callable[[], "S3Client"], backups: BackupSettings, bucket: str) -> list[Candidate]:
    doing = f"Looking for the bucket {bucket}"
    try:
        with explain_errors(doing):
            s3 = open_s3()
            found = s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=backups.account)
    except Missing:
        return []
    except Forbidden:
        reason = f"it is not of the account {backups.account}, or these credentials may not look at it."
        return [Candidate(bucket, bucket, obstacle=reason)]
    region = found.get("BucketRegion", backups.region)
    if region != backups.region:
        reason = f"it lies in {region}, and the settings say {backups.region}: write `region: {region}`."
        return [Candidate(bucket, bucket, obstacle=reason)]
    return [Candidate(bucket, bucket, obstacle="" if _is_locked(s3, bucket, doing) else _NO_LOCK)]


def _is_locked(s3: "S3Client", bucket: str, doing: str) -> bool:
    with explain_errors(doing):
        try:
            found = s3.get_object_lock_configuration(Bucket=bucket)
        except s3.exceptions.ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ObjectLockConfigurationNotFoundError":
                return False
            raise
    return found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"
