"""Where a vault is, and how policies name it before it exists."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class VaultNames:
    """
    The names of a vault, its key and its access log.

    They are plain texts: policies and roles name a vault before it exists.
    """

    platform: str
    """Prefix of the physical names, at most 20 characters: a bucket's name has 63."""

    account: str
    """Number of the account at AWS, twelve digits."""

    region: str
    bucket: str
    """Name of the bucket."""

    @classmethod
    def of(cls, platform: str, account: str, region: str, bucket: str | None = None) -> Self:
        """Name a vault; without a bucket it is `<platform>-vault-<account>-<region>`."""
        return cls(platform, account, region, bucket or f"{platform}-vault-{account}-{region}")

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.bucket}"

    @property
    def log_bucket(self) -> str:
        """Name of the bucket of its access log."""
        return f"{self.platform}-access-log-{self.account}-{self.region}"

    @property
    def trail_bucket(self) -> str:
        """Name of the bucket of the trail that begins in its account and region."""
        return f"{self.platform}-trail-{self.account}-{self.region}"

    @property
    def key_alias(self) -> str:
        return f"alias/{self.platform}-vault-{self.region}"

    @property
    def keys_arn(self) -> str:
        """Every key of its account and region; with `key_alias` as a condition, the vault's alone."""
        return f"arn:aws:kms:{self.region}:{self.account}:key/*"
