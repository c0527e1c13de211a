"""A fingerprint of the platform's database, state, files and vaults, which no drill may change."""

import hashlib
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from installations import Installation
from inventory import REGIONS, aws_client

from recovery.postgres.checksums import compute_checksums
from recovery.postgres.snapshot import take_snapshot


def take_fingerprint(installation: Installation, outputs: dict[str, Any]) -> dict[str, Any]:
    """Return digests of database, state, files and backups; not of the canary, which changes always."""
    with take_snapshot(outputs["database_urls"]["database"]["backup"]) as shot:
        database = compute_checksums(outputs["database_urls"]["database"]["backup"], shot)
    tables = tuple(table for table in database.tables if table.name != "canary")
    state = installation.home.state / ".pulumi" / "stacks" / "bulwark" / "local.json"
    return {
        "database": database.model_copy(update={"tables": tables}),
        "state": _digest(state),
        "files": {path: _digest(path) for path in installation.home.files.rglob("*") if path.is_file()},
        "vaults": [
            _object_versions(aws_client(installation, "s3", region), outputs[name])
            for name, region in zip(("vault", "vault_replica"), REGIONS, strict=True)
        ],
    }


@contextmanager
def watch_canary(url: str) -> Generator[list[datetime]]:
    """Poll the time at which the canary was written; give a list of the different times."""
    seen: list[datetime] = []
    stopping = threading.Event()

    def ask() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stopping.wait(0.2):
                [(written,)] = connection.execute("SELECT written_at FROM canary").fetchall()
                if written not in seen[-1:]:
                    seen.append(written)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield seen
    finally:
        stopping.set()
        asking.join()


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _object_versions(client: Any, bucket: str) -> set[tuple[str, str]]:
    """Return key and version of all objects but evidence, which drills write."""
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket)
    versions = [
        version for page in pages for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
    ]
    return {
        (version["Key"], version["VersionId"])
        for version in versions
        if not version["Key"].startswith("evidence/")
    }
