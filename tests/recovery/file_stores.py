"""A store of files beside a locked vault, both of the twin's S3 service; import the fixtures from here."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from s3_server import KEY_ID, SECRET, Proxy, proxied
from vaults import Place

from recovery.context import RecoveryContext
from recovery.files.backup import back_up_files
from recovery.files.manifest import FileEntry, FilesManifest, items
from recovery.files.source import Source
from recovery.vault.client import AccessKey, client
from recovery.vault.vault import VaultClient

__all__ = ["Place", "Store", "store"]

KEY = AccessKey(KEY_ID, SECRET)


@dataclass
class Store:
    """A bucket of files behind a proxy, and a vault behind another."""

    source: Source
    proxy: Proxy
    place: Place
    raw: Any
    """A plain client of the source that passes the proxy by."""

    @property
    def bucket(self) -> str:
        return self.source.buckets[0]

    @property
    def vault(self) -> VaultClient:
        return self.place.vault

    def put(self, *keys: str, body: bytes | None = None, **more: Any) -> None:
        """Put objects into the source, each with its key as content unless another is given."""
        for key in keys:
            content = key.encode() if body is None else body
            self.raw.put_object(Bucket=self.bucket, Key=key, Body=content, **more)

    def remove(self, *keys: str) -> None:
        for key in keys:
            self.raw.delete_object(Bucket=self.bucket, Key=key)

    def back_up(self, **more: Any) -> FilesManifest:
        return back_up_files(
            RecoveryContext("example", "", {"primary": self.vault}, {}, {}, files=self.source), **more
        )

    def items(self, manifest: FilesManifest) -> dict[str, FileEntry]:
        return {item.key: item for item in items(manifest, self.vault)}

    def content(self, item: FileEntry) -> bytes:
        """Return what the vault has of an item's version."""
        answer = self.place.raw.get_object(Bucket=self.place.bucket, Key=item.place, VersionId=item.version)
        return answer["Body"].read()

    def versions(self, key: str) -> list[str]:
        """Return the ids of all versions that the vault has of a copy, the newest first."""
        place = f"files/objects/{self.bucket}/{key}"
        found = self.place.raw.list_object_versions(Bucket=self.place.bucket, Prefix=place)
        return [one["VersionId"] for one in found.get("Versions", []) if one["Key"] == place]


@pytest.fixture
def store(moto_url: str, locked: Place) -> Iterator[Store]:
    """Give an empty store of files and an empty vault."""
    raw = client("eu-central-1", moto_url, attempts=1)
    bucket = f"documents-{secrets.token_hex(4)}"
    raw.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    with proxied(moto_url) as proxy:
        yield Store(Source(proxy.url, "eu-central-1", (bucket,), KEY), proxy, locked, raw)


def keys(found: Iterable[FileEntry]) -> list[str]:
    return [item.key for item in found]
