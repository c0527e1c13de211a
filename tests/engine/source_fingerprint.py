"""A fingerprint of the platform's database, state, files and vaults, which no drill may change."""

import hashlib
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from installations import Installation
from inventory import REGIONS, aws_client
from replicated_buckets import await_replication

from recovery.postgres.checksums import compute_checksums
from recovery.postgres.snapshot import take_snapshot

_KINDS: Final = ("Versions", "DeleteMarkers")


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
        "vaults": _vault_versions(installation, outputs),
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


def _vault_versions(installation: Installation, outputs: dict[str, Any]) -> list[set[tuple[str, str]]]:
    """Return what is in the vault, and in its replica once every version of the vault is replicated."""
    vault, replica = outputs["vault"], outputs["vault_replica"]
    here, there = (aws_client(installation, "s3", region) for region in REGIONS)
    for key, version in _list_keys(here, vault, "Versions"):
        assert await_replication(here, vault, key, version) != "PENDING", key
    return [_list_keys(here, vault, *_KINDS), _list_keys(there, replica, *_KINDS)]


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _list_keys(client: Any, bucket: str, *kinds: str) -> set[tuple[str, str]]:
    """Return key and version of all objects but evidence, which drills write."""
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket)
    return {
        (version["Key"], version["VersionId"])
        for page in pages
        for kind in kinds
        for version in page.get(kind, ())
        if not version["Key"].startswith("evidence/")
    }
