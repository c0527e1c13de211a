"""What the platform runs on, as it is now: no drill may change any of it, however it ends."""

import hashlib
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from installations import Installation
from inventory import REGIONS, aws

from recovery.postgres.checksums import compute_checksums
from recovery.postgres.snapshot import snapshot


def content(installation: Installation, outputs: dict[str, Any]) -> dict[str, Any]:
    """Return digests of database, state, files and backups; not of the canary, which is always written."""
    with snapshot(outputs["backup_database_url"]) as shot:
        database = compute_checksums(outputs["backup_database_url"], shot)
    tables = tuple(table for table in database.tables if table.name != "canary")
    state = installation.home.state / ".pulumi" / "stacks" / "bulwark" / "local.json"
    return {
        "database": database.model_copy(update={"tables": tables}),
        "state": _digest(state),
        "files": {path: _digest(path) for path in installation.home.files.rglob("*") if path.is_file()},
        "vaults": [
            _versions(aws(installation, "s3", region), outputs[name])
            for name, region in zip(("vault", "vault_replica"), REGIONS, strict=True)
        ],
    }


@contextmanager
def canaries(url: str) -> Generator[list[datetime]]:
    """Ask the database again and again when its canary was written; give the answers, each once."""
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


def _versions(client: Any, bucket: str) -> set[tuple[str, str]]:
    """Return key and version of all objects but evidence, which is what a drill writes."""
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket)
    found = [one for page in pages for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))]
    return {(one["Key"], one["VersionId"]) for one in found if not one["Key"].startswith("evidence/")}
