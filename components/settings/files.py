"""The platform's files: existing buckets of a Supabase project, which are only read."""

from typing import Annotated

from pydantic import Field, StringConstraints

from components.settings.model import AwsRegion, SettingsModel

_Bucket = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]+$", max_length=100)]


class FileSettings(SettingsModel):
    """What is known of files at Supabase."""

    project: Annotated[str, StringConstraints(pattern=r"^[a-z]{20}$")]
    """Reference of the Supabase project, the first part of its address."""

    region: AwsRegion
    """Region in which Supabase stores the files; the vaults must be in other regions."""

    buckets: Annotated[tuple[_Bucket, ...], Field(min_length=1)]
    """Storage buckets that are backed up, each whole."""

    @property
    def endpoint(self) -> str:
        """Return the address of the S3 protocol (Supabase docs, "S3 Authentication": the direct hostname)."""
        return f"https://{self.project}.storage.supabase.co/storage/v1/s3"


def rules(files: FileSettings) -> list[tuple[str, str]]:
    """Return the problems of the block as a whole."""
    return [("buckets", "names a bucket twice")] if len(set(files.buckets)) < len(files.buckets) else []
