"""Where a vault is, and how policies name it before it exists."""

from dataclasses import dataclass
from typing import Self

from components.settings import BackupSettings, PlatformSettings
from components.settings.backups import vault_name


@dataclass(frozen=True)
class VaultNames:
    """The names of a vault, its key and its access log, all of which follow from the settings."""

    platform: str
    account: str
    region: str
    bucket: str
    """Name of the bucket."""

    @classmethod
    def of(cls, platform: str, account: str, region: str, bucket: str | None = None) -> Self:
        return cls(platform, account, region, bucket or vault_name(platform, account, region))

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


def name_vaults(backups: BackupSettings, platform: PlatformSettings) -> tuple[VaultNames, VaultNames]:
    """Return the names of the primary vault and of its replica."""
    return (
        VaultNames.of(platform.name, backups.account, backups.region, backups.bucket),
        VaultNames.of(platform.name, backups.replica_account, backups.replica.region),
    )
