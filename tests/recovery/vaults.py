"""Vaults for tests, on both servers, one of each for a pytest process; conftest.py has the fixtures."""

import base64
import hashlib
import secrets
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from s3_server import Proxy, credentials, proxied, rclone_server
from twin.aws_twin import Service

from recovery.backup import back_up
from recovery.context import RecoveryContext
from recovery.manifest import Manifest
from recovery.vault import upload
from recovery.vault.client import client
from recovery.vault.vault import VaultClient

PART = 5 << 20
"""The smallest that S3 takes."""

LOCK_DAYS = 3


@dataclass
class Place:
    """A bucket behind a proxy, and a way to it that nothing disturbs."""

    vault: VaultClient
    proxy: Proxy
    bucket: str
    raw: Any
    """A plain client that passes the proxy by."""

    def unfinished(self) -> int:
        """Count multipart uploads that are neither finished nor given up."""
        try:
            return len(self.raw.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []))
        except self.raw.exceptions.NoSuchUpload:
            return 0  # rclone, of a bucket that has had none

    def keys(self) -> list[str]:
        """Return the keys of all objects."""
        return [found["Key"] for found in self.raw.list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    def content(self, key: str) -> bytes:
        """Return an object's bytes as the server has them."""
        return self.raw.get_object(Bucket=self.bucket, Key=key)["Body"].read()


def put_over(place: Place, key: str, body: bytes) -> str:
    """Put another content over an object, as the bucket's owner could; return its version."""
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    return place.raw.put_object(Bucket=place.bucket, Key=key, Body=body, ContentMD5=digest)["VersionId"]


PAGE = 100
"""Of a listing by moto; AWS has a thousand in one."""


def backed_up(url: str, vault: VaultClient) -> Manifest:
    """Back a database up as `./bulwark backup` does, without a process of its own."""
    return back_up(RecoveryContext("test", url, {"primary": vault, "replica": vault}, {}, {}))


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in credentials().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    # The twin answers a part that comes too late with an error that is worth a repetition; AWS does not.
    monkeypatch.setattr(upload, "_LANDING_SECONDS", 0.5)


@pytest.fixture(scope="session")
def moto_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    service = Service(tmp_path_factory.mktemp("aws"), MOTO_S3_DEFAULT_MAX_KEYS=str(PAGE))
    yield service.url
    service.kill()


@pytest.fixture(scope="session")
def rclone_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rclone") / "buckets"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def rclone_url(rclone_folder: Path) -> Generator[str]:
    with rclone_server(rclone_folder) as url:
        yield url


@pytest.fixture
def locked(moto_url: str) -> Generator[Place]:
    """Give a vault with versions, conditions and a lock."""
    raw = client("us-east-1", moto_url, attempts=1)
    bucket = f"vault-{secrets.token_hex(4)}"
    raw.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    raw.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": LOCK_DAYS}},
        },
    )
    with proxied(moto_url) as proxy:
        yield Place(VaultClient(client("us-east-1", proxy.url), bucket, part_bytes=PART), proxy, bucket, raw)


@pytest.fixture
def plain(rclone_url: str) -> Generator[Place]:
    """Give a bucket of a server that checks Content-MD5 and has little else."""
    bucket = f"vault-{secrets.token_hex(4)}"
    raw = client("us-east-1", rclone_url, attempts=1)
    raw.create_bucket(Bucket=bucket)
    with proxied(rclone_url) as proxy:
        yield Place(VaultClient(client("us-east-1", proxy.url), bucket, part_bytes=PART), proxy, bucket, raw)


@pytest.fixture(params=["locked", "plain"])
def place(request: pytest.FixtureRequest) -> Place:
    """Give both, one after the other."""
    return request.getfixturevalue(request.param)
