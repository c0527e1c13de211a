"""One backup, or one way back, as `./bulwark` does it, of what the environment names; see backup.py."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from core import vault_layout
from recovery import catalogue
from recovery.backup import back_up
from recovery.context import RecoveryContext
from recovery.manifest import Manifest
from recovery.postgres.checksums import compute_checksums, differences
from recovery.postgres.client_programs import find
from recovery.postgres.compression import compressed
from recovery.postgres.dump import dump
from recovery.postgres.snapshot import snapshot
from recovery.restore import restore_database
from recovery.vault.client import client
from recovery.vault.vault import VaultClient

VAULT: Final = VaultClient(client("us-east-1", os.environ["BENCH_ENDPOINT"]), "vault")
URL: Final = os.environ["BENCH_URL"]


def backup() -> None:
    back_up(RecoveryContext("bench", URL, {"primary": VAULT}, {}, {}))


def dumped() -> None:
    """Do what a backup does but for the figures."""
    with snapshot(URL) as shot:
        clients = find(URL, major=shot.server.major)
        key = f"bare/{vault_layout.new_id(shot.taken_at)}.pgc.zst"
        VAULT.store(key, compressed(dump(clients, URL, shot.id)))


def restore(*, compare: bool) -> None:
    target = os.environ["BENCH_TARGET"]
    manifest = catalogue.choose_backup(catalogue.read_backups(VAULT, Manifest))
    with tempfile.TemporaryDirectory() as folder:
        restore_database(manifest, VAULT, target, folder=Path(folder))
    if compare:
        with snapshot(target) as shot:
            found = differences(manifest.figures, compute_checksums(target, shot))
        if found:
            sys.exit("\n".join(found))


match sys.argv[1:]:
    case ["backup"]:
        backup()
    case ["dump"]:
        dumped()
    case ["restore"]:
        restore(compare=False)
    case ["verify"]:
        restore(compare=True)
    case _:
        sys.exit(f"{sys.argv[0]}: backup, dump, restore or verify")
