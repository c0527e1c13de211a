"""Vaults at the twin's S3 service and at rclone, one server of each for a pytest process, as fixtures."""

import base64
import hashlib
import json
import secrets
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from attesting import SIGN, TRUST
from aws_twin import Service
from s3_server import KEY_ID, SECRET, Proxy, credentials, rclone_server, run_proxy

from recovery.backup import back_up
from recovery.context import RecoveryContext
from recovery.manifest import Manifest
from recovery.vault import upload
from recovery.vault.client import create_client
from recovery.vault.vault import VaultClient

PART_BYTES = 5 << 20
"""The smallest part that S3 takes."""

LOCK_DAYS = 3


@dataclass
class ProxiedVault:
    """A bucket behind a proxy, with a second client that bypasses the proxy."""

    client: VaultClient
    proxy: Proxy
    bucket: str
    direct: Any
    """A boto3 client that bypasses the proxy."""

    def count_unfinished_uploads(self) -> int:
        """Count multipart uploads that are neither finished nor given up."""
        try:
            return len(self.direct.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []))
        except self.direct.exceptions.NoSuchUpload:
            return 0  # rclone, of a bucket that has had none

    def keys(self) -> list[str]:
        """Return the keys of all objects."""
        return [entry["Key"] for entry in self.direct.list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    def content(self, key: str) -> bytes:
        """Return an object's bytes as the server has them."""
        return self.direct.get_object(Bucket=self.bucket, Key=key)["Body"].read()


def overwrite_object(vault: ProxiedVault, key: str, body: bytes) -> str:
    """Overwrite an object, as the bucket's owner could; return the new version."""
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    return vault.direct.put_object(Bucket=vault.bucket, Key=key, Body=body, ContentMD5=digest)["VersionId"]


PAGE_KEYS = 100
"""Keys in a page of a listing by moto; AWS has a thousand."""


def back_up_database(url: str, vault: VaultClient, **options: Any) -> Manifest:
    """Back a database up as `./bulwark backup` does, without a process of its own."""
    context = RecoveryContext(
        "test", {"primary": vault, "replica": vault}, {}, {}, TRUST, SIGN, store="database", database_url=url
    )
    return back_up(context, **options)


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in credentials().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    # To a part after the end of its upload the twin answers an error that is retried; AWS does not.
    monkeypatch.setattr(upload, "_DRAIN_SECONDS", 0.5)


def start_aws(root: Path, **variables: str) -> Service:
    """Start the twin's AWS with the key that rclone takes, and that the environment of these tests has."""
    key = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET}
    (root / "secrets.json").write_text(json.dumps(key))
    return Service(root, **variables)


@pytest.fixture(scope="session")
def moto_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    service = start_aws(tmp_path_factory.mktemp("aws"), MOTO_S3_DEFAULT_MAX_KEYS=str(PAGE_KEYS))
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
def locked_vault(moto_url: str) -> Generator[ProxiedVault]:
    """Give a vault with versions, conditions and a lock."""
    raw = create_client("us-east-1", moto_url, attempts=1)
    bucket = f"vault-{secrets.token_hex(4)}"
    raw.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    raw.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": LOCK_DAYS}},
        },
    )
    with run_proxy(moto_url) as proxy:
        yield ProxiedVault(
            VaultClient(create_client("us-east-1", proxy.url), bucket, part_bytes=PART_BYTES),
            proxy,
            bucket,
            raw,
        )


@pytest.fixture
def plain_vault(rclone_url: str) -> Generator[ProxiedVault]:
    """Give a bucket of rclone, which checks Content-MD5 and has no versions, conditions or locks."""
    bucket = f"vault-{secrets.token_hex(4)}"
    raw = create_client("us-east-1", rclone_url, attempts=1)
    raw.create_bucket(Bucket=bucket)
    with run_proxy(rclone_url) as proxy:
        yield ProxiedVault(
            VaultClient(create_client("us-east-1", proxy.url), bucket, part_bytes=PART_BYTES),
            proxy,
            bucket,
            raw,
        )


@pytest.fixture(params=["locked_vault", "plain_vault"])
def any_vault(request: pytest.FixtureRequest) -> ProxiedVault:
    """Give a locked vault and a plain one, one after the other."""
    return request.getfixturevalue(request.param)
