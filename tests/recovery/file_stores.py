"""A bucket of files beside a locked vault, both at the twin's S3 service, as a fixture to import."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from attesting import SIGN, TRUST
from s3_server import KEY_ID, SECRET, Proxy, run_proxy
from vaults import ProxiedVault

from recovery.context import RecoveryContext
from recovery.files.backup import back_up_files
from recovery.files.manifest import FileEntry, FilesManifest, read_listing
from recovery.files.source import FileSource
from recovery.vault.client import AccessKey, create_client
from recovery.vault.vault import VaultClient

__all__ = ["FileStore", "ProxiedVault", "store"]

KEY = AccessKey(KEY_ID, SECRET)


@dataclass
class FileStore:
    """A bucket of files behind a proxy, and a vault behind another."""

    source: FileSource
    proxy: Proxy
    vault: ProxiedVault
    direct: Any
    """A boto3 client of the source that bypasses the proxy."""

    @property
    def bucket(self) -> str:
        return self.source.buckets[0]

    @property
    def vault_client(self) -> VaultClient:
        return self.vault.client

    def put(self, *keys: str, body: bytes | None = None, **more: Any) -> None:
        """Put objects into the source, each with its key as content unless another is given."""
        for key in keys:
            content = key.encode() if body is None else body
            self.direct.put_object(Bucket=self.bucket, Key=key, Body=content, **more)

    def remove(self, *keys: str) -> None:
        for key in keys:
            self.direct.delete_object(Bucket=self.bucket, Key=key)

    def back_up(self, **more: Any) -> FilesManifest:
        return back_up_files(
            RecoveryContext(
                "test", {"primary": self.vault_client}, {}, {}, TRUST, SIGN, files=self.source, store="files"
            ),
            **more,
        )

    def items(self, manifest: FilesManifest) -> dict[str, FileEntry]:
        return {item.key: item for item in read_listing(manifest, self.vault_client)}

    def content(self, item: FileEntry) -> bytes:
        """Return the vault's bytes of an entry's version."""
        answer = self.vault.direct.get_object(
            Bucket=self.vault.bucket, Key=item.copy_key("files"), VersionId=item.version
        )
        return answer["Body"].read()

    def versions(self, key: str) -> list[str]:
        """Return the ids of all versions of a file's copy in the vault, the newest first."""
        copy_key = f"files/objects/files/{self.bucket}/{key}"
        listing = self.vault.direct.list_object_versions(Bucket=self.vault.bucket, Prefix=copy_key)
        return [version["VersionId"] for version in listing.get("Versions", []) if version["Key"] == copy_key]


@pytest.fixture
def store(moto_url: str, locked_vault: ProxiedVault) -> Iterator[FileStore]:
    """Give an empty store of files and an empty vault."""
    raw = create_client("eu-central-1", moto_url, attempts=1)
    bucket = f"documents-{secrets.token_hex(4)}"
    raw.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    with run_proxy(moto_url) as proxy:
        yield FileStore(FileSource(proxy.url, "eu-central-1", (bucket,), KEY), proxy, locked_vault, raw)
