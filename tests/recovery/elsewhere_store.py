"""A bucket at a second S3 server, with the key pair of the copies in it, as fixtures to import."""

import secrets
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage
import pytest
from attesting import SIGN, TRUST
from aws_twin import Service
from s3_server import Proxy, run_proxy
from vaults import ProxiedVault, start_aws

from recovery.age import AgeIdentity, read_identity
from recovery.elsewhere.copies import CopyRules
from recovery.elsewhere.fill import copy_backups
from recovery.elsewhere.vault import ElsewhereVault
from recovery.vault.client import create_client

__all__ = ["LOCK_DAYS", "Elsewhere", "elsewhere", "second_server", "write_identity"]

LOCK_DAYS = 5


@dataclass
class Elsewhere:
    """A bucket at a second S3 server, and the key pair that copies in it are encrypted to."""

    url: str
    bucket: str
    direct: Any
    identity: AgeIdentity
    rules: CopyRules
    proxy: Proxy

    def open(self, *, identity: AgeIdentity | None = None, trust: Any = TRUST) -> ElsewhereVault:
        client = create_client("us-east-1", self.proxy.url, attempts=2, portable=True)
        return ElsewhereVault(client, self.bucket, trust=trust, rules=self.rules, identity=identity)

    def fill(self, source: ProxiedVault, **changes: Any) -> list[Any]:
        options: dict[str, Any] = {"trust": TRUST, "issue_token": SIGN, **changes}
        return copy_backups(source.client, self.open(), **options)

    def bodies(self) -> bytes:
        """Return everything that lies there, one after the other."""
        found = self.direct.list_object_versions(Bucket=self.bucket).get("Versions", [])
        return b"".join(
            self.direct.get_object(Bucket=self.bucket, Key=one["Key"], VersionId=one["VersionId"])[
                "Body"
            ].read()
            for one in found
        )


def write_identity(folder: Path) -> tuple[AgeIdentity, str]:
    """Write an identity file as age-keygen does; return it and its public key."""
    key = pyrage.x25519.Identity.generate()
    file = folder / f"identity-{secrets.token_hex(4)}"
    file.touch(mode=0o600)
    file.write_text(f"# created: 2030-01-01T00:00:00Z\n# public key: {key.to_public()}\n{key}\n")
    return read_identity(file), str(key.to_public())


@pytest.fixture(scope="session")
def second_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    service = start_aws(tmp_path_factory.mktemp("elsewhere"))
    yield service
    service.kill()


@pytest.fixture
def elsewhere(second_server: Service, tmp_path: Path) -> Generator[Elsewhere]:
    raw = create_client("us-east-1", second_server.url, attempts=1)
    bucket = f"copies-{secrets.token_hex(4)}"
    raw.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    identity, public = write_identity(tmp_path)
    rules = CopyRules((public,), LOCK_DAYS)
    with run_proxy(second_server.url) as proxy:
        proxy.has_few_features = True
        yield Elsewhere(second_server.url, bucket, raw, identity, rules, proxy)
